"""One evaluation against ASTER, from a folder of pairs to a report: Table II."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.figures import comparison_figure
from lstsr_jax.evaluation.methods import Method, with_self_ensembles
from lstsr_jax.evaluation.pairs.score import (
    METRICS,
    PAIRS,
    Registered,
    Registering,
    main_registration,
    pair_methods,
    pair_shifts,
    score_pairs,
    scored_mask,
    super_resolve,
)
from lstsr_jax.evaluation.pairs.texture import frequencies
from lstsr_jax.evaluation.rows import describe_predictors, name_predictors
from lstsr_jax.geo.aster.pair import Pair, read_pairs
from lstsr_jax.geo.aster.registration import summarise
from lstsr_jax.geo.warp import Shift, warp_field
from lstsr_jax.predictor import Predictor

_COLUMNS = {
    "psnr": ("PSNR (dB)", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "rmse": ("RMSE (K)", ".3f"),
    "psnr_ub": ("PSNR-ub", ".2f"),
    "ssim_ub": ("SSIM-ub", ".3f"),
    "rmse_ub": ("RMSE-ub", ".3f"),
    "bias": ("bias (K)", "+.2f"),
    "consistency": ("consistency (K)", ".3f"),
    "fine_power": ("fine power", ".2f"),
    "gradient": ("gradient (K/km)", ".2f"),
}
_LEGEND = (
    "`fine power`: spectral power at wavelengths below two coarse pixels over that of ASTER (1 is a texture as rich); "
    "`gradient`: RMSE of the gradient; `bias`: field less ASTER; `consistency`: RMSE of the field pooled to 1 km "
    "against the input."
)


def evaluate_pairs(
    predictors: Sequence[Predictor],
    directory: str | Path,
    report_dir: Path,
    *,
    classical: Sequence[str],
    registration: Registering | None = None,
    shift: Shift | None = None,
    ensemble: bool = False,
) -> str:
    """Score networks and classical methods against ASTER and write the report.

    Args:
        predictors: trained networks of factor 4.
        directory: of the pairs, see :mod:`lstsr_jax.geo.aster.pair`.
        report_dir: receives the report; older files of the same name are replaced.
        classical: names of methods that need no checkpoint.
        registration: of the main table; the one without registration is always given as well. None: per pair, or
            constant if ``shift`` is given.
        shift: the constant one, in fine pixels; None: the mean of what the folder's ``index.csv`` records.
        ensemble: add each network's self-ensemble.

    Returns:
        The tables, for the terminal.

    Raises:
        InputError: if there is no usable pair, a file is unreadable, or a method unknown.
    """
    main = main_registration(registration, shift)
    named = name_predictors(predictors)
    rows = with_self_ensembles(named) if ensemble else named
    methods = pair_methods(classical, rows)
    pairs, skipped = read_pairs(directory)
    reasons = [found.reason for found in skipped]
    needy = [method.name for method in methods if method.needs_ndvi]
    if needy:
        reasons += [f"pair {pair.name}: no NDVI, which {', '.join(needy)} need" for pair in pairs if pair.ndvi is None]
        pairs = [pair for pair in pairs if pair.ndvi is not None]
    if not pairs:
        raise InputError(f"{directory}: no pair has the NDVI that {', '.join(needy)} need; leave them out")
    shifts: dict[str, tuple[list[Shift], str]] = {"none": pair_shifts(pairs, "none", directory)}
    if main != "none":
        shifts[main] = pair_shifts(pairs, main, directory, shift)
    scores = score_pairs(methods, pairs, shifts)
    summary = {
        "protocol": PAIRS.name,
        "split": "all",
        "n_images": len(pairs),
        "n_pairs": len(pairs),
        "data": str(directory),
        "checkpoint": describe_predictors(rows),
        "skipped": reasons,
        "registration": main,
        "shifts": {kind: _describe_shifts(table) for kind, table in scores.items()},
        "methods": scores[main].means(),
        "registrations": {kind: scores[kind].means() for kind in shifts},
    }
    text = _text(scores, main, len(pairs), reasons)
    report_dir.mkdir(parents=True, exist_ok=True)
    _replace(report_dir / "metrics.json", json.dumps(summary, indent=1) + "\n")
    _replace(report_dir / "table.md", text + "\n")
    _write_pairs(report_dir / "per_image.csv", scores, pairs)
    _draw(report_dir / "figure_pairs.png", methods, pairs, scores[main])
    _draw_spectra(report_dir / "figure_spectrum.png", scores[main])
    return text


def markdown_table(means: Mapping[str, Mapping[str, float]]) -> str:
    """Means per method, as a Markdown table."""
    lines = ["| method | " + " | ".join(heading for heading, _ in _COLUMNS.values()) + " |"]
    lines.append("| --- " * (len(_COLUMNS) + 1) + "|")
    for method, row in means.items():
        lines.append(f"| {method} | " + " | ".join(f"{row[key]:{form}}" for key, (_, form) in _COLUMNS.items()) + " |")
    return "\n".join(lines)


def _text(scores: Mapping[str, Registered], main: str, count: int, skipped: Sequence[str]) -> str:
    parts = [f"{count} pairs, protocol `{PAIRS.name}`: {PAIRS.description}."]
    for kind in sorted(scores, key=lambda kind: kind != main):
        parts += [f"Registration `{kind}` ({_sentence(scores[kind])}):", markdown_table(scores[kind].means())]
    parts.append(_LEGEND)
    if skipped:
        parts.append(f"Left out, {len(skipped)} of {count + len(skipped)}:\n" + "\n".join(f"- {r}" for r in skipped))
    return "\n\n".join(parts)


def _sentence(table: Registered) -> str:
    found = summarise(table.shifts)
    if max(found.spread) < 1e-6:
        return table.source
    mean = f"{found.mean.rows:.2f} rows and {found.mean.columns:.2f} columns on average"
    return f"{table.source}; {mean}, spread {found.spread.rows:.2f} and {found.spread.columns:.2f}"


def _describe_shifts(table: Registered) -> dict[str, Any]:
    found = summarise(table.shifts)
    mean, spread = ([round(value, 6) for value in pair] for pair in (found.mean, found.spread))
    return {"source": table.source, "mean": mean, "spread": spread, "n": found.n}


def _write_pairs(path: Path, scores: Mapping[str, Registered], pairs: Sequence[Pair]) -> None:
    """One row per pair and registration."""
    names = list(next(iter(scores.values())).values)
    columns = [(name, metric) for name in names for metric in METRICS]
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="") as file:
        writer = csv.writer(file)
        head = ["pair", "registration", "shift_rows", "shift_columns", "n_pixels", "range_k"]
        writer.writerow([*head, *(f"{name}_{metric}" for name, metric in columns)])
        for kind, table in scores.items():
            for i, pair in enumerate(pairs):
                shift = (f"{value:.4g}" for value in table.shifts[i])
                values = (f"{table.values[name][metric][i]:.6g}" for name, metric in columns)
                writer.writerow([pair.name, kind, *shift, table.pixels[i], f"{table.range_k[i]:.6g}", *values])
    partial.replace(path)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)


def _draw(path: Path, methods: Sequence[Method], pairs: Sequence[Pair], table: Registered) -> None:
    """The pair of median difficulty for the last method, on the ASTER grid (paper, Figure 4); errors without bias."""
    difficulty = table.values[methods[-1].name]["rmse_ub"]
    index = int(np.argsort(difficulty)[len(difficulty) // 2])
    pair, shift = pairs[index], table.shifts[index]
    mask = scored_mask(pair, shift)
    truth = np.where(mask, pair.aster, np.nan)
    fields, errors = {}, {}
    coarse = warp_field(
        pair.lst, pair.grid, pair.aster_grid, shift=Shift(shift.rows / 4, shift.columns / 4), kind="nearest"
    )
    fields["MODIS, 1 km"] = np.where(mask, coarse, np.nan)
    for method in methods:
        fine = warp_field(super_resolve(method, pair), pair.fine_grid, pair.aster_grid, shift=shift)
        fields[method.name] = np.where(mask, fine, np.nan)
        errors[method.name] = fields[method.name] - truth - table.values[method.name]["bias"][index]
    fields["ASTER"] = truth
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fields, errors = ({name: panel[window] for name, panel in panels.items()} for panels in (fields, errors))
    comparison_figure(path, fields, errors, f"pair {pair.name}: 250 m, mean difference removed from the errors")


def _draw_spectra(path: Path, table: Registered) -> None:
    """Power over that of ASTER by wavelength, the geometric mean over pairs."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for name, ratios in table.spectra.items():
        typical = np.exp(np.mean(np.log(np.maximum(ratios, 1e-12)), axis=0))
        axis.plot(frequencies(len(typical)), typical, label=name)
    axis.axhline(1, color="black", linewidth=0.8)
    axis.axvline(1 / 8, color="grey", linewidth=0.8, linestyle=":")
    label = "cycles per 250 m pixel (dotted: finest the 1 km grid holds)"
    axis.set(yscale="log", xlabel=label, ylabel="power / ASTER's")
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=120)
