"""What is learnt, and what a part of a training batch comes to: sums that add up over parts and devices."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from lstsr_jax.config import ModelConfig
from lstsr_jax.predictor import Normalization

CHARBONNIER_K = 0.1
PENALTIES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "mse": jnp.square,
    "l1": jnp.abs,
    "charbonnier": lambda error: jnp.hypot(error, CHARBONNIER_K),
}
"""What an error in K costs, by name of the loss."""
Batch = dict[str, Any]
"""Arrays by name."""
Metrics = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Task:
    """What is learnt: the network, the path from coarse to fine LST around it, and from what.

    Attributes:
        module: the network.
        model: the path around it.
        normalization: between kelvin and what the network sees.
        coarsen: patches are pooled by it first.
        loss: of patches, a key of ``PENALTIES``.
        weigh_by: ``"bicubic"``: of each patch as a share of that of its bicubic interpolation; or ``"none"``.
        ssim_weight: of pairs, see :func:`lstsr_jax.training.pairs.objective.pairs_cost`.
        patches_weight: of the patches' loss beside that of the pairs, where a batch holds both.
    """

    module: nn.Module
    model: ModelConfig
    normalization: Normalization
    coarsen: int = 1
    loss: str = "mse"
    weigh_by: str = "none"
    ssim_weight: float = 2.0
    patches_weight: float = 1.0

    def guides(self, images: Batch) -> Batch:
        """Those of the images that the network is guided by."""
        return {name: images[name] for name in self.model.guides if name in images}


class Cost(NamedTuple):
    """Sums over a part of a batch.

    Attributes:
        counted: of what the loss is a mean over: observed pixels of patches, pairs.
        cost: sum of the loss over them.
        pixels: observed.
        squared: sum over these of the squared error, K^2.
    """

    counted: jax.Array
    cost: jax.Array
    pixels: jax.Array
    squared: jax.Array


CostOf = Callable[[Task, jax.Array, Batch], Cost]
"""``(task, fine, part)``: what fine fields ``(b, H, W, 1)`` K cost. The part holds ``coarse``, which they were made of,
the guides of the network, and the truth."""
