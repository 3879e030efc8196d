"""Training: schedules, pmapped steps, checkpoints, logs and the loop."""

from lstsr_jax.training.loop import train
from lstsr_jax.training.requests import Stopped

__all__ = ["Stopped", "train"]
