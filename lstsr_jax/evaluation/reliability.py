"""How far the spread of the self-ensemble tells the error: fitted on one split, checked on another.

The error's standard deviation is modelled as ``sqrt(floor^2 + (scale * spread)^2)``, so that a pixel on which the eight
orientations agree still has an error.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.stats
from tqdm import tqdm

from lstsr_jax.data import PreparedDataset
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.cases import BATCH, Case, cases, crop
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.evaluation.protocols import STRICT, Protocol
from lstsr_jax.predictor import Calibrated, Predictor, SpreadCalibration, SuperResolver
from lstsr_jax.predictor.guides import call_guided, taken

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)
STATED = 0.9
"""The interval whose coverage is made exact on the split that is fitted."""
FITTED_ON = "validation"


class Spreads:
    """Gathers, over cases, the error of a self-ensemble's mean and its spread at every scored pixel."""

    def __init__(self, predictor: SuperResolver, border: int) -> None:
        """Of ``predictor``, leaving ``border`` pixels out on each side."""
        self._predictor, self._border = predictor, border
        self._errors: list[np.ndarray] = []
        self._spreads: list[np.ndarray] = []

    def add(self, case: Case) -> None:
        """Run the self-ensemble on a case."""
        mean, spread = call_guided(self._predictor.ensemble, case.coarse, taken(self._predictor, case.guides))
        scored = np.asarray(crop(case.mask & jnp.isfinite(case.truth), self._border))
        self._errors.append(np.asarray(crop(mean - case.truth, self._border))[scored])
        self._spreads.append(np.asarray(crop(spread, self._border))[scored])

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Errors and spreads ``(pixels,)`` in K."""
        return np.concatenate(self._errors), np.concatenate(self._spreads)


def errors_and_spreads(
    predictors: Mapping[str, SuperResolver], dataset: PreparedDataset, split: str, border: int, coarsen_by: int = 1
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Error of each self-ensemble's mean and its spread, in K, at every scored pixel of a split, in one pass over it.

    Raises:
        InputError: if the split is empty, or its patches are too small for the factors.
    """
    if not predictors:
        return {}
    gathered = {name: Spreads(predictor, border) for name, predictor in predictors.items()}
    factor = next(iter(predictors.values())).factor
    total = math.ceil(len(dataset.source(split)) / BATCH)
    batches = cases(dataset, split, factor=factor, coarsen_by=coarsen_by)
    for case in tqdm(batches, total=total, desc=f"spread on {split}", unit="batch", disable=None):
        for spreads in gathered.values():
            spreads.add(case)
    return {name: spreads.result() for name, spreads in gathered.items()}


def fit(errors: np.ndarray, spreads: np.ndarray, levels: Sequence[float] = (STATED,)) -> SpreadCalibration:
    """Floor and scale of greatest Gaussian likelihood, both then scaled to the coverage that is stated.

    Args:
        errors: ``(pixels,)`` K.
        spreads: ``(pixels,)`` K.
        levels: of the intervals whose coverage is made right: of one exactly, of several so that the largest departure
            from what they state is as small as it can be.
    """
    errors, spreads = errors.astype(np.float64), spreads.astype(np.float64)

    def cost(logs: np.ndarray) -> float:
        variance = np.exp(2 * logs[0]) + np.exp(2 * logs[1]) * spreads**2
        return float(np.mean(np.log(variance) + errors**2 / variance))

    typical = errors.std()
    start = np.log([max(typical, 1e-6), max(typical / max(spreads.mean(), 1e-6), 1e-6)])
    floor, scale = np.exp(scipy.optimize.minimize(cost, start, method="Nelder-Mead").x)
    sigma = np.sqrt(floor**2 + (scale * spreads) ** 2)
    stretches = [np.quantile(np.abs(errors) / sigma, level) / scipy.stats.norm.ppf((1 + level) / 2) for level in levels]

    def departure(stretch: float) -> float:
        return float(np.abs(np.subtract(coverage(errors, stretch * sigma, levels), levels)).max())

    stretch = min(np.linspace(min(stretches), max(stretches), 101), key=departure)
    return SpreadCalibration(float(floor * stretch), float(scale * stretch))


def coverage(errors: np.ndarray, sigma: np.ndarray, levels: Sequence[float] = LEVELS) -> list[float]:
    """Share of errors inside the central Gaussian interval of each level."""
    ratio = np.abs(errors) / np.maximum(sigma, 1e-9)
    return [float(np.mean(ratio <= scipy.stats.norm.ppf((1 + level) / 2))) for level in levels]


