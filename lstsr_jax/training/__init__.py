"""Floor 2: schedules, compiled steps, checkpoints, logs and the loop; imports floors 0 and 1."""

from lstsr_jax.training.interrupts import Stopped
from lstsr_jax.training.loop import train
from lstsr_jax.training.program import Program, build_program

__all__ = ["Program", "Stopped", "build_program", "train"]
