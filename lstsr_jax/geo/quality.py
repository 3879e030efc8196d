"""Quality layers, decoded: a scheme for each way the products write their bits.

MOD11, one byte: bits 0-1 mandatory quality, 2-3 data quality, 4-5 emissivity error, 6-7 LST error; 00 is best.
TES (MOD21, VNP21, VJ121), two bytes: mandatory, data, cloud, iterations, opacity, spectral contrast (MMD), emissivity
accuracy, LST accuracy. Its accuracies run the other way: 11 is best. Its 8-day means have one byte, without the middle.

Sources: MODIS LST products user guide, collection 6.1, table of "QC_Day and QC_Night"; the attribute ``QA Legend`` of
VNP21A1D.002; MOD21 and VNP21 user guides.
"""

import dataclasses
import functools
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band
from lstsr_jax.geo.lookup import look_up

NOT_PRODUCED: Final = 0b11
"""A code of every scheme: mandatory quality 11, the other bits 0."""
EMISSIVITY_ERROR_MAX: Final = (0.01, 0.02, 0.04, np.inf)
LST_ERROR_MAX_K: Final = (1.0, 2.0, 3.0, np.inf)
_TES_EMISSIVITY_MAX: Final = (np.inf, 0.02, 0.015, 0.01)
_TES_LST_MAX_K: Final = (np.inf, 2.0, 1.5, 1.0)


class QualityFields(NamedTuple):
    """The four fields of a MOD11 quality byte, each uint8 0..3 of the input's shape."""

    mandatory: NDArray[np.uint8]
    data: NDArray[np.uint8]
    emissivity_error: NDArray[np.uint8]
    lst_error: NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class QualityScheme:
    """How a product writes its quality.

    Attributes:
        name: such as "MOD11".
        dtype: of the codes.
        fields: names of the fields of two bits each, from the lowest bit.
        meanings: of the values 00, 01, 10, 11 of a field, as CF flag meanings.
        lst_error_max_k: largest LST error of each value of the last field.
        emissivity_error_max: largest emissivity error of each value of the field before it.
        good: whether a bound on the LST error asks for mandatory quality 00 and, where there is a cloud field, 00
            there: the producer's own advice for TES, whose accuracies say nothing of cloud.
    """

    name: str
    dtype: str
    fields: tuple[str, ...]
    meanings: Mapping[str, tuple[str, str, str, str]]
    lst_error_max_k: tuple[float, float, float, float]
    emissivity_error_max: tuple[float, float, float, float]
    good: bool

    @property
    def flags(self) -> dict[str, tuple[int, int]]:
        """Mask and value of the meanings that say how good the LST is: CF's flag_masks and flag_values."""
        return {
            meaning: (3 << 2 * index, value << 2 * index)
            for index, field in enumerate(self.fields)
            for value, meaning in enumerate(self.meanings[field])
            if field in ("mandatory", "cloud", self.fields[-1])
        }

    @property
    def legend(self) -> str:
        """All meanings in one line: "bits 0-1 mandatory: 00 good_quality, 01 ..."."""
        return "; ".join(
            f"bits {2 * index}-{2 * index + 1} {field}: "
            + ", ".join(f"{value:02b} {meaning}" for value, meaning in enumerate(self.meanings[field]))
            for index, field in enumerate(self.fields)
        )


_MANDATORY: Final = ("good_quality", "other_quality", "not_produced_cloud", "not_produced_other")
_TES_MEANINGS: Final = {
    "mandatory": _MANDATORY,
    "data": ("good_radiances", "missing_pixel", "fairly_calibrated", "poorly_calibrated_tes_skipped"),
    "cloud": ("cloud_free", "thin_cirrus", "within_2_pixels_of_cloud", "cloudy"),
    "iterations": ("iterations_7_or_more", "iterations_6", "iterations_5", "iterations_below_5"),
    "opacity": ("opacity_0.3_or_more", "opacity_0.2_to_0.3", "opacity_0.1_to_0.2", "opacity_below_0.1"),
    "contrast": ("mmd_above_0.15", "mmd_0.1_to_0.15", "mmd_0.03_to_0.1", "mmd_below_0.03"),
    "emissivity_accuracy": (
        "emissivity_error_above_0.02",
        "emissivity_error_at_most_0.02",
        "emissivity_error_at_most_0.015",
        "emissivity_error_at_most_0.01",
    ),
    "lst_accuracy": (
        "lst_error_above_2_K",
        "lst_error_at_most_2_K",
        "lst_error_at_most_1.5_K",
        "lst_error_at_most_1_K",
    ),
}
MOD11: Final = QualityScheme(
    "MOD11",
    "uint8",
    QualityFields._fields,
    {
        "mandatory": _MANDATORY,
        "data": ("good_data", "other_data", "data_10", "data_11"),
        "emissivity_error": (
            "emissivity_error_at_most_0.01",
            "emissivity_error_at_most_0.02",
            "emissivity_error_at_most_0.04",
            "emissivity_error_above_0.04",
        ),
        "lst_error": (
            "lst_error_at_most_1_K",
            "lst_error_at_most_2_K",
            "lst_error_at_most_3_K",
            "lst_error_above_3_K",
        ),
    },
    LST_ERROR_MAX_K,
    EMISSIVITY_ERROR_MAX,
    good=False,
)
_TES: Final = (_TES_MEANINGS, _TES_LST_MAX_K, _TES_EMISSIVITY_MAX, True)
TES16: Final = QualityScheme("TES16", "uint16", tuple(_TES_MEANINGS), *_TES)
TES8: Final = QualityScheme("TES8", "uint8", ("mandatory", "data", "emissivity_accuracy", "lst_accuracy"), *_TES)
SCHEMES: Final[Mapping[str, QualityScheme]] = MappingProxyType({scheme.name: scheme for scheme in (MOD11, TES16, TES8)})
"""By the name that a row of ``lstsr_jax.geo.products.PRODUCTS`` gives."""