@dataclasses.dataclass(frozen=True, eq=False)
class SpreadCheck:
    """The spread of one network's self-ensemble against its errors.

    Attributes:
        fingerprint: of the network; None of another super-resolver.
        calibration: of its spread: fitted on validation, or the one the network brings.
        errors: of the mean, on the split it is checked on, ``(pixels,)`` K.
        spread: there, ``(pixels,)`` K.
    """

    fingerprint: str | None
    calibration: SpreadCalibration
    errors: np.ndarray
    spread: np.ndarray

    def coverages(self, levels: Sequence[float] = LEVELS) -> dict[str, list[float]]:
        """Share of errors inside the interval of each level, by the spread as it is and calibrated."""
        sigmas = {"as it is": self.spread, "calibrated": self.calibration.sigma(self.spread)}
        return {kind: coverage(self.errors, sigma, levels) for kind, sigma in sigmas.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Whether the spreads of networks tell their errors.

    Attributes:
        networks: by name.
        split: that they are checked on.
        coarsened_by: the factor the patches were pooled by first.
    """

    networks: dict[str, SpreadCheck]
    split: str
    coarsened_by: int

    def table(self) -> str:
        """Share of errors inside the interval of each level, in Markdown."""
        rows = [
            [f"{name}, {kind}", *(f"{share:.1%}" for share in shares)]
            for name, check in self.networks.items()
            for kind, shares in check.coverages().items()
        ]
        return markdown_table(["interval", *(f"{level:.0%}" for level in LEVELS)], rows)

    def to_dict(self) -> dict[str, Any]:
        """What ``reliability.json`` holds."""
        return {
            name: {
                "checkpoint": check.fingerprint,
                "coarsened_by": self.coarsened_by,
                **dataclasses.asdict(check.calibration),
                **{
                    kind: dict(zip(map(str, LEVELS), shares, strict=True)) for kind, shares in check.coverages().items()
                },
            }
            for name, check in self.networks.items()
        }


def calibrate(
    predictors: Mapping[str, SuperResolver], dataset: PreparedDataset, border: int, coarsen_by: int = 1
) -> dict[str, SpreadCalibration]:
    """The calibration that each network brings, as shipped ones do, or else one fitted on validation."""
    brought = {name: one.calibration for name, one in predictors.items() if isinstance(one, Calibrated)}
    known = {name: calibration for name, calibration in brought.items() if calibration}
    unknown = {name: predictor for name, predictor in predictors.items() if name not in known}
    fitted = {
        name: fit(*found) for name, found in errors_and_spreads(unknown, dataset, FITTED_ON, border, coarsen_by).items()
    }
    return {name: known[name] if name in known else fitted[name] for name in predictors}


def reliability(
    predictors: Mapping[str, SuperResolver],
    dataset: PreparedDataset,
    *,
    protocol: Protocol = STRICT,
    split: str = "test",
    coarsen_by: int = 1,
) -> Reliability:
    """Fit the spread of each network on validation and check it on another split.

    Raises:
        InputError: if a split is empty, or it is the one that is fitted.
    """
    require_other_split(split)
    border = max(protocol.crop, protocol.crop_learned)
    calibrations = calibrate(predictors, dataset, border, coarsen_by)
    found = errors_and_spreads(predictors, dataset, split, border, coarsen_by)
    return describe(predictors, calibrations, found, split, coarsen_by)


def require_other_split(split: str) -> None:
    """Refuse to check a spread on what it is fitted on.

    Raises:
        InputError: if ``split`` holds validation.
    """
    if split in (FITTED_ON, "all"):
        raise InputError(f"`split` {split}: the spread is fitted on {FITTED_ON}; check it on test")


def describe(
    predictors: Mapping[str, SuperResolver],
    calibrations: Mapping[str, SpreadCalibration],
    found: Mapping[str, tuple[np.ndarray, np.ndarray]],
    split: str,
    coarsen_by: int,
) -> Reliability:
    """Put calibrations and what was found on the other split together."""
    checks = {
        name: SpreadCheck(one.fingerprint if isinstance(one, Predictor) else None, calibrations[name], *found[name])
        for name, one in predictors.items()
    }
    return Reliability(checks, split, coarsen_by)
