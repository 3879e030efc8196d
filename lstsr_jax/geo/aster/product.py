"""ASTER surface kinetic temperature (AST_08): reading it, and its mean over 250 m pixels.

Source: AST_08 of the LP DAAC: 700 x 830 pixels of 90 m in UTM, uint16 in steps of 0.1 K, 0 outside the swath. The
HDF-EOS file is oriented along the orbit and placed by the longitude and latitude of its corner pixels; the GeoTIFF
carries its own place.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio.warp
import scipy.ndimage
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band, read_band
from lstsr_jax.geo.grid import FINE_PIXEL_M
from lstsr_jax.geo.hdf import open_hdf
from lstsr_jax.geo.warp import Grid, warp_field

ASTER_SCALE_K: Final = 0.1
FILLER_K: Final = 200.0
HOTTEST_K: Final = 420.0
_CORNERS: Final = ("UPPERLEFT", "UPPERRIGHT", "LOWERLEFT", "LOWERRIGHT")
_WGS84: Final = CRS.from_epsg(4326)


@dataclasses.dataclass(frozen=True, eq=False)
class AsterScene:
    """Surface temperature of one ASTER scene.

    Attributes:
        lst: (H, W) float32, kelvin; NaN where there is none.
        grid: where it lies; rotated for an HDF-EOS file.
        path: the file it was read from.
    """

    lst: NDArray[np.float32]
    grid: Grid
    path: Path

    @property
    def pixel_m(self) -> float:
        """Side of a pixel in metres."""
        return self.grid.pixel_m


def read_aster(path: str | Path, rim: int = 1) -> AsterScene:
    """Read AST_08.

    Args:
        path: the HDF-EOS4 granule (``.hdf``), or a GeoTIFF: integers in steps of 0.1 K (or of the scale written in the
            file), or floating-point kelvin.
        rim: pixels to mask around fillers, 0 and 200 K, that the file does not declare as nodata: whoever resampled
            such a file blended them with the temperatures beside them.

    Returns:
        The scene; fillers, their rims and anything outside 200..420 K is NaN.

    Raises:
        GranuleError: missing, damaged, not georeferenced, not in metres, or without a surface temperature.
    """
    path = Path(path)
    if path.suffix.lower() == ".hdf":
        kelvin, grid, declared = _read_hdf4(path)
    elif path.suffix.lower() in (".tif", ".tiff"):
        kelvin, grid, declared = _read_tiff(path)
    else:
        raise GranuleError(f"{path}: neither .hdf nor .tif; give AST_08 as HDF-EOS or GeoTIFF")
    if not grid.crs.is_projected:
        raise GranuleError(f"{path}: its coordinates are not metres; warp it to its UTM zone first")
    lst = mask_fillers(kelvin, rim=rim, declared=declared)
    if not np.isfinite(lst).any():
        raise GranuleError(f"{path}: no temperature within {FILLER_K:.0f}..{HOTTEST_K:.0f} K; give AST_08")
    return AsterScene(lst, grid, path)


def mask_fillers(
    kelvin: NDArray[np.floating[Any]], *, rim: int = 1, declared: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """NaN for what is no temperature: 0, the strips of 200 K that some files hold, and the rim around both.

    Args:
        kelvin: (H, W).
        rim: pixels to mask around a filler, along rows, columns and diagonals.
        declared: (H, W), True where the file says nodata: masked without a rim, since resampling leaves nodata out.

    Returns:
        (H, W) float32.
    """
    absent = ~np.isfinite(kelvin) if declared is None else declared | ~np.isfinite(kelvin)
    with np.errstate(invalid="ignore"):
        filler = ~absent & (kelvin < FILLER_K + ASTER_SCALE_K / 2)
        bad = absent | filler | (kelvin > HOTTEST_K)
    if rim:
        bad = bad | scipy.ndimage.binary_dilation(filler, np.ones((3, 3)), iterations=rim)
    return np.where(bad, np.nan, kelvin).astype(np.float32)


def reduce_aster(scene: AsterScene, pixel_m: float = FINE_PIXEL_M, min_coverage: float = 0.999) -> AsterScene:
    """Average a scene over larger pixels, weighted by the area that each small pixel shares with a large one.

    Args:
        scene: of smaller pixels. A rotated one is first cut, by nearest neighbour, into pixels three times smaller
            that run north, of which the mean is taken.
        pixel_m: side of the large pixels, metres.
        min_coverage: share of a large pixel that must be observed; else it is NaN. The default masks every pixel that
            a gap, a filler or the border touches.

    Returns:
        The scene on a north-up grid of the same coordinate system, that starts at the north-west corner.

    Raises:
        ValueError: pixels would not grow.
    """
    if pixel_m <= scene.pixel_m:
        raise ValueError(f"pixels of {scene.pixel_m:.1f} m cannot be averaged to {pixel_m:.1f} m; give larger ones")
    lst, grid = scene.lst, scene.grid
    if grid.transform.b or grid.transform.d or grid.transform.a < 0 or grid.transform.e > 0:
        north_up = _north_up(grid, scene.pixel_m / 3)
        lst, grid = warp_field(lst, grid, north_up, kind="nearest"), north_up
    # A margin of NaN, so that coverage counts what lies beyond the border as missing.
    margin = int(np.ceil(pixel_m / grid.transform.a)) + 1
    lst = np.pad(lst, margin, constant_values=np.nan)
    padded = grid.cut(-margin, -margin, (lst.shape[0], lst.shape[1]))
    target = _north_up(grid, pixel_m)
    mean = warp_field(lst, padded, target, kind="average")
    coverage = warp_field(np.isfinite(lst), padded, target, kind="average")
    with np.errstate(invalid="ignore"):
        mean[~(coverage >= min_coverage)] = np.nan
    return AsterScene(mean, target, scene.path)


def _north_up(grid: Grid, pixel_m: float) -> Grid:
    """Square pixels over the bounding box of a grid, from its north-west corner."""
    height, width = grid.shape
    x, y = grid.xy(np.array([0, width, 0, width]), np.array([0, 0, height, height]))
    shape = int(np.ceil((y.max() - y.min()) / pixel_m - 1e-6)), int(np.ceil((x.max() - x.min()) / pixel_m - 1e-6))
    return Grid(shape, Affine(pixel_m, 0.0, float(x.min()), 0.0, -pixel_m, float(y.max())), grid.crs)


def _read_tiff(path: Path) -> tuple[NDArray[np.float32], Grid, NDArray[np.bool_]]:
    band: Band = read_band(path)
    declared = band.masked | ~np.isfinite(band.values.astype(np.float64))
    if band.nodata is not None and np.isfinite(band.nodata):
        declared |= band.values == band.nodata
    scale = band.scale
    if band.values.dtype.kind != "f" and scale == 1:
        scale = ASTER_SCALE_K
    kelvin = (band.values * np.float64(scale) + band.offset).astype(np.float32)
    return kelvin, Grid((kelvin.shape[0], kelvin.shape[1]), band.transform, band.crs), declared


def _read_hdf4(path: Path) -> tuple[NDArray[np.float32], Grid, NDArray[np.bool_]]:
    with open_hdf(path) as file:
        names = [name for name in file.names if "kinetictemperature" in name.lower().replace("_", "")]
        if len(names) != 1:
            known = ", ".join(file.names[:6]) or "none"
            raise GranuleError(f"{path}: no KineticTemperature among its datasets ({known}); give AST_08")
        stored = file.read(names[0]).values
        text = "\n".join(value for value in file.texts.values() if isinstance(value, str))
    if stored.dtype != np.uint16:
        raise GranuleError(f"{path}: KineticTemperature is {stored.dtype}, not uint16; give AST_08")
    grid = _grid_of_corners(path, text, (stored.shape[0], stored.shape[1]))
    return (stored * ASTER_SCALE_K).astype(np.float32), grid, np.zeros(stored.shape, bool)


def _grid_of_corners(path: Path, text: str, shape: tuple[int, int]) -> Grid:
    """The grid of a scene placed by the centres of its four corner pixels, as GDAL's reader takes them."""
    zone = re.search(r"OBJECT\s*=\s*UTMZONE\w*\b.*?VALUE\s*=\s*\"?(-?\d+)", text, re.DOTALL)
    places = []
    for name in _CORNERS:
        pattern = rf"OBJECT\s*=\s*{name}\b.*?VALUE\s*=\s*\(\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\)"
        found = re.search(pattern, text, re.DOTALL)
        if found:
            places.append((float(found[2]), float(found[1])))
    if zone is None or not 1 <= abs(int(zone[1])) <= 60 or len(places) != len(_CORNERS):
        raise GranuleError(f"{path}: its metadata name no UTM zone or not four corners; order it as GeoTIFF")
    south = int(zone[1]) < 0 or sum(latitude for _, latitude in places) < 0
    crs = CRS.from_epsg((32700 if south else 32600) + abs(int(zone[1])))
    x, y = rasterio.warp.transform(_WGS84, crs, *zip(*places, strict=True))[:2]
    height, width = shape
    pixels = np.array([(0.5, 0.5), (width - 0.5, 0.5), (0.5, height - 0.5), (width - 0.5, height - 0.5)])
    design = np.column_stack([pixels, np.ones(4)])
    (a, d), (b, e), (c, f) = np.linalg.lstsq(design, np.column_stack([x, y]), rcond=None)[0].tolist()
    miss = np.abs(design @ np.array([(a, d), (b, e), (c, f)]) - np.column_stack([x, y])).max()
    transform = Affine(a, b, c, d, e, f)
    side = Grid(shape, transform, crs).pixel_m
    if not (np.isfinite(miss) and miss < 2 * side and 0 < side < 1000):
        raise GranuleError(f"{path}: its corners span no {height}x{width} pixels in UTM; order it as GeoTIFF")
    return Grid(shape, transform, crs)
