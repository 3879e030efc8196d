"""Pairs of MODIS at 1 km and ASTER at 250 m with NDVI, as files in one folder; reading and registering them.

``<name>_modis_lst_1km.tif``, ``<name>_modis_ndvi_250m.tif`` and ``<name>_aster_lst_250m.tif`` make a pair. In place of
the last, ``<name>_aster_lst_90m.tif`` or ``.hdf`` is averaged to 250 m when it is read. ``index.csv``, if there is one,
may hold the shift of each pair in its columns ``id``, ``reg_ndvi_dy_px250`` and ``reg_ndvi_dx_px250``.
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import Final, Literal

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.geo.aster.product import read_aster, reduce_aster
from lstsr_jax.geo.aster.registration import SEARCH_PX, Registration, register_coarse, register_guide
from lstsr_jax.geo.elevation import read_elevation
from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import read_band
from lstsr_jax.geo.grid import FINE_PIXEL_M
from lstsr_jax.geo.walk import Skipped
from lstsr_jax.geo.warp import Grid, place_field, warp_field

FACTOR: Final = 4
WATER_NDVI: Final = 0.0
"""Below it there is water or snow."""
SMALLEST_CORRELATION: Final = 0.3
"""What chance makes of textures in the search window stays below 0.15."""
NEAR_PX: Final = 1.5
_LST, _NDVI = "_modis_lst_1km.tif", "_modis_ndvi_250m.tif"
_ASTER: Final = ("_aster_lst_250m.tif", "_aster_lst_90m.tif", "_aster_lst_90m.hdf")


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """MODIS and ASTER of one moment.

    Attributes:
        name: first part of the file names.
        lst: (h, w) float32, kelvin at 1 km; NaN where not observed.
        grid: where it lies.
        ndvi: (4h, 4w) float32 on the fine grid of ``lst``, moved there by whole pixels; None without a file.
        aster: (H, W) float32, kelvin at about 250 m; NaN where not observed.
        aster_grid: where it lies.
        elevation: (4h, 4w) float32, metres on the fine grid of ``lst``; None if there is none.
    """

    name: str
    lst: NDArray[np.float32]
    grid: Grid
    ndvi: NDArray[np.float32] | None
    aster: NDArray[np.float32]
    aster_grid: Grid
    elevation: NDArray[np.float32] | None = None

    @property
    def fine_grid(self) -> Grid:
        """The 250 m grid that nests in the LST."""
        return self.grid.refine(FACTOR)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the LST of both, which tell a pair in whatever folder and of whatever name."""
        digest = hashlib.sha256()
        for values in (self.lst, self.aster):
            digest.update(str(values.shape).encode() + np.nan_to_num(values, nan=0.0).astype("<f4").tobytes())
        return digest.hexdigest()[:12]


