"""Rasters of LST finer than 1 km, as truth for training: ECOSTRESS, Landsat, or any GeoTIFF in kelvin.

What is finer than 250 m is averaged to 231.656 m, a quarter of the 1 km pixel; what is coarser is left at its own
pixels. Clouds go by the layers that the product has beside its LST.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import read_band
from lstsr_jax.geo.grid import FINE_PIXEL_M
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.geo.physical import lst_of_band
from lstsr_jax.geo.walk import Skipped, walk
from lstsr_jax.geo.warp import Grid, warp_field

KEPT_ABOVE_M: Final = 250.0
"""Larger pixels are left as they are."""
COVERED: Final = 0.999
"""Share of a pixel that must be observed for its average to count."""
LANDSAT: Final = (0.00341802, 149.0)
"""Scale and offset of surface temperature in Landsat Collection 2; its GeoTIFFs don't say them."""
_METRES_PER_DEGREE: Final = 111_320.0
_GENERIC = re.compile(r"(^|[_.\- ])lst\d*([_.\- ]|$)", re.IGNORECASE)
_BESIDE = re.compile(r"(^|[_.\- ])(err|error|unc|uncertainty|qc|qa|cloud|mask|count|emis\w*)([_.\- ]|$)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A layer beside the LST: how its name is made of the LST's, and which stored numbers mean a clear pixel."""

    name: str
    is_clear: Callable[[NDArray[Any]], NDArray[np.bool_]]


_PRODUCTS: Final[tuple[tuple[re.Pattern[str], tuple[_Layer, ...]], ...]] = (
    (  # ECOSTRESS by AppEEARS
        re.compile(r"(?P<a>.*)_LST_doy(?P<b>\d.*)"),
        (
            _Layer("{a}_cloud_mask_doy{b}", lambda stored: stored == 0),
            _Layer("{a}_QC_doy{b}", lambda stored: (stored & 3) <= 1),
        ),
    ),
    (  # ECOSTRESS, tiled
        re.compile(r"(?P<a>ECO.*)_LST"),
        (
            _Layer("{a}_cloud", lambda stored: stored == 0),
            _Layer("{a}_QC", lambda stored: (stored & 3) <= 1),
        ),
    ),
    (  # Landsat Collection 2: fill, dilated cloud, cirrus, cloud, shadow
        re.compile(r"(?P<a>L[A-Z]\d\d_.*)_ST_B(6|10)"),
        (_Layer("{a}_QA_PIXEL", lambda stored: (stored & 0b11111) == 0),),
    ),
)


@dataclasses.dataclass(frozen=True, eq=False)
class FineField:
    """LST of one raster on the grid that it is used on.

    Attributes:
        name: of the file.
        lst: (H, W) float32, kelvin; NaN where not observed.
        grid: where it lies.
        averaged: whether it was finer.
        masked_by: names of the layers that say where it is cloudy; empty: taken as clear wherever it has a value.
    """

    name: str
    lst: NDArray[np.float32]
    grid: Grid
    averaged: bool
    masked_by: tuple[str, ...]


def find_fields(directory: str | Path) -> tuple[list[Path], list[Skipped]]:
    """The rasters of LST in a folder and its subfolders, and the other GeoTIFFs with the reason.

    A raster of LST has ``LST`` as a word of its name, as in ``..._LST.tif`` and ``LST_2006.tif``, or is Landsat's, as
    in ``..._ST_B10.TIF``.

    Raises:
        InputError: if there is no such folder, or no such raster in it.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; give a folder of LST rasters (GeoTIFF)")
    files, _ = walk(directory)
    rasters = [path for path in files if path.suffix.lower() in TIFF_SUFFIXES]
    found = [path for path in rasters if _is_lst(path.stem)]
    if not found:
        raise InputError(
            f"{directory}: no raster of LST among {len(rasters)} GeoTIFFs; their names have the word LST, or end in "
            "_ST_B10 or _ST_B6 (Landsat)"
        )
    reason = "not named as LST, but as a layer beside it or as something else"
    return found, [Skipped(path, reason) for path in rasters if path not in found]


def read_field(path: str | Path) -> FineField:
    """Read a raster of LST and bring it to the grid that it is used on.

    Args:
        path: as for :func:`read_clear`.

    Raises:
        GranuleError: as there; turned, or nothing of it is observed.
    """
    path = Path(path)
    lst, grid, masked_by = read_clear(path)
    pixel_m, averaged = _pixel_m(path, grid), False
    if max(pixel_m) <= KEPT_ABOVE_M:
        lst, grid = _averaged(lst, grid, pixel_m)
        averaged = True
    if not np.isfinite(lst).any():
        raise GranuleError(f"{path}: no pixel of it is observed and clear; remove it")
    return FineField(path.name, lst, grid, averaged, masked_by)


def read_clear(path: str | Path) -> tuple[NDArray[np.float32], Grid, tuple[str, ...]]:
    """Read a raster of LST at its own pixels, without what the layers beside it call cloudy.

    Args:
        path: a GeoTIFF, whose scale and unit it declares, or in float kelvin, or of a product named above.

    Returns:
        (H, W) kelvin, NaN where not observed or cloudy; where it lies; the names of those layers.

    Raises:
        GranuleError: damaged, without a place, or not in kelvin; a layer beside it of another shape.
    """
    path = Path(path)
    band = read_band(path)
    if _product(path.stem, _PRODUCTS[2:]) and not band.declares_scale and band.values.dtype.kind == "u":
        band = dataclasses.replace(band, scale=LANDSAT[0], offset=LANDSAT[1], nodata=0)
    lst = lst_of_band(path, band)
    layers = _layers_beside(path)
    for beside, layer in layers:
        stored = read_band(beside)
        if stored.values.shape != lst.shape:
            raise GranuleError(f"{beside}: {stored.values.shape} pixels, {path.name} has {lst.shape}; fetch it again")
        known = ~stored.masked if stored.nodata is None else ~stored.masked & (stored.values != stored.nodata)
        lst[~(known & layer.is_clear(stored.values))] = np.nan
    grid = Grid((lst.shape[0], lst.shape[1]), band.transform, band.crs)
    return lst, grid, tuple(beside.name for beside, _ in layers)


def _is_lst(stem: str) -> bool:
    return _product(stem, _PRODUCTS) is not None or bool(_GENERIC.search(stem) and not _BESIDE.search(stem))


def _product(
    stem: str, products: Sequence[tuple[re.Pattern[str], tuple[_Layer, ...]]]
) -> tuple[re.Match[str], tuple[_Layer, ...]] | None:
    """How a file is named, and the layers that may lie beside it; None if it is of no product."""
    matches = ((pattern.fullmatch(stem), layers) for pattern, layers in products)
    return next(((match, layers) for match, layers in matches if match), None)


def _layers_beside(path: Path) -> list[tuple[Path, _Layer]]:
    """The layers of its product that lie beside a raster."""
    found = _product(path.stem, _PRODUCTS)
    if found is None:
        return []
    match, layers = found
    near = {other.stem: other for other in path.parent.iterdir() if other.suffix.lower() in TIFF_SUFFIXES}
    names = ((layer.name.format(**match.groupdict()), layer) for layer in layers)
    return [(near[name], layer) for name, layer in names if name in near]


def _pixel_m(path: Path, grid: Grid) -> tuple[float, float]:
    """Width and height of a pixel in metres, in the middle of the raster."""
    a, b, _, d, e, top = grid.transform[:6]
    if (b, d) != (0, 0):
        raise GranuleError(f"{path}: its rows do not run from west to east; warp it onto a north-up grid (gdalwarp)")
    if grid.crs.is_geographic:
        middle = math.cos(math.radians(top + e * grid.shape[0] / 2))
        return abs(a) * _METRES_PER_DEGREE * middle, abs(e) * _METRES_PER_DEGREE
    return abs(a) * grid.crs.linear_units_factor[1], abs(e) * grid.crs.linear_units_factor[1]


def _averaged(lst: NDArray[np.float32], grid: Grid, pixel_m: tuple[float, float]) -> tuple[NDArray[np.float32], Grid]:
    """The mean over pixels of 231.656 m on the same axes (GDAL, by area); NaN where one is not wholly observed."""
    across, down = FINE_PIXEL_M / pixel_m[0], FINE_PIXEL_M / pixel_m[1]
    height, width = int(lst.shape[0] / down), int(lst.shape[1] / across)
    a, _, left, _, e, top = grid.transform[:6]
    target = Grid((height, width), Affine(a * across, 0.0, left, 0.0, e * down, top), grid.crs)
    if min(target.shape) < 1:
        return np.full((1, 1), np.nan, np.float32), grid
    mean = warp_field(lst, grid, target, kind="average")
    covered = warp_field(np.isfinite(lst).astype(np.float32), grid, target, kind="average")
    mean[~(covered >= COVERED)] = np.nan
    return mean, target
