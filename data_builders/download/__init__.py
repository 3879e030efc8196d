"""Granules of NASA's LP DAAC in a folder, each checked; may import `lstsr_jax.geo` and what lies below it."""

from data_builders.download.fetching import fetch, plan
from data_builders.download.outcome import Outcome

__all__ = ["Outcome", "fetch", "plan"]
