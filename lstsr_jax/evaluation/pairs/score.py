"""Table II: MODIS at 1 km, super-resolved to 250 m by every method, against ASTER of the same moment (section V).

The fine field is reprojected onto the ASTER grid, as the files are placed and registered, and compared where both are
observed. docs/table2.md has the protocol.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.methods import ScoredMethod
from lstsr_jax.evaluation.pairs.registration import Registering
from lstsr_jax.evaluation.pairs.texture import fine_power_ratio, gradient_rmse, radial_spectrum, spectrum_ratio, taper
from lstsr_jax.evaluation.protocols import MethodSettings
from lstsr_jax.evaluation.rows import Row, Rows, build_rows
from lstsr_jax.geo.aster.pair import FACTOR, Pair
from lstsr_jax.geo.warp import Shift, warp_field
from lstsr_jax.ops import metrics
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.predictor.guides import given

METRICS = ("psnr", "ssim", "rmse", "psnr_ub", "ssim_ub", "rmse_ub", "bias", "consistency", "fine_power", "gradient")
_PAD = 64  # truths are padded to multiples of it, so that few shapes are compiled


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairsProtocol(MethodSettings):
    """How pairs are scored.

    Attributes:
        name: in every report.
        description: one line for the report.
        eroded_px: pixels that are left out along every border of what both observed.
    """

    name: str
    description: str
    eroded_px: int


PAIRS = PairsProtocol(
    name="pairs",
    description="1 km to 250 m against ASTER: bilinear onto its grid, scored where both are observed less 2 pixels; "
    "range of each ASTER image; `-ub` after removing each pair's mean difference; tsharp and atprk pool NDVI by L4 as "
    "the peers do, their -mean rows by its mean; dms interpolates its residual as pyDMS does",
    eroded_px=2,
    options={"tsharp": {"ndvi_pool": "l4"}, "atprk": {"ndvi_pool": "l4"}},
)


@dataclasses.dataclass(frozen=True, eq=False)
class PairScore:
    """Scores of every method on one pair, under one registration.

    Attributes:
        pair: its name.
        registration: what kind of shift.
        shift: applied to the fields, in fine pixels.
        pixels: scored.
        range_k: of ASTER there, K.
        values: per method and metric: dB, 1, K; ``fine_power`` 1 and ``gradient`` K/km.
        spectra: per method ``(bins,)``, power over that of ASTER by frequency.
    """

    pair: str
    registration: Registering
    shift: Shift
    pixels: int
    range_k: float
    values: dict[str, dict[str, float]]
    spectra: dict[str, np.ndarray]


def pair_methods(rows: Sequence[Row] | Mapping[str, Row], *, self_ensemble: bool = False) -> Rows:
    """The rows of the table.

    Raises:
        InputError: if a name is unknown or a network has another factor than 4.
    """
    built = build_rows(rows, PAIRS, FACTOR, self_ensemble=self_ensemble)
    for name, network in built.networks.items():
        if network.factor != FACTOR:
            raise InputError(f"`checkpoint`: {name} has factor {network.factor}; pairs are 1 km to 250 m, factor 4")
    return built


def guides_of_pair(pair: Pair) -> dict[str, jax.Array]:
    """The guides that a pair has, ``(1, 4h, 4w, 1)``, by name."""
    fields = given(ndvi=pair.ndvi, elevation=pair.elevation)
    return {name: jnp.asarray(field)[None, ..., None] for name, field in fields.items()}


def super_resolve(method: ScoredMethod, pair: Pair) -> np.ndarray:
    """The 250 m field of a method, ``(4h, 4w)`` K, NaN where the coarse pixel is.

    Raises:
        InputError: if the method makes a value that is not finite, which no score could hold against it.
    """
    coarse = fill_gaps(jnp.asarray(pair.lst)[None, ..., None])
    fine = np.asarray(method.apply(coarse, guides_of_pair(pair)))[0, ..., 0]
    observed = np.kron(np.isfinite(pair.lst), np.ones((FACTOR, FACTOR), bool))
    if not np.isfinite(fine[observed]).all():
        raise InputError(f"{method.name}: not finite on pair {pair.name}; retrain it or leave it out")
    return np.where(observed, fine, np.nan).astype(np.float32)


def scored_mask(pair: Pair, shift: Shift) -> np.ndarray:
    """Where a pair is scored, ``(H, W)`` of ASTER: both observed, eroded by two pixels. The same for every method."""
    observed = np.kron(np.where(np.isfinite(pair.lst), 0.0, np.nan), np.ones((FACTOR, FACTOR)))
    both = np.isfinite(warp_field(observed, pair.fine_grid, pair.aster_grid, shift=shift)) & np.isfinite(pair.aster)
    mask: np.ndarray = scipy.ndimage.binary_erosion(both, np.ones((3, 3)), iterations=PAIRS.eroded_px)
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


def score_pair(methods: Sequence[ScoredMethod], pair: Pair, shifts: Mapping[Registering, Shift]) -> list[PairScore]:
    """Score every method on a pair under every registration.

    Args:
        methods: rows of the table.
        pair: to score.
        shifts: of the pair, by registration.

    Raises:
        InputError: if the pair overlaps too little or a method fails.
    """
    fields = {method.name: super_resolve(method, pair) for method in methods}
    kept = {name: consistency(pair, field) for name, field in fields.items()}
    return [_score(pair, registration, shift, fields, kept) for registration, shift in shifts.items()]


def _score(
    pair: Pair,
    registration: Registering,
    shift: Shift,
    fields: Mapping[str, np.ndarray],
    kept: Mapping[str, float],
) -> PairScore:
    mask = scored_mask(pair, shift)
    weight = taper(mask)
    spectrum = radial_spectrum(pair.aster, weight)
    values, spectra = {}, {}
    for name, field in fields.items():
        fine = warp_field(field, pair.fine_grid, pair.aster_grid, shift=shift)
        found = radial_spectrum(fine, weight)
        values[name] = {
            **compare(pair, fine, mask),
            "consistency": kept[name],
            "fine_power": fine_power_ratio(spectrum, found, FACTOR),
            "gradient": gradient_rmse(pair.aster, fine, mask, pair.aster_grid.pixel_m / 1000),
        }
        spectra[name] = spectrum_ratio(spectrum, found)
    range_k = float(np.ptp(pair.aster[mask]))
    return PairScore(pair.name, registration, shift, int(mask.sum()), range_k, values, spectra)
