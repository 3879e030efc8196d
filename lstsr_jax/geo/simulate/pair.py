"""A simulated pair of MODIS LST and NDVI with ASTER LST of the same moment, whose misregistration is known.

The place and the weather are those of ``simulate_granule``. ASTER sees the same 250 m truth, moved by the shift, on its
UTM grid at 90 m, with its own noise and bias, and is then averaged to 250 m by the code that reads real scenes.
"""

import dataclasses
import datetime
from pathlib import Path
from typing import Final

import numpy as np
import rasterio.warp
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.aster.product import AsterScene, reduce_aster
from lstsr_jax.geo.grid import SINUSOIDAL, tile_transform
from lstsr_jax.geo.raster import write_raster
from lstsr_jax.geo.simulate.granule import FACTOR, aggregate_l4, simulate_granule
from lstsr_jax.geo.warp import Grid, Shift, warp_field

DEFAULT_SHIFT: Final = Shift(0.837, 1.071)
"""As far as ASTER was found to lie off MODIS in real pairs."""
PATCH: Final = 64
_MARGIN: Final = 4
_FILES: Final = ("modis_lst_1km", "modis_ndvi_250m", "aster_lst_250m")


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedPair:
    """One pair and the truth behind it.

    Attributes:
        lst: (64, 64) float32, kelvin: MODIS at 1 km.
        lst_grid: where it lies; sinusoidal.
        ndvi: (256, 256) float32, at 250 m, whole fine pixels south and east of ``lst``.
        ndvi_grid: where it lies.
        aster: (H, W) float32, kelvin, about 250 m; NaN outside the swath.
        aster_grid: where it lies; UTM.
        truth: (256, 256) float32, kelvin: what MODIS would see at 250 m, nesting in ``lst``.
        shift: of the field that registers MODIS with ASTER, in fine pixels.
        bias: ASTER less MODIS, kelvin.
    """

    lst: NDArray[np.float32]
    lst_grid: Grid
    ndvi: NDArray[np.float32]
    ndvi_grid: Grid
    aster: NDArray[np.float32]
    aster_grid: Grid
    truth: NDArray[np.float32]
    shift: Shift
    bias: float


def simulate_pair(
    seed: int = 0,
    *,
    shift: Shift = DEFAULT_SHIFT,
    ndvi_offset: tuple[int, int] = (1, 2),
    bias_k: float = 0.4,
    modis_noise_k: float = 0.3,
    aster_noise_k: float = 0.3,
    tile: str = "h18v04",
    date: datetime.date = datetime.date(2020, 7, 1),
) -> SimulatedPair:
    """Simulate a pair.

    Args:
        seed: place and weather; the same arguments give the same pair.
        shift: where ASTER sees the ground, in fine pixels south and east of where MODIS does.
        ndvi_offset: rows and columns by which the NDVI lies south and east of the LST, 0..3.
        bias_k: ASTER less MODIS.
        modis_noise_k: standard deviation at 1 km.
        aster_noise_k: standard deviation at 90 m.
        tile: where; the patch lies near its north-west corner.
        date: when; of the day overpass.

    Returns:
        The pair.

    Raises:
        ValueError: an offset outside 0..3, or a granule that cannot be simulated.
    """
    if not all(0 <= offset < FACTOR for offset in ndvi_offset):
        raise ValueError(f"ndvi_offset must be 0..{FACTOR - 1} rows and columns, got {ndvi_offset}")
    size = PATCH + 2 * _MARGIN
    granule = simulate_granule(seed, tile=tile, date=date, size=size, place_seed=seed)
    rng = np.random.default_rng([seed, date.toordinal(), 29])
    whole = Grid((size, size), tile_transform(tile), SINUSOIDAL)
    lst_grid = whole.cut(_MARGIN, _MARGIN, (PATCH, PATCH))
    inside = slice(_MARGIN * FACTOR, (_MARGIN + PATCH) * FACTOR)
    truth = granule.truth_day[inside, inside]
    lst = aggregate_l4(truth) + modis_noise_k * rng.standard_normal((PATCH, PATCH))

    rows, columns = (slice(inside.start + n, inside.stop + n) for n in ndvi_offset)
    fine = lst_grid.refine(FACTOR)
    ndvi_grid = fine.cut(*ndvi_offset, fine.shape)

    seen = _utm_grid(fine, 90.0)
    scene = warp_field(granule.truth_day, whole.refine(FACTOR), seen, shift=shift, kind="cubic")
    scene += bias_k + aster_noise_k * rng.standard_normal(seen.shape).astype(np.float32)
    scene[_outside_swath(seen.shape)] = np.nan
    aster = reduce_aster(AsterScene(scene, seen, Path("simulated")))
    ndvi = granule.ndvi[rows, columns].astype(np.float32)
    lst_32 = lst.astype(np.float32)
    return SimulatedPair(lst_32, lst_grid, ndvi, ndvi_grid, aster.lst, aster.grid, truth, shift, bias_k)


def write_pair(pair: SimulatedPair, directory: str | Path, name: str = "001") -> list[Path]:
    """Write a pair as three GeoTIFFs, in the form that ``eval.py --pairs`` reads.

    Args:
        pair: from ``simulate_pair``.
        directory: where; made if needed.
        name: of the pair, the first part of its file names.

    Returns:
        ``<name>_modis_lst_1km.tif``, ``<name>_modis_ndvi_250m.tif`` and ``<name>_aster_lst_250m.tif``.
    """
    fields = (pair.lst, pair.lst_grid, 0.0), (pair.ndvi, pair.ndvi_grid, None), (pair.aster, pair.aster_grid, 0.0)
    return [
        write_raster(
            Path(directory) / f"{name}_{file}.tif",
            values if nodata is None else np.nan_to_num(values, nan=nodata),
            grid.transform,
            grid.crs,
            nodata=nodata,
            tags={"remark": "simulated by lstsr-jax: not an observation"},
        )
        for file, (values, grid, nodata) in zip(_FILES, fields, strict=True)
    ]


def _utm_grid(grid: Grid, pixel_m: float) -> Grid:
    """UTM pixels around a sinusoidal grid, in the zone of its centre."""
    left, bottom, right, top = grid.bounds
    x, y = [left, right, left, right, (left + right) / 2], [top, top, bottom, bottom, (top + bottom) / 2]
    lon, lat = rasterio.warp.transform(grid.crs, CRS.from_epsg(4326), x, y)[:2]
    crs = CRS.from_epsg((32600 if lat[4] >= 0 else 32700) + int((lon[4] + 180) // 6) + 1)
    x, y = rasterio.warp.transform(grid.crs, crs, x, y)[:2]
    west, north = np.floor(min(x) / pixel_m) * pixel_m, np.ceil(max(y) / pixel_m) * pixel_m
    shape = int(np.ceil((north - min(y)) / pixel_m)), int(np.ceil((max(x) - west) / pixel_m))
    return Grid(shape, Affine(pixel_m, 0.0, float(west), 0.0, -pixel_m, float(north)), crs)


def _outside_swath(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """What a swath along the orbit leaves out of a north-up rectangle: a wedge on either side."""
    row, column = np.ogrid[: shape[0], : shape[1]]
    skewed = column + 0.17 * row
    return (skewed < 0.1 * shape[1]) | (skewed > 1.07 * shape[1])