def read_pairs(directory: str | Path, elevation: str | Path | None = None) -> tuple[list[Pair], list[Skipped]]:
    """Read all pairs of a folder, by name.

    Args:
        directory: the folder.
        elevation: a DEM (``read_elevation``) to take the elevation of all pairs from.

    Returns:
        The pairs, and the MODIS files that have no ASTER beside them.

    Raises:
        InputError: no such folder, or no pair in it.
        GranuleError: a file that cannot be used: damaged, without place, or of a pair that does not overlap.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; give the folder of <name>{_LST} and <name>{_ASTER[0]}")
    files = sorted(directory.glob(f"*{_LST}"))
    pairs: list[Pair] = []
    skipped: list[Skipped] = []
    for path in files:
        name = path.name.removesuffix(_LST)
        aster = next((file for end in _ASTER if (file := directory / f"{name}{end}").is_file()), None)
        if aster is None:
            skipped.append(Skipped(path, f"{path}: no {name}{_ASTER[0]} beside it"))
        else:
            pair = _read(name, path, path.with_name(f"{name}{_NDVI}"), aster)
            pairs.append(pair if elevation is None else _with_elevation(pair, elevation))
    if not pairs:
        found = f"{len(files)} MODIS files but no ASTER file" if files else "no pair"
        raise InputError(f"{directory}: {found} in it; files are named <name>{_LST} and <name>{_ASTER[0]}")
    return pairs, skipped


def _with_elevation(pair: Pair, path: str | Path) -> Pair:
    guide = read_elevation(path, pair.fine_grid)
    return dataclasses.replace(pair, elevation=guide.values if np.isfinite(guide.values).any() else None)


def _read(name: str, lst_path: Path, ndvi_path: Path, aster_path: Path) -> Pair:
    lst, grid = _read_field(lst_path, 150.0, 500.0)
    scene = read_aster(aster_path)
    if scene.pixel_m < FINE_PIXEL_M / 2:
        scene = reduce_aster(scene)
    seen = warp_field(lst, grid, scene.grid, kind="nearest")
    if not (np.isfinite(seen) & np.isfinite(scene.lst)).any():
        raise GranuleError(f"{aster_path}: does not overlap {lst_path.name} where both are observed; pair them anew")
    ndvi = None
    if ndvi_path.is_file():
        try:
            ndvi = place_field(*_read_field(ndvi_path, -1.0, 1.0), grid.refine(FACTOR))
        except GranuleError:
            raise
        except ValueError as error:
            raise GranuleError(f"{ndvi_path}: {error}") from None
    return Pair(name, lst, grid, ndvi, scene.lst, scene.grid)


def _read_field(path: Path, low: float, high: float) -> tuple[NDArray[np.float32], Grid]:
    """A band of physical values; NaN for nodata and for what is outside the range."""
    band = read_band(path)
    values = (band.values * np.float64(band.scale) + band.offset).astype(np.float32)
    with np.errstate(invalid="ignore"):
        values[~((values >= low) & (values <= high))] = np.nan
    values[band.missing] = np.nan
    if not np.isfinite(values).any():
        raise GranuleError(f"{path}: no value within {low:g}..{high:g}; give LST in kelvin and NDVI as a fraction")
    return values, Grid((values.shape[0], values.shape[1]), band.transform, band.crs)


def register_pair(pair: Pair, by: Literal["ndvi", "lst"] | None = None) -> Registration:
    """The shift of MODIS that agrees best with ASTER.

    Args:
        pair: with NDVI if it is to be used.
        by: "ndvi": the fine texture of NDVI against that of ASTER, on land. "lst": LST at 1 km against ASTER averaged
            to it. None: NDVI, the sharper of the two, where its texture is that of ASTER (a correlation of at least
            0.3 either way) and it lies within 1.5 fine pixels of what LST says; else LST.

    Returns:
        The shift in fine pixels, and by what it was found.

    Raises:
        InputError: the pair has no NDVI, overlaps too little, or, with None, neither tells a shift.
    """
    try:
        if by == "lst":
            found = register_coarse(pair.lst, pair.grid, pair.aster, pair.aster_grid, factor=FACTOR)
            return dataclasses.replace(found, by="lst")
        if by == "ndvi":
            return dataclasses.replace(_register_land(pair), by="ndvi")
    except ValueError as error:
        raise InputError(f"pair {pair.name}: {error}") from None
    coarse = register_pair(pair, "lst")
    if not _stands_out(coarse):
        raise InputError(
            f"pair {pair.name}: MODIS and ASTER LST tell no shift (correlation {coarse.correlation:.2f} at "
            f"{coarse.shift.rows:.1f} rows and {coarse.shift.columns:.1f} columns); remove the pair, record its shift "
            "in index.csv, or choose `registration` none"
        )
    try:
        guide = _register_land(pair)
    except ValueError:  # without NDVI, or hardly any land of texture: LST has to do
        return coarse
    apart = np.hypot(*np.subtract(guide.shift, coarse.shift))
    return dataclasses.replace(guide, by="ndvi") if _stands_out(guide) and apart <= NEAR_PX else coarse


def _stands_out(found: Registration) -> bool:
    """Whether a summit within the search window is more than chance."""
    inside = max(map(abs, found.shift)) < SEARCH_PX - 1e-6
    return inside and abs(found.correlation) >= SMALLEST_CORRELATION


def _register_land(pair: Pair) -> Registration:
    """NDVI against ASTER, without water and snow.

    Land is the cooler the greener it is, water cool by day and not green: over both the correlation of the textures
    cancels, and any chance correlation of the search window is larger.
    """
    if pair.ndvi is None:
        raise ValueError("no NDVI to register with; register by LST")
    with np.errstate(invalid="ignore"):
        water = scipy.ndimage.binary_dilation(pair.ndvi < WATER_NDVI, np.ones((3, 3)), iterations=SEARCH_PX)
    near = warp_field(water.astype(np.float32), pair.fine_grid, pair.aster_grid, kind="nearest")
    land = np.where(water, np.nan, pair.ndvi).astype(np.float32)
    truth = np.where(near == 1, np.nan, pair.aster).astype(np.float32)
    return register_guide(land, pair.fine_grid, truth, pair.aster_grid)
