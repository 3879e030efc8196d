"""Table II: MODIS at 1 km, super-resolved to 250 m by every method, against ASTER of the same moment (section V).

The fine field is reprojected onto the ASTER grid, as the files are placed and registered, and compared where both are
observed. docs/table2.md has the protocol.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage
from tqdm import tqdm

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.methods import CLASSICAL, Method, classical_method, network_rows
from lstsr_jax.evaluation.pairs.texture import fine_power_ratio, gradient_rmse, radial_spectrum, spectrum_ratio, taper
from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.geo.aster.pair import FACTOR, Pair, register_pair
from lstsr_jax.geo.aster.pair_index import index_shifts
from lstsr_jax.geo.aster.registration import summarise
from lstsr_jax.geo.warp import NO_SHIFT, Shift, warp_field
from lstsr_jax.ops import metrics
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.predictor import Predictor
from lstsr_jax.sharpening import atprk, tsharp

Registering = Literal["none", "constant", "per-pair"]
PAIRS = Protocol(
    "pairs",
    "1 km to 250 m against ASTER: bilinear onto its grid, scored where both are observed less 2 pixels; range of each "
    "ASTER image; `-ub` after removing each pair's mean difference; tsharp and atprk pool NDVI by L4 as the peers do, "
    "their -mean rows by its mean",
    network_upsampling=None,
    crop=0,
    crop_learned=0,
    baseline="bicubic",
    tsharp={"ndvi_pool": "l4"},
    atprk={"ndvi_pool": "l4"},
)
METRICS = ("psnr", "ssim", "rmse", "psnr_ub", "ssim_ub", "rmse_ub", "bias", "consistency", "fine_power", "gradient")
ERODED_PX = 2
MEAN_POOLED = ("tsharp-mean", "atprk-mean")
_PAD = 64  # truths are padded to multiples of it, so that few shapes are compiled


@dataclasses.dataclass(frozen=True)
class Registered:
    """Scores of every method on every pair, under one registration.

    Attributes:
        shifts: applied to the field of each pair, in fine pixels.
        source: where the shifts come from, one phrase.
        pixels: scored, per pair.
        range_k: of ASTER there, per pair, K.
        values: per method and metric one value per pair: dB, 1, K; ``fine_power`` 1 and ``gradient`` K/km.
        spectra: per method ``(pairs, bins)``, power over that of ASTER by frequency.
    """

    shifts: list[Shift]
    source: str
    pixels: np.ndarray
    range_k: np.ndarray
    values: dict[str, dict[str, np.ndarray]]
    spectra: dict[str, np.ndarray]

    def means(self) -> dict[str, dict[str, float]]:
        """Unweighted means over pairs."""
        return {
            method: {metric: float(np.mean(row[metric])) for metric in METRICS} for method, row in self.values.items()
        }


def pair_methods(classical: Sequence[str], predictors: Mapping[str, Predictor]) -> list[Method]:
    """The rows of the table: those of Table I, and ``tsharp-mean`` and ``atprk-mean``.

    Raises:
        InputError: if a name is unknown or a network has another factor than 4.
    """
    unknown = [name for name in classical if name not in (*CLASSICAL, *MEAN_POOLED)]
    if unknown:
        known = ", ".join((*CLASSICAL, *MEAN_POOLED))
        raise InputError(f"--methods {','.join(unknown)}: unknown; choose among {known}")
    for name, predictor in predictors.items():
        if predictor.factor != FACTOR:
            raise InputError(f"--checkpoint: {name} has factor {predictor.factor}; pairs are 1 km to 250 m, factor 4")
    rows = []
    for name in classical:
        if name in MEAN_POOLED:
            sharpen = tsharp if name == "tsharp-mean" else atprk
            rows.append(Method(name, functools.partial(sharpen, factor=FACTOR), needs_ndvi=True))
        else:
            rows.append(classical_method(name, PAIRS, FACTOR))
    return rows + network_rows(predictors, PAIRS)


def main_registration(registration: Registering | None, constant: Shift | None) -> Registering:
    """The registration that was asked for: per pair, or the constant one where its shift is given.

    Raises:
        InputError: if a shift is given together with another registration.
    """
    if constant is not None and registration not in (None, "constant"):
        raise InputError(f"--registration-shift: is for --registration constant, not {registration}; leave one out")
    return registration or ("per-pair" if constant is None else "constant")


def pair_shifts(
    pairs: Sequence[Pair], registration: Registering, directory: str | Path, constant: Shift | None = None
) -> tuple[list[Shift], str]:
    """The shift of each pair and where it comes from.

    Args:
        pairs: to register.
        registration: ``none``; ``constant``: the same for all; ``per-pair``: what the folder's ``index.csv`` records,
            or else estimated (:func:`lstsr_jax.geo.register_pair`).
        directory: the folder of the pairs.
        constant: the same for all; None: the mean of what ``index.csv`` records for these pairs.

    Raises:
        InputError: if a pair cannot be registered, ``index.csv`` cannot be used, or records no shift to average.
    """
    if registration == "none":
        return [NO_SHIFT] * len(pairs), "as the files are placed"
    if constant is not None:
        return [constant] * len(pairs), f"{constant.rows:g} rows and {constant.columns:g} columns for all pairs"
    recorded = index_shifts(directory, [pair.name for pair in pairs])
    if registration == "constant":
        if not recorded:
            raise InputError(
                f"--registration constant: {directory} has no index.csv that records shifts of its pairs; give "
                "--registration-shift ROWS COLUMNS or --registration per-pair"
            )
        mean = summarise(list(recorded.values())).mean
        shift = Shift(round(mean.rows, 6), round(mean.columns, 6))
        given = f"{shift.rows:.3f} rows and {shift.columns:.3f} columns for all pairs"
        return [shift] * len(pairs), f"{given}, the mean of {len(recorded)} recorded in index.csv"
    shifts, by = [], Counter[str]()
    for pair in tqdm(pairs, desc="registering", unit="pair", disable=None):
        if pair.name in recorded:
            shifts.append(recorded[pair.name])
        else:
            found = register_pair(pair)
            shifts.append(found.shift)
            by[found.by.upper()] += 1
    estimated = f"estimated here, by {' and '.join(f'{kind} for {count}' for kind, count in sorted(by.items()))}"
    if not recorded:
        return shifts, f"{estimated} of {len(pairs)} pairs; index.csv records none of them"
    if not by:
        return shifts, "recorded in index.csv"
    return shifts, f"recorded in index.csv for {len(recorded)} of {len(pairs)} pairs, else {estimated}"


def super_resolve(method: Method, pair: Pair) -> np.ndarray:
    """The 250 m field of a method, ``(4h, 4w)`` K, NaN where the coarse pixel is.

    Raises:
        InputError: if the method makes a value that is not finite, which no score could hold against it.
    """
    coarse = fill_gaps(jnp.asarray(pair.lst)[None, ..., None])
    ndvi = None if pair.ndvi is None else jnp.asarray(pair.ndvi)[None, ..., None]
    fine = np.asarray(method.apply(coarse, ndvi))[0, ..., 0]
    observed = np.kron(np.isfinite(pair.lst), np.ones((FACTOR, FACTOR), bool))
    if not np.isfinite(fine[observed]).all():
        raise InputError(f"{method.name}: not finite on pair {pair.name}; retrain it or leave it out")
    return np.where(observed, fine, np.nan).astype(np.float32)


def scored_mask(pair: Pair, shift: Shift) -> np.ndarray:
    """Where a pair is scored, ``(H, W)`` of ASTER: both observed, eroded by two pixels. The same for every method."""
    observed = np.kron(np.where(np.isfinite(pair.lst), 0.0, np.nan), np.ones((FACTOR, FACTOR)))
    both = np.isfinite(warp_field(observed, pair.fine_grid, pair.aster_grid, shift=shift)) & np.isfinite(pair.aster)
    mask: np.ndarray = scipy.ndimage.binary_erosion(both, np.ones((3, 3)), iterations=ERODED_PX)
    if mask.sum() < 49:
        raise InputError(f"pair {pair.name}: MODIS and ASTER share {mask.sum()} pixels; remove the pair")
    return mask


@jax.jit
def _compare(truth: jax.Array, fine: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    count = mask.sum((1, 2, 3), keepdims=True)
    bias = jnp.where(mask, fine - truth, 0).sum((1, 2, 3), keepdims=True) / count
    scores = {"bias": bias[:, 0, 0, 0]}
    for name in ("psnr", "ssim", "rmse"):
        metric = getattr(metrics, name)
        scores[name] = metric(truth, fine, mask=mask)
        scores[f"{name}_ub"] = metric(truth, fine - bias, mask=mask)
    return scores


def compare(pair: Pair, fine: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Scores of a field that is already on the ASTER grid, where ``mask`` is True; bias is field less ASTER."""
    padding = [(0, -n % _PAD) for n in mask.shape]
    truth, estimate, where = (np.pad(x, padding)[None, ..., None] for x in (pair.aster, fine, mask))
    truth, estimate = np.where(where, truth, 0), np.where(where, estimate, 0)
    return {name: float(value[0]) for name, value in jax.device_get(_compare(truth, estimate, where)).items()}


