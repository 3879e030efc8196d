"""What an evaluation leaves behind: ``metrics.json``, ``per_image.csv``, ``table.md`` and figures."""

import csv
import json
import math
import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lstsr_jax.evaluation.cases import PROVENANCE
from lstsr_jax.evaluation.dynamic_range import range_figure
from lstsr_jax.evaluation.evaluation import Evaluation
from lstsr_jax.evaluation.figures import comparison_figure, reliability_figure
from lstsr_jax.evaluation.scores import METRICS, Scores
from lstsr_jax.files import make_directory, replacing, write_text


class _Summarised(Protocol):
    """What an evaluation of either kind says of itself."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""

    def table(self) -> str:
        """In Markdown."""


def write_report(evaluation: Evaluation, directory: str | Path) -> None:
    """Write the report of an evaluation.

    Args:
        evaluation: of :func:`lstsr_jax.evaluate`.
        directory: receives the files; older ones of the same name are replaced, each only once the new one is whole.

    Raises:
        InputError: if the directory cannot be written to.
    """
    directory = write_summary(evaluation, directory)
    _write_images(directory / "per_image.csv", evaluation.scores)
    for name in evaluation.compared:
        figure = directory / f"figure_range_{name.replace(os.sep, '_')}.png"
        range_figure(figure, evaluation.scores, name, evaluation.protocol.baseline)
    if evaluation.reliability is not None:
        write_json(directory / "reliability.json", evaluation.reliability.to_dict())
        reliability_figure(directory / "reliability.png", evaluation.reliability)
    _draw(directory, evaluation)


def write_summary(evaluation: _Summarised, directory: str | Path) -> Path:
    """Write ``metrics.json`` and ``table.md``, with which every report begins; return the directory.

    Raises:
        InputError: if it cannot be written to.
    """
    directory = Path(directory)
    make_directory("report directory", directory)
    write_json(directory / "metrics.json", evaluation.to_dict())
    write_text(directory / "table.md", evaluation.table() + "\n")
    return directory


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file, whole or not at all. JSON knows neither NaN nor infinity: they become null."""
    write_text(path, json.dumps(_finite(values), indent=1, allow_nan=False) + "\n")


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _write_images(path: Path, scores: Scores) -> None:
    """One row per image."""
    columns = [(method, metric) for method in scores.values for metric in METRICS]
    with replacing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*PROVENANCE, "range_k", *(f"{method}_{metric}" for method, metric in columns)])
        for i, origin in enumerate(scores.provenance):
            values = (
                f"{scores.values[method][metric][i]:.6g}" if scores.counted[method][i] else ""
                for method, metric in columns
            )
            writer.writerow([*origin.values(), f"{scores.range_k[i]:.6g}", *values])


def _draw(directory: Path, evaluation: Evaluation) -> None:
    """One day and one night image, each of median difficulty for the last method."""
    scores, last = evaluation.scores, evaluation.rows.methods[-1].name
    difficulty = scores.values[last]["rmse"]
    overpasses = np.array([origin["overpass"] for origin in scores.provenance])
    for overpass in sorted(set(overpasses)):
        chosen = np.flatnonzero((overpasses == overpass) & scores.counted[last])
        if not chosen.size:
            continue
        index = int(chosen[np.argsort(difficulty[chosen])[len(chosen) // 2]])
        found, origin = evaluation.fields(index), scores.provenance[index]
        title = f"{origin['granule']} {overpass}, rows {origin['row']}+, columns {origin['col']}+"
        fields = {"coarse input": found.coarse, **found.estimates, "truth": found.truth}
        errors = {name: estimate - found.truth for name, estimate in found.estimates.items()}
        comparison_figure(directory / f"figure_{overpass}.png", fields, errors, title)
