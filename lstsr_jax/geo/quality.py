"""The quality layers QC_Day and QC_Night of MOD11A1 and MYD11A1, decoded.

One byte per pixel, from its lowest bit: 0-1 mandatory quality, 2-3 data quality, 4-5 emissivity error,
6-7 LST error. Other products (MOD21, VNP21) give the bits other meanings and must not be decoded here.

Source: MODIS LST products user guide, collection 6.1, table of "QC_Day and QC_Night".
"""

import dataclasses
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band

MANDATORY_MEANING: Final = (
    "produced, good quality",
    "produced, other quality: see the other fields",
    "not produced because of cloud",
    "not produced for another reason",
)
NOT_PRODUCED: Final = 0b11
EMISSIVITY_ERROR_MAX: Final = (0.01, 0.02, 0.04, np.inf)
LST_ERROR_MAX_K: Final = (1.0, 2.0, 3.0, np.inf)


class QualityFields(NamedTuple):
    """The four fields of a quality byte, each uint8 0..3 of the input's shape."""

    mandatory: NDArray[np.uint8]
    data: NDArray[np.uint8]
    emissivity_error: NDArray[np.uint8]
    lst_error: NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class QualityPolicy:
    """Which observations to keep. By default every one with an LST error of at most 3 K.

    Attributes:
        max_lst_error_k: 1, 2 or 3, the largest error class to keep; None keeps all.
        max_emissivity_error: 0.01, 0.02 or 0.04, likewise; None keeps all.
        good_only: keep only mandatory quality 00; the product then says no more about errors than "good".

    Raises:
        ValueError: an error bound that is not a class of the product.
    """

    max_lst_error_k: float | None = 3
    max_emissivity_error: float | None = None
    good_only: bool = False

    def __post_init__(self) -> None:
        """Refuse bounds between the classes: they would be rounded without a word."""
        if self.max_lst_error_k is not None and self.max_lst_error_k not in LST_ERROR_MAX_K[:3]:
            raise ValueError(f"max_lst_error_k must be 1, 2, 3 or None, got {self.max_lst_error_k}")
        emissivity = self.max_emissivity_error
        if emissivity is not None and emissivity not in EMISSIVITY_ERROR_MAX[:3]:
            raise ValueError(f"max_emissivity_error must be 0.01, 0.02, 0.04 or None, got {emissivity}")


DEFAULT_POLICY: Final = QualityPolicy()


def decode(qc: ArrayLike) -> QualityFields:
    """Take quality bytes apart.

    Args:
        qc: uint8 of any shape.

    Returns:
        The four fields, each of that shape.

    Raises:
        ValueError: not uint8 (16-bit quality belongs to another product).
    """
    qc = np.asarray(qc)
    if qc.dtype != np.uint8:
        raise ValueError(f"quality must be uint8 as in MOD11A1, got {qc.dtype}")
    mandatory, data, emissivity, lst = (((qc >> shift) & 3).astype(np.uint8) for shift in (0, 2, 4, 6))
    return QualityFields(mandatory, data, emissivity, lst)


def accept(qc: ArrayLike, policy: QualityPolicy = DEFAULT_POLICY) -> NDArray[np.bool_]:
    """True where the policy keeps an observation.

    0 is both "best quality" and what some files hold where nothing was seen: also ask that LST is not fill.

    Args:
        qc: uint8 of any shape.
        policy: what to keep.

    Returns:
        bool of that shape.

    Raises:
        ValueError: not uint8.
    """
    fields = decode(qc)
    kept = fields.mandatory <= (0 if policy.good_only else 1)
    if policy.max_lst_error_k is not None:
        kept &= np.take(LST_ERROR_MAX_K, fields.lst_error) <= policy.max_lst_error_k
    if policy.max_emissivity_error is not None:
        kept &= np.take(EMISSIVITY_ERROR_MAX, fields.emissivity_error) <= policy.max_emissivity_error
    return kept


def codes_of_band(path: Path, band: Band) -> NDArray[np.uint8]:
    """Quality bytes of a GeoTIFF's band, of any type of number as long as all are whole.

    Args:
        path: for messages.
        band: as read. Nothing (NaN, nodata, a mask) becomes "not produced"; a nodata number of 0 is not believed, as
            0 is the code of the best quality.

    Returns:
        (H, W) uint8.

    Raises:
        GranuleError: it declares a scale, or holds numbers that are no bytes.
    """
    if band.declares_scale:
        raise GranuleError(
            f"{path}: quality with scale {band.scale:g} and offset {band.offset:g} is no bit field; give it as stored"
        )
    if band.nodata == 0:
        band = dataclasses.replace(band, nodata=None)
    missing = band.missing
    stored = np.where(missing, NOT_PRODUCED, band.values)
    odd = (stored < 0) | (stored > 255) | (stored != np.rint(stored))
    if odd.any():
        raise GranuleError(
            f"{path}: quality of {stored[odd][0]:g} is no byte of MOD11A1's bit field (0..255, whole); resample it "
            "by nearest neighbour, or remove it"
        )
    return stored.astype(np.uint8)
