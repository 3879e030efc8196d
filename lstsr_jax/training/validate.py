"""Scores on what is held out, during training: the validation split of the patches, the fold of the pairs."""

from collections.abc import Sequence

import jax
import numpy as np

from lstsr_jax.config import Config
from lstsr_jax.data import Example, evaluation_batches
from lstsr_jax.training.pairs.batches import scoring_batches
from lstsr_jax.training.pairs.examples import PairExample
from lstsr_jax.training.placement import share_out
from lstsr_jax.training.program import Program
from lstsr_jax.training.state import TrainState
from lstsr_jax.training.task import Batch, Metrics


def validate(
    program: Program, state: TrainState, config: Config, patches: Sequence[Example] | None, pairs: Sequence[PairExample]
) -> dict[str, float]:
    """Score a state; with several processes each takes its part of every batch, and all get the same scores.

    Args:
        program: of the run.
        state: to score.
        config: of the run.
        patches: the validation split, if there is one.
        pairs: of the fold that is left out, if there is one.

    Returns:
        Of patches the means over images of ``validation_rmse_k``, that of the network, and ``validation_ilr_rmse_k``,
        that of its interpolated input, K. Of pairs the means over pairs of ``pairs_rmse_ub_k``, ``pairs_ssim_ub`` and
        ``pairs_ilr_rmse_ub_k``.
    """
    place = program.placement
    here = {"process": place.process, "processes": place.processes}
    scores: dict[str, float] = {}
    if patches is not None:
        batches = evaluation_batches(patches, config.train.batch_size, **here)
        total = _total([_score(program, state, batch) for batch, _ in batches])
        images = max(total["images"], 1)
        scores |= {f"validation_{name}_k": total[name] / images for name in ("rmse", "ilr_rmse")}
    if pairs:
        total = _total([_score(program, state, {"pairs": batch}) for batch in scoring_batches(pairs, config, **here)])
        names = {"rmse_ub": "pairs_rmse_ub_k", "ssim_ub": "pairs_ssim_ub", "ilr_rmse_ub": "pairs_ilr_rmse_ub_k"}
        scores |= {shown: total[name] / max(total["pairs"], 1) for name, shown in names.items()}
    return scores


def _score(program: Program, state: TrainState, batch: Batch) -> Metrics:
    return program.eval_step(state.variables, share_out(batch, len(program.placement.local)))


def _total(sums: list[Metrics]) -> dict[str, float]:
    total: dict[str, float] = jax.tree.map(lambda *parts: float(np.sum(parts)), *jax.device_get(sums))
    return total
