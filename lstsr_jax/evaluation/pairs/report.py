"""What an evaluation against ASTER leaves behind: tables, scores per pair, and figures."""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstsr_jax.evaluation.figures import comparison_figure
from lstsr_jax.evaluation.pairs.evaluation import PairsEvaluation
from lstsr_jax.evaluation.pairs.score import METRICS, scored_mask, super_resolve
from lstsr_jax.evaluation.pairs.texture import frequencies
from lstsr_jax.evaluation.report import write_summary
from lstsr_jax.files import replacing
from lstsr_jax.geo.warp import Shift, warp_field


def write_pairs_report(evaluation: PairsEvaluation, directory: str | Path) -> None:
    """Write ``metrics.json``, ``table.md``, ``per_image.csv`` and figures.

    Args:
        evaluation: of :func:`lstsr_jax.evaluation.evaluate_pairs`.
        directory: receives the files; older ones of the same name are replaced, each only once the new one is whole.

    Raises:
        InputError: if the directory cannot be written to.
    """
    directory = write_summary(evaluation, directory)
    _write_pairs(directory / "per_image.csv", evaluation)
    _draw(directory / "figure_pairs.png", evaluation)
    _draw_spectra(directory / "figure_spectrum.png", evaluation)


def _write_pairs(path: Path, evaluation: PairsEvaluation) -> None:
    """One row per registration and pair."""
    columns = [(method.name, metric) for method in evaluation.rows.methods for metric in METRICS]
    head = ["pair", "registration", "shift_rows", "shift_columns", "n_pixels", "range_k"]
    with replacing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*head, *(f"{name}_{metric}" for name, metric in columns)])
        for kind in evaluation.sources:
            for score in evaluation.under(kind):
                shift = (f"{value:.4g}" for value in score.shift)
                values = (f"{score.values[name][metric]:.6g}" for name, metric in columns)
                writer.writerow([score.pair, kind, *shift, score.pixels, f"{score.range_k:.6g}", *values])


def _draw(path: Path, evaluation: PairsEvaluation) -> None:
    """The pair of median difficulty for the last method, on the ASTER grid (paper, Figure 4); errors without bias."""
    methods, scores = evaluation.rows.methods, evaluation.under(evaluation.registration)
    difficulty = np.array([score.values[methods[-1].name]["rmse_ub"] for score in scores])
    index = int(np.argsort(difficulty)[len(difficulty) // 2])
    pair, score = evaluation.pairs[index], scores[index]
    mask = scored_mask(pair, score.shift)
    truth = np.where(mask, pair.aster, np.nan)
    fields, errors = {}, {}
    at = Shift(score.shift.rows / 4, score.shift.columns / 4)
    coarse = warp_field(pair.lst, pair.grid, pair.aster_grid, shift=at, kind="nearest")
    fields["MODIS, 1 km"] = np.where(mask, coarse, np.nan)
    for method in methods:
        fine = warp_field(super_resolve(method, pair), pair.fine_grid, pair.aster_grid, shift=score.shift)
        fields[method.name] = np.where(mask, fine, np.nan)
        errors[method.name] = fields[method.name] - truth - score.values[method.name]["bias"]
    fields["ASTER"] = truth
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fields, errors = ({name: panel[window] for name, panel in panels.items()} for panels in (fields, errors))
    comparison_figure(path, fields, errors, f"pair {pair.name}: 250 m, mean difference removed from the errors")


def _draw_spectra(path: Path, evaluation: PairsEvaluation) -> None:
    """Power over that of ASTER by wavelength, the geometric mean over pairs."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    scores = evaluation.under(evaluation.registration)
    for method in evaluation.rows.methods:
        ratios = np.stack([score.spectra[method.name] for score in scores])
        typical = np.exp(np.mean(np.log(np.maximum(ratios, 1e-12)), axis=0))
        axis.plot(frequencies(len(typical)), typical, label=method.name)
    axis.axhline(1, color="black", linewidth=0.8)
    axis.axvline(1 / 8, color="grey", linewidth=0.8, linestyle=":")
    label = "cycles per 250 m pixel (dotted: finest the 1 km grid holds)"
    axis.set(yscale="log", xlabel=label, ylabel="power / ASTER's")
    axis.legend(fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
