"""One evaluation from checkpoints and a prepared dataset to a report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from lstsr_jax.config import SMALLEST_PATCH
from lstsr_jax.data import PreparedDataset, images
from lstsr_jax.errors import InputError, make_directory
from lstsr_jax.evaluation.dynamic_range import beaten_line, range_figure
from lstsr_jax.evaluation.figures import comparison_figure
from lstsr_jax.evaluation.leaks import trained_on_line, trained_on_patches
from lstsr_jax.evaluation.methods import (
    Method,
    build_methods,
    with_self_ensembles,
)
from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.evaluation.report import write_report
from lstsr_jax.evaluation.rows import describe_predictors, name_predictors
from lstsr_jax.evaluation.table import Scores, score
from lstsr_jax.ops.degradation import coarsen, degrade
from lstsr_jax.predictor import Predictor


def evaluate(
    predictors: Sequence[Predictor],
    dataset: PreparedDataset,
    report_dir: Path,
    *,
    classical: Sequence[str],
    protocol: Protocol,
    split: str = "test",
    coarsen_by: int = 1,
    ensemble: bool = False,
) -> str:
    """Score networks and classical methods on a split and write the report.

    Args:
        predictors: trained networks, all of one factor.
        dataset: prepared patches.
        report_dir: receives the report.
        classical: names of methods that need no checkpoint.
        protocol: what is scored.
        split: ``train``, ``validation``, ``test`` or ``all``.
        coarsen_by: pool the patches by this factor first: 2 scores 8 km to 2 km.
        ensemble: add each network's self-ensemble.

    Returns:
        The table, for the terminal.

    Raises:
        InputError: if the split is empty, a method unknown, the networks differ in factor, or the patches too small.
    """
    factors = {predictor.factor for predictor in predictors} or {4}
    if len(factors) > 1:
        raise InputError(f"`checkpoint`: the networks differ in factor ({sorted(factors)}); evaluate them apart")
    factor = factors.pop()
    named = name_predictors(predictors)
    rows = with_self_ensembles(named) if ensemble else named
    methods = build_methods(classical, rows, protocol, factor)
    source = dataset.source(split)
    _check_scale(source[0]["lst"].shape[0], coarsen_by, factor)
    make_directory("--report-dir", report_dir)  # before the work, not after it
    scores = score(methods, protocol, source, factor, coarsen_by=coarsen_by)
    description = {
        "split": split,
        "coarsened_by": coarsen_by,
        "split_by": dataset.metadata["split_by"],
        "data": dataset.metadata["source"],
        "dataset": str(dataset.directory),
        "checkpoint": describe_predictors(rows),
    }
    compared = list(named) if protocol.baseline in classical else []
    remarks = [beaten_line(scores, name, protocol.baseline) for name in compared]
    if named:
        side = source[0]["lst"].shape[0]
        count = len(scores.provenance)
        seen = {
            name: int(trained_on_patches(one, dataset.granules, scores.provenance, side).sum())
            for name, one in named.items()
        }
        description["trained_on"] = seen
        remarks += [trained_on_line(name, trained, count) for name, trained in seen.items() if trained]
        used = sorted({origin["product"] for origin in scores.provenance})
        description["products"] = used
        remarks += [one.provenance.foreign_products(used) for one in named.values() if one.provenance is not None]
        remarks = [remark for remark in remarks if remark]
    table = write_report(report_dir, scores, protocol, description, remarks)
    for name in compared:
        range_figure(report_dir / f"figure_range_{name}.png", scores, name, protocol.baseline)
    _draw(report_dir, methods, scores, source, factor, coarsen_by)
    return table


def _check_scale(side: int, coarsen_by: int, factor: int) -> None:
    if side % (coarsen_by * factor) or side // coarsen_by < SMALLEST_PATCH:
        raise InputError(
            f"`coarsen` {coarsen_by}: patches of {side} must divide by {coarsen_by * factor} and keep {SMALLEST_PATCH} "
            "pixels to be scored"
        )


def _draw(
    directory: Path,
    methods: Sequence[Method],
    scores: Scores,
    source: Sequence[Any],
    factor: int,
    coarsen_by: int,
) -> None:
    """One day and one night image, each of median difficulty for the last method."""
    reference = scores.values[methods[-1].name]["rmse"]
    overpasses = np.array([origin["overpass"] for origin in scores.provenance])
    for overpass in sorted(set(overpasses)):
        chosen = np.flatnonzero((overpasses == overpass) & scores.counted[methods[-1].name])
        if not chosen.size:
            continue
        index = int(chosen[np.argsort(reference[chosen])[len(chosen) // 2]])
        fine = coarsen({name: jnp.asarray(image[None]) for name, image in images(source[index]).items()}, coarsen_by)
        truth, ndvi = np.asarray(fine["lst"][0]), fine.get("ndvi")
        coarse, mask = degrade(fine["lst"], factor)
        drawn = [method for method in methods if scores.counted[method.name][index]]
        estimates = {method.name: np.asarray(method.apply(coarse, ndvi))[0, ..., 0] for method in drawn}
        observed = np.where(np.asarray(mask)[0, ..., 0], truth[..., 0], np.nan)
        fields = {"coarse input": np.asarray(coarse)[0, ..., 0], **estimates, "truth": observed}
        errors = {name: estimate - observed for name, estimate in estimates.items()}
        origin = scores.provenance[index]
        title = f"{origin['granule']} {overpass}, rows {origin['row']}+, columns {origin['col']}+"
        comparison_figure(directory / f"figure_{overpass}.png", fields, errors, title)
