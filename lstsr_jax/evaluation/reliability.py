"""How far the spread of the self-ensemble tells the error: fitted on one split, checked on another.

The error's standard deviation is modelled as ``sqrt(floor^2 + (scale * spread)^2)``, so that a pixel on which the eight
orientations agree still has an error.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.stats
from matplotlib.figure import Figure
from tqdm import tqdm

from lstsr_jax.data import PreparedDataset, evaluation_batches
from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.evaluation.table import BATCH, crop
from lstsr_jax.ops.degradation import coarsen, degrade
from lstsr_jax.predictor import Predictor, SpreadCalibration
from lstsr_jax.predictor.self_ensemble import mean_and_spread
from lstsr_jax.scene import conserves_energy

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)
STATED = 0.9
"""The interval whose coverage is made exact on the split that is fitted."""


def errors_and_spread(
    predictor: Predictor, source: Sequence[Any], border: int, coarsen_by: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Error of the self-ensemble's mean and its spread, in K, at every scored pixel of a split."""
    errors, spreads = [], []
    total = -(-len(source) // BATCH)
    for batch, _ in tqdm(evaluation_batches(source, BATCH), total=total, desc="spread", unit="batch", disable=None):
        fine = coarsen(batch, coarsen_by)
        coarse, mask = degrade(fine["lst"], predictor.factor)
        guide = (fine["ndvi"],) if predictor.guided and "ndvi" in fine else ()
        mean, spread = mean_and_spread(
            predictor.single, coarse, *guide, conserve=conserves_energy(predictor), known=predictor.orientations
        )
        scored = np.asarray(crop(mask & jnp.isfinite(fine["lst"]), border))
        errors.append(np.asarray(crop(mean - fine["lst"], border))[scored])
        spreads.append(np.asarray(crop(spread, border))[scored])
    return np.concatenate(errors), np.concatenate(spreads)


def fit(errors: np.ndarray, spreads: np.ndarray) -> SpreadCalibration:
    """Floor and scale of greatest Gaussian likelihood, both then scaled so that the stated interval covers exactly."""
    errors, spreads = errors.astype(np.float64), spreads.astype(np.float64)

    def cost(logs: np.ndarray) -> float:
        variance = np.exp(2 * logs[0]) + np.exp(2 * logs[1]) * spreads**2
        return float(np.mean(np.log(variance) + errors**2 / variance))

    typical = errors.std()
    start = np.log([max(typical, 1e-6), max(typical / max(spreads.mean(), 1e-6), 1e-6)])
    floor, scale = np.exp(scipy.optimize.minimize(cost, start, method="Nelder-Mead").x)
    sigma = np.sqrt(floor**2 + (scale * spreads) ** 2)
    stretch = np.quantile(np.abs(errors) / sigma, STATED) / scipy.stats.norm.ppf((1 + STATED) / 2)
    return SpreadCalibration(float(floor * stretch), float(scale * stretch))


def coverage(errors: np.ndarray, sigma: np.ndarray, levels: Sequence[float] = LEVELS) -> list[float]:
    """Share of errors inside the central Gaussian interval of each level."""
    ratio = np.abs(errors) / np.maximum(sigma, 1e-9)
    return [float(np.mean(ratio <= scipy.stats.norm.ppf((1 + level) / 2))) for level in levels]


def reliability(
    predictors: Mapping[str, Predictor],
    dataset: PreparedDataset,
    report_dir: Path,
    *,
    protocol: Protocol,
    coarsen_by: int = 1,
) -> str:
    """Fit the spread of each network on validation, check it on test, and write ``reliability.json``.

    A network that brings a calibration, as shipped ones do, is not fitted again.

    Returns:
        A table: share of errors inside the interval of each level, as the spread is and calibrated.

    Raises:
        InputError: if a split is empty.
    """
    border = max(protocol.crop, protocol.crop_learned)
    heading = " | ".join(f"{level:.0%}" for level in LEVELS)
    lines = [f"| interval | {heading} |", "| --- " * (len(LEVELS) + 1) + "|"]
    found: dict[str, Any] = {}
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    fine_levels = np.linspace(0.02, 0.99, 50)
    for name, predictor in predictors.items():
        calibration = predictor.calibration
        if calibration is None:
            calibration = fit(*errors_and_spread(predictor, dataset.source("validation"), border, coarsen_by))
        errors, spread = errors_and_spread(predictor, dataset.source("test"), border, coarsen_by)
        sigmas = {f"{name}, as it is": spread, f"{name}, calibrated": calibration.sigma(spread)}
        found[name] = {
            "checkpoint": predictor.fingerprint,
            "coarsened_by": coarsen_by,
            **dataclasses.asdict(calibration),
        }
        for label, sigma in sigmas.items():
            shares = coverage(errors, sigma)
            found[name][label.rsplit(", ", 1)[1]] = dict(zip(map(str, LEVELS), shares, strict=True))
            lines.append(f"| {label} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
            axes.plot(fine_levels, coverage(errors, sigma, fine_levels.tolist()), label=label)
    axes.set(xlabel="stated share of errors", ylabel="share found (test split)", aspect="equal")
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(report_dir / "reliability.png", dpi=130)
    (report_dir / "reliability.json").write_text(json.dumps(found, indent=1) + "\n")
    return "\n".join(lines)
