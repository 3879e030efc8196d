"""Floor 2: schedules, compiled steps, checkpoints, logs and the loop; imports floors 0 and 1. Loaded lazily.

The steps (:mod:`.program`) need JAX, Flax and optax only; the loop also reads prepared datasets and writes checkpoints.
"""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.training.interrupts import Stopped
    from lstsr_jax.training.loop import train
    from lstsr_jax.training.program import Program, build_program

_HOME = {"Program": ".program", "Stopped": ".interrupts", "build_program": ".program", "train": ".loop"}

__all__ = ["Program", "Stopped", "build_program", "train"]

__getattr__ = lazily(__name__, _HOME)
