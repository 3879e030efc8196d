"""What a training run carries from step to step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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
        squared_error: sum over the steps of this epoch of their mean squared error, K^2.
        epoch_steps: steps done in this epoch.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    average: Any
    squared_error: jax.Array
    epoch_steps: jax.Array

    def __repr__(self) -> str:
        """One line, without the arrays."""
        count = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        averaged = ", averaged" if self.average else ""
        return f"TrainState(step {self.step}, {count:,} parameters{averaged})"

    @property
    def variables(self) -> dict[str, Any]:
        """What is scored and published, as ``module.apply`` takes it: the average of the parameters if there is one."""
        params = self.average or self.params
        return {"params": params, **({"batch_stats": self.batch_stats} if self.batch_stats else {})}

    def rmse(self) -> float:
        """Root of the mean squared error of this epoch's steps so far, K; waits for the device."""
        return float(np.sqrt(np.float64(self.squared_error) / np.float64(self.epoch_steps)))

    def at_epoch_start(self) -> "TrainState":
        """The same state with the sums of the epoch at zero, placed as they are."""
        sums = (self.squared_error, self.epoch_steps)
        squared_error, epoch_steps = (jax.device_put(np.zeros((), leaf.dtype), leaf.sharding) for leaf in sums)
        result: TrainState = self.replace(squared_error=squared_error, epoch_steps=epoch_steps)  # type: ignore[attr-defined]
        return result


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
        squared_error=jnp.zeros(()),
        epoch_steps=jnp.zeros((), jnp.int32),
    )
