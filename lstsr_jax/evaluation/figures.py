"""The figures of the reports: fields side by side (paper, Figure 3), and what the spread says of the error."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstsr_jax.evaluation.reliability import Reliability
from lstsr_jax.files import replacing


def comparison_figure(path: Path, fields: dict[str, np.ndarray], errors: dict[str, np.ndarray], title: str) -> None:
    """Draw fields on one kelvin colour scale and errors on another, symmetric one.

    Args:
        path: PNG file to write.
        fields: panels of the first row by name, ``(H, W)`` K; the last one is the truth, whose range sets the scale.
        errors: panels of the second row by name, ``(H, W)`` K, estimate minus truth.
        title: of the figure.
    """
    columns = max(len(fields), len(errors))
    figure = Figure(figsize=(2.6 * columns + 1, 5.8), layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False)
    truth = list(fields.values())[-1]
    worst = np.nanmax([np.nanpercentile(np.abs(error), 99) for error in errors.values()])
    scales = [
        (fields, {"cmap": "inferno", "vmin": np.nanmin(truth), "vmax": np.nanmax(truth)}, "LST (K)"),
        (errors, {"cmap": "RdBu_r", "vmin": -worst, "vmax": worst}, "estimate - truth (K)"),
    ]
    for row, (panels, style, label) in zip(axes, scales, strict=True):
        for axis in row:
            axis.set_axis_off()
        for axis, (name, panel) in zip(row, panels.items(), strict=False):
            drawn = axis.imshow(panel, interpolation="nearest", **style)
            axis.set_title(name, fontsize=9)
        figure.colorbar(drawn, ax=list(row), label=label, shrink=0.85)
    figure.suptitle(title, fontsize=10)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def reliability_figure(path: Path, reliability: Reliability) -> None:
    """Draw the share of errors found inside the interval of each level, by the spread as it is and calibrated."""
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    levels = np.linspace(0.02, 0.99, 50)
    for name, check in reliability.networks.items():
        for kind, shares in check.coverages(levels.tolist()).items():
            axes.plot(levels, shares, label=f"{name}, {kind}")
    axes.set(xlabel="stated share of errors", ylabel=f"share found ({reliability.split} split)", aspect="equal")
    axes.legend(frameon=False, fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)
