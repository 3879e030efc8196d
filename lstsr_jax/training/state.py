"""What a training run carries from step to step."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct


@struct.dataclass
class TrainState:
    """Step counter, variables and optimiser state: a pytree that is the same on every device."""

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any

    @property
    def variables(self) -> dict[str, Any]:
        """As ``module.apply`` takes them."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def create_state(module: nn.Module, optimizer: optax.GradientTransformation, seed: int, side: int) -> TrainState:
    """Initial state for images of ``side`` x ``side`` fine pixels; deterministic by seed."""
    variables = jax.jit(module.init)(jax.random.key(seed), jnp.zeros((1, side, side, 1)))
    params = variables["params"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables.get("batch_stats", {}),
        opt_state=jax.jit(optimizer.init)(params),
    )
