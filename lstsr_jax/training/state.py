"""What a training run carries from step to step."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct


@struct.dataclass
class TrainState:
    """Step counter, variables and optimiser state: a pytree that is the same on every device.

    Attributes:
        step: steps done.
        params: the parameters that the optimiser moves.
        batch_stats: of batch normalisation; empty without.
        opt_state: of the optimiser.
        average: moving average of ``params``; empty if none is asked for.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    average: Any = struct.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, Any]:
        """What is scored and published, as ``module.apply`` takes it: the average of the parameters if there is one."""
        params = self.average or self.params
        return {"params": params, **({"batch_stats": self.batch_stats} if self.batch_stats else {})}


def create_state(
    module: nn.Module,
    optimizer: optax.GradientTransformation,
    seed: int,
    shape: tuple[int, int, int],
    *,
    averaged: bool = False,
) -> TrainState:
    """Initial state for network inputs of ``shape`` (H, W, C); deterministic by seed on one kind of device."""
    # The default generator, inlined for every parameter, would take longer to compile than the training step.
    key = jax.random.key(seed, impl="rbg")
    variables = jax.jit(module.init)(key, jnp.zeros((1, *shape)))
    params = variables["params"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables.get("batch_stats", {}),
        opt_state=jax.jit(optimizer.init)(params),
        average=jax.tree.map(jnp.copy, params) if averaged else {},
    )