def consistency(pair: Pair, field: np.ndarray) -> float:
    """RMSE in K of the norm-L4 pooled field against the coarse input."""
    pooled = np.asarray(l4_pool(jnp.asarray(field)[..., None], FACTOR))[..., 0]
    return float(np.sqrt(np.nanmean((pooled.astype(np.float64) - pair.lst) ** 2)))


def score_pairs(
    methods: Sequence[Method], pairs: Sequence[Pair], shifts: Mapping[str, tuple[list[Shift], str]]
) -> dict[str, Registered]:
    """Score every method on every pair under every registration.

    Args:
        methods: rows of the table.
        pairs: to score.
        shifts: per registration the shift of each pair and its source.

    Raises:
        InputError: if a pair overlaps too little or a method fails.
    """
    rows: dict[str, dict[str, list[dict[str, float]]]] = {r: {m.name: [] for m in methods} for r in shifts}
    spectra: dict[str, dict[str, list[np.ndarray]]] = {r: {m.name: [] for m in methods} for r in shifts}
    pixels: dict[str, list[int]] = {r: [] for r in shifts}
    ranges: dict[str, list[float]] = {r: [] for r in shifts}
    for i, pair in enumerate(tqdm(pairs, desc="evaluating", unit="pair", disable=None)):
        fields = {method.name: super_resolve(method, pair) for method in methods}
        kept = {name: consistency(pair, field) for name, field in fields.items()}
        for r, (at, _) in shifts.items():
            mask = scored_mask(pair, at[i])
            pixels[r].append(int(mask.sum()))
            ranges[r].append(float(np.ptp(pair.aster[mask])))
            weight = taper(mask)
            spectrum = radial_spectrum(pair.aster, weight)
            for name, field in fields.items():
                fine = warp_field(field, pair.fine_grid, pair.aster_grid, shift=at[i])
                found = radial_spectrum(fine, weight)
                row = compare(pair, fine, mask)
                row["consistency"] = kept[name]
                row["fine_power"] = fine_power_ratio(spectrum, found, FACTOR)
                row["gradient"] = gradient_rmse(pair.aster, fine, mask, pair.aster_grid.pixel_m / 1000)
                rows[r][name].append(row)
                spectra[r][name].append(spectrum_ratio(spectrum, found))
    return {
        r: Registered(
            shifts=at,
            source=source,
            pixels=np.array(pixels[r]),
            range_k=np.array(ranges[r]),
            values={m: {k: np.array([row[k] for row in table]) for k in METRICS} for m, table in rows[r].items()},
            spectra={m: np.stack(table) for m, table in spectra[r].items()},
        )
        for r, (at, source) in shifts.items()
    }
