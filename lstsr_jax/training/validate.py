"""Scores on the validation split, during training."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from lstsr_jax.data import Example, evaluation_batches
from lstsr_jax.training.placement import share_out
from lstsr_jax.training.program import Program
from lstsr_jax.training.state import TrainState


class Scores(NamedTuple):
    """Means over validation images of the RMSE of the network and of its interpolated input, K."""

    rmse: float
    ilr_rmse: float


def validate(program: Program, state: TrainState, source: Sequence[Example], batch_size: int) -> Scores:
    """Score a state; with several processes each takes its part of every batch, and all get the same scores."""
    place = program.placement
    sums = []
    for batch, _ in evaluation_batches(source, batch_size, process=place.process, processes=place.processes):
        sums.append(program.eval_step(state.variables, share_out(batch, len(place.local))))
    total = jax.tree.map(lambda *parts: float(np.sum(parts)), *jax.device_get(sums))
    images = max(total["images"], 1)
    return Scores(total["rmse"] / images, total["ilr_rmse"] / images)
