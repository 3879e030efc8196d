"""Reading one band of a GeoTIFF or COG: its numbers, its place, and what it says of their scale, unit and gaps."""

import contextlib
import dataclasses
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.openable import geotiff, require_size
from lstsr_jax.geo.tiff_checksum import check_blocks
from lstsr_jax.geo.warp import Grid

_USUAL_GAPS: Final = (-999.0, -9999.0, -32768.0, -99999.0)
_LARGEST = 1e30


@dataclasses.dataclass(frozen=True, eq=False)
class Band:
    """The only band of a raster, as stored, with its first row in the north.

    Attributes:
        values: (H, W).
        transform: (column, row) to the CRS's metres.
        crs: coordinate reference system.
        scale: factor written in the file, 1 if none.
        offset: added after scaling, 0 if none.
        nodata: the stored value of "nothing here", or None.
        masked: (H, W), True where a mask (inside the file or a .msk beside it) or an alpha band says "nothing here".
        units: unit of the scaled values as the file writes it, "" if it does not.
        tags: other metadata, keys in small letters.
    """

    values: NDArray[Any]
    transform: Affine
    crs: CRS
    scale: float
    offset: float
    nodata: float | None
    masked: NDArray[np.bool_]
    units: str
    tags: Mapping[str, str]

    @property
    def declares_scale(self) -> bool:
        """Whether the file says how its numbers are scaled."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(H, W), True where nothing is: masked, nodata, NaN or infinite, or -9999 and the like in unscaled floats."""
        missing = self.masked.copy()
        if self.nodata is not None:
            missing |= self.values == self.nodata
        if self.values.dtype.kind == "f":
            missing |= ~(np.abs(self.values) < _LARGEST)
            if not self.declares_scale:
                missing |= np.isin(self.values, _USUAL_GAPS)
        return missing


def read_band(path: Path, around: Grid | None = None) -> Band:
    """Read the only band of a georeferenced raster; an alpha band beside it is taken as its mask.

    A raster whose rows run from south to north, or columns from east to west, is turned over.

    Args:
        path: a GeoTIFF or COG.
        around: read only what lies under this grid and a little around it, which may be nothing: ``(0, 0)`` values.

    Returns:
        Its values and place.

    Raises:
        GranuleError: missing, unreadable or truncated, of several bands, without CRS or transform, or with two
            scales that contradict each other.
    """
    if not path.is_file():
        raise GranuleError(f"{path}: no such file; check the path")
    try:
        with quiet(), geotiff(path) as file:
            crs, transform, count = file.crs, file.transform, file.count
            scale, offset, nodata = file.scales[0], file.offsets[0], file.nodata
            tags = {
                key.rpartition("#")[2].lower(): text for key, text in {**file.tags(), **file.tags(1)}.items()
            }  # GDAL writes the attributes of a netCDF variable as "LST#scale_factor"
            units = file.units[0] or tags.get("units") or tags.get("unit") or ""
            alpha = count == 2 and file.colorinterp[1] == ColorInterp.alpha
            window = Window(0, 0, file.width, file.height) if around is None or crs is None else _under(file, around)
            empty = not (window.width and window.height)
            require_size(path, (window.height, window.width))
            values = np.zeros((0, 0), file.dtypes[0]) if empty else file.read(1, window=window)
            if not empty:
                check_blocks(file, path, window)
            has_mask = MaskFlags.per_dataset in file.mask_flag_enums[0] and not empty
            masked = file.read_masks(1, window=window) == 0 if has_mask else np.zeros(values.shape, bool)
    except GranuleError:
        raise
    except (RasterioError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GranuleError(f"{path}: cannot be read as a GeoTIFF ({reason}); download it again") from None
    if count != 1 and not alpha:
        raise GranuleError(f"{path}: {count} bands, one is expected; give the layer as a file of its own")
    if crs is None or transform.is_identity:
        raise GranuleError(f"{path}: no coordinate system; set it with gdal_translate -a_srs -a_ullr")
    transform = transform @ Affine.translation(window.col_off, window.row_off)
    scale, offset = _declared(path, scale, offset, tags)
    if nodata is None:
        nodata = _number(path, tags, "_fillvalue", None)
    height, width = values.shape
    if transform.e > 0 and transform.is_rectilinear:
        values, masked = values[::-1], masked[::-1]
        transform = Affine(transform.a, 0.0, transform.c, 0.0, -transform.e, transform.f + height * transform.e)
    if transform.a < 0 and transform.is_rectilinear:
        values, masked = values[:, ::-1], masked[:, ::-1]
        transform = Affine(-transform.a, 0.0, transform.c + width * transform.a, 0.0, transform.e, transform.f)
    return Band(
        np.ascontiguousarray(values), transform, crs, scale, offset, nodata, np.ascontiguousarray(masked), units, tags
    )


def _under(file: Any, grid: Grid) -> Window:
    """The window of an open raster that a grid lies on, with a margin for resampling; of no size if none does."""
    margin, side = 2, 65
    rows, columns = (np.linspace(-margin, n + margin, side) for n in grid.shape)
    x, y = grid.xy(*(axis.ravel() for axis in np.meshgrid(columns, rows)))
    x, y = np.asarray(rasterio.warp.transform(grid.crs, file.crs, x, y))
    here = np.isfinite(x) & np.isfinite(y)
    if not here.any():
        return Window(0, 0, 0, 0)
    column, row = Grid((0, 0), ~file.transform, file.crs).xy(x[here], y[here])
    starts = [max(int(np.floor(axis.min())) - margin, 0) for axis in (row, column)]
    stops = [int(np.ceil(axis.max())) + margin for axis in (row, column)]
    height, width = (
        min(stop, n) - start for start, stop, n in zip(starts, stops, (file.height, file.width), strict=True)
    )
    return Window(starts[1], starts[0], width, height) if height > 0 and width > 0 else Window(0, 0, 0, 0)


def _declared(path: Path, scale: float, offset: float, tags: Mapping[str, str]) -> tuple[float, float]:
    """Scale and offset of the band, or those that a tool left as tags; both must say the same."""
    tagged = _number(path, tags, "scale_factor", 1.0), _number(path, tags, "add_offset", 0.0)
    if tagged == (1.0, 0.0) or (scale, offset) == (1.0, 0.0):
        return tagged if (scale, offset) == (1.0, 0.0) else (scale, offset)
    inverse = math.isclose(tagged[0] * scale, 1, rel_tol=1e-6)  # MOD13 writes the divisor 10000 for 0.0001
    if not (math.isclose(scale, tagged[0], rel_tol=1e-6) or inverse) or not math.isclose(
        offset, tagged[1], rel_tol=1e-6, abs_tol=1e-9
    ):
        raise GranuleError(
            f"{path}: its band says scale {scale:g}, offset {offset:g}, its tags {tagged[0]:g} and {tagged[1]:g}; "
            "remove the wrong one"
        )
    return scale, offset


def _number(path: Path, tags: Mapping[str, str], key: str, default: Any) -> Any:
    """A tag as a number; text that is none, such as the fill value "NA", counts as absent for a fill value only."""
    text = tags.get(key)
    if text is None:
        return default
    try:
        return float(text)
    except ValueError:
        if key == "_fillvalue":
            return default
        raise GranuleError(f"{path}: its tag {key} is {text!r}, not a number; correct or remove it") from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warning of a raster without place: ``read_band`` says it better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