@dataclasses.dataclass(frozen=True)
class QualityPolicy:
    """Which observations to keep. By default every one with a stated LST error of at most 3 K.

    The bound means the same for every product. TES states errors of at most 1, 1.5 and 2 K or more than 2 K: a bound
    of 2 or 3 K keeps the first three, one of 1 K the first; and any bound keeps only pixels of mandatory quality 00
    and, where the cloud bits exist, 00 there.

    Attributes:
        max_lst_error_k: 1, 2 or 3, the largest error to keep; None keeps all that was produced, near cloud too.
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


def decode(qc: ArrayLike, scheme: QualityScheme = MOD11) -> Any:
    """Take quality codes apart.

    Args:
        qc: of the scheme's type, any shape.
        scheme: of the product.

    Returns:
        A named tuple of the scheme's fields, each uint8 0..3 of that shape: ``QualityFields`` for MOD11; for TES
        mandatory, data, cloud, iterations, opacity, contrast, emissivity_accuracy, lst_accuracy (11 is best).

    Raises:
        ValueError: of another type (then it belongs to another product).
    """
    codes = _codes(qc, scheme)
    return _fields_of(scheme.fields)(
        *((codes >> 2 * index & 3).astype(np.uint8) for index in range(len(scheme.fields)))
    )


def accept(qc: ArrayLike, policy: QualityPolicy = DEFAULT_POLICY, scheme: QualityScheme = MOD11) -> NDArray[np.bool_]:
    """True where the policy keeps an observation.

    0 is both "best quality" of MOD11 and what some files hold where nothing was seen: also ask that LST is not fill.

    Args:
        qc: of the scheme's type, any shape.
        policy: what to keep.
        scheme: of the product.

    Returns:
        bool of that shape.

    Raises:
        ValueError: of another type.
    """
    codes = _codes(qc, scheme)
    return look_up(_kept(policy, scheme.name), codes)


def codes_of_band(path: Path, band: Band, scheme: QualityScheme = MOD11) -> NDArray[Any]:
    """Quality codes of a GeoTIFF's band, of any type of number as long as all are whole.

    Args:
        path: for messages.
        band: as read. Nothing (NaN, nodata, a mask) becomes "not produced"; a nodata number of 0 is not believed, as
            0 is the code of the best quality.
        scheme: of the product.

    Returns:
        (H, W) of the scheme's type.

    Raises:
        GranuleError: it declares a scale, or holds numbers that are no codes.
    """
    if band.declares_scale:
        raise GranuleError(
            f"{path}: quality with scale {band.scale:g} and offset {band.offset:g} is no bit field; give it as stored"
        )
    if band.nodata == 0:
        band = dataclasses.replace(band, nodata=None)
    missing = band.missing
    stored = np.where(missing, NOT_PRODUCED, band.values)
    largest = np.iinfo(scheme.dtype).max
    odd = (stored < 0) | (stored > largest) | (stored != np.rint(stored))
    if odd.any():
        kind = "byte" if largest == 255 else "16-bit number"
        raise GranuleError(
            f"{path}: quality of {stored[odd][0]:g} is no {kind} of the {scheme.name} bit field (0..{largest}, whole); "
            "resample it by nearest neighbour, or remove it"
        )
    return stored.astype(scheme.dtype)


def _codes(qc: ArrayLike, scheme: QualityScheme) -> NDArray[Any]:
    qc = np.asarray(qc)
    if qc.dtype != np.dtype(scheme.dtype):
        raise ValueError(f"quality of {scheme.name} must be {scheme.dtype}, got {qc.dtype}")
    return qc


@functools.cache
def _fields_of(fields: tuple[str, ...]) -> Any:
    return QualityFields if fields == QualityFields._fields else namedtuple("QualityFields", fields)


@functools.cache
def _kept(policy: QualityPolicy, name: str) -> NDArray[np.bool_]:
    """Whether the policy keeps each code of a scheme."""
    scheme = SCHEMES[name]
    fields = decode(np.arange(np.iinfo(scheme.dtype).max + 1, dtype=scheme.dtype), scheme)
    bounded = policy.max_lst_error_k is not None
    kept: NDArray[np.bool_] = fields.mandatory <= (0 if policy.good_only or (bounded and scheme.good) else 1)
    if bounded:
        kept &= np.take(scheme.lst_error_max_k, fields[-1]) <= policy.max_lst_error_k
        if scheme.good and "cloud" in scheme.fields:
            kept &= fields.cloud == 0
    if policy.max_emissivity_error is not None:
        kept &= np.take(scheme.emissivity_error_max, fields[-2]) <= policy.max_emissivity_error
    return kept
