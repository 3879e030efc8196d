"""Training: schedules, pmapped steps, checkpoints, logs and the loop."""

from lstsr_jax.training.loop import train

__all__ = ["train"]
