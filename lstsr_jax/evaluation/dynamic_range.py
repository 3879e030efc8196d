"""Where an interpolation beats a network, and what the dynamic range has to do with it (paper, section IV.B)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstsr_jax.evaluation.scores import Scores
from lstsr_jax.files import replacing


def _compared(scores: Scores, method: str, baseline: str) -> tuple[np.ndarray, np.ndarray]:
    """Dynamic range (K) and RMSE of ``method`` relative to ``baseline``, over the images both were scored on."""
    both = scores.counted[method] & scores.counted[baseline]
    ratio = scores.values[method]["rmse"][both] / scores.values[baseline]["rmse"][both]
    return scores.range_k[both], ratio


def beaten_line(scores: Scores, method: str, baseline: str) -> str:
    """One line: the share of images in which the baseline has the lower RMSE, and their dynamic range."""
    range_k, ratio = _compared(scores, method, baseline)
    if not ratio.size:
        return f"{baseline} and {method} were scored on no common image."
    worse = ratio > 1
    line = f"{baseline} beats {method} in {100 * worse.mean():.1f} % of {len(ratio)} images"
    if worse.any() and not worse.all():
        line += f" (median range {np.median(range_k[worse]):.1f} K; of the others {np.median(range_k[~worse]):.1f} K)"
    return line + "."


def range_figure(path: Path, scores: Scores, method: str, baseline: str) -> None:
    """Scatter of the relative RMSE against the dynamic range of each image."""
    range_k, ratio = _compared(scores, method, baseline)
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.axhline(1, color="0.6", linewidth=1)
    axis.scatter(range_k, ratio, s=8, alpha=0.5, linewidths=0)
    axis.set_xlabel("dynamic range of the truth (K)")
    axis.set_ylabel(f"RMSE of {method} / {baseline}")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
