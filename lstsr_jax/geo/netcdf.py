"""netCDF-4 subsets of grids, many days in a file: AppEEARS in longitude and latitude, OPeNDAP on the native grid."""

import dataclasses
import datetime
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said
from lstsr_jax.geo.geotiff import Band
from lstsr_jax.geo.grid import EARTH_RADIUS_M, SINUSOIDAL, TILE_PIXELS, TILE_WIDTH_M
from lstsr_jax.geo.hdf import HdfGranule
from lstsr_jax.geo.place import PIXEL_TOLERANCE

_REMEDY: Final = "give it as AppEEARS or OPeNDAP writes it"
_SHORT: Final = re.compile(r"(?<![A-Z0-9])((?:VJ[12]|[A-Z]{3})\d{2}[A-Z0-9_]{0,4}?)(?:\.\d{3})?(?![A-Z0-9])")
_TIME: Final = re.compile(r"(days|hours|minutes|seconds) since (\d{1,4}-\d{1,2}-\d{1,2})", re.I)
_MOST_DAYS: Final = 100_000
"""Of a file: 270 years."""
_DAY_S: Final = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where and when the variables of a netCDF are.

    Attributes:
        path: of the file.
        dates: of its days, in the file's order.
        transform: (column, row) to metres or degrees, north up.
        crs: sinusoidal, or longitude and latitude.
        shape: (H, W).
        flips: whether rows run from south to north, and columns from east to west.
        timed: whether its variables have an axis of time.
    """

    path: Path
    dates: tuple[datetime.date, ...]
    transform: Affine
    crs: CRS
    shape: tuple[int, int]
    flips: tuple[bool, bool]
    timed: bool


def product_inside(file: HdfGranule) -> str | None:
    """The product that a file names in its own attributes; None if it names none."""
    for key in ("ShortName", "identifier_product_doi", "title"):
        if (found := _SHORT.search(str(file.texts.get(key, "")))) is not None:
            return found[1]
    return None


def frame_of(path: Path, file: HdfGranule, name: str, said: Said, pixels: int = TILE_PIXELS) -> Frame:
    """Where and when a variable is.

    Args:
        path: of the file.
        file: open.
        name: of the variable.
        said: by the file's name and the user, for one without an axis of time.
        pixels: along the side of a whole tile: 1200 for 1 km.

    Raises:
        GranuleError: it does not say where or when.
    """
    described = file.describe(name)
    sides, dims = described["sides"], described["dims"]
    if len(sides) not in (2, 3) or not all(dims):
        raise GranuleError(f"{path}: {name} has {len(sides)} dimensions, not time, y, x with coordinates; give it so")
    grid = [_coordinate(path, file, axis) for axis in dims[-2:]]
    if [axis for axis, _ in grid] not in (["y", "x"], ["lat", "lon"]):
        raise GranuleError(f"{path}: its axes are {', '.join(dims)}, not time, y, x or time, lat, lon; give them so")
    transform, crs, flips = _place(path, file, grid[0][0] == "lat", grid[0][1], grid[1][1], TILE_WIDTH_M / pixels)
    timed = len(sides) == 3
    dates = _dates(path, file, dims[0], said) if timed else (said.date,)
    if None in dates:
        raise GranuleError(f"{path}: its variables have no time; say the day with `date` (of predict.py and read_lst)")
    days = tuple(date for date in dates if date is not None)
    return Frame(path, days, transform, crs, (sides[-2], sides[-1]), flips, timed)


def describe_dates(dates: tuple[datetime.date, ...]) -> str:
    """The days of a file, for messages: all of up to eight, else the first and last few."""
    texts = [str(date) for date in sorted(dates)]
    listed = texts if len(texts) <= 8 else [*texts[:4], "...", *texts[-2:]]
    return f"it holds {len(texts)} day{'s' if len(texts) > 1 else ''}: {', '.join(listed)}"


def _coordinate(path: Path, file: HdfGranule, name: str) -> tuple[str, NDArray[np.float64]]:
    """Which axis a coordinate is of ("x", "y", "lat", "lon", or its own name), and its values."""
    if name not in file.names:
        raise GranuleError(f"{path}: axis {name} has no coordinates; {_REMEDY}")
    values, attributes = file.array(name)
    standard, units = str(attributes.get("standard_name", "")), str(attributes.get("units", ""))
    axis = {
        "projection_x_coordinate": "x",
        "projection_y_coordinate": "y",
        "latitude": "lat",
        "longitude": "lon",
    }.get(standard) or (
        "lat" if units.startswith("degrees_n") else "lon" if units.startswith("degrees_e") else name.lower()
    )
    return axis, values.astype(np.float64)


def _place(
    path: Path,
    file: HdfGranule,
    geographic: bool,
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    pixel: float,
) -> tuple[Affine, CRS, tuple[bool, bool]]:
    """Transform with north up, coordinate system, and the directions to turn over."""
    for values in (y, x):
        if values.size < 2 or not np.allclose(np.diff(values), values[1] - values[0], rtol=1e-3):
            raise GranuleError(f"{path}: its coordinates are not evenly spaced; {_REMEDY}")
    flips = bool(y[1] > y[0]), bool(x[1] < x[0])
    y, x = (values[::-1] if flip else values for values, flip in zip((y, x), flips, strict=True))
    step = (x[-1] - x[0]) / (x.size - 1), (y[-1] - y[0]) / (y.size - 1)
    if geographic:
        place = Affine(step[0], 0.0, x[0] - step[0] / 2, 0.0, step[1], y[0] - step[1] / 2)
        return place, CRS.from_epsg(4326), flips
    radius = [
        file.describe(name)["attributes"].get("earth_radius")
        for name in file.names
        if name.lower().endswith("projection") or name.lower() in ("crs", "spatial_ref")
    ]
    if any(found is not None and abs(float(found) - EARTH_RADIUS_M) > 1 for found in radius):
        raise GranuleError(f"{path}: its grid is on another sphere than the MODIS sinusoidal one; {_REMEDY}")
    # OPeNDAP gives the corners of pixels, CF means their centres: the grid itself tells which.
    if max(abs(abs(size) / pixel - 1) for size in step) > PIXEL_TOLERANCE:
        raise GranuleError(
            f"{path}: its pixels are {abs(step[0]):.6g} x {abs(step[1]):.6g} m, not {pixel:.2f} m; {_REMEDY}"
        )
    left, top = _edge(path, x[0] / pixel), -_edge(path, -y[0] / pixel)
    return Affine(pixel, 0.0, left * pixel, 0.0, -pixel, top * pixel), SINUSOIDAL, flips


def _edge(path: Path, offset: float) -> int:
    """The outer edge of the first pixel in pixels, from its upper-left corner or its centre."""
    corner, centre = round(offset), round(offset - 0.5)
    if abs(offset - corner) < 0.01:
        return corner
    if abs(offset - 0.5 - centre) < 0.01:
        return centre
    raise GranuleError(f"{path}: its coordinates are neither corners nor centres of MODIS grid pixels; {_REMEDY}")


def _dates(path: Path, file: HdfGranule, name: str, said: Said) -> tuple[datetime.date, ...]:
    """The days of the axis of time. AppEEARS calls its calendar Julian and counts as everybody does."""
    values, attributes = file.array(name)
    found = _TIME.match(str(attributes.get("units", "")))
    if found is None:
        if values.size == 1 and said.date is not None:
            return (said.date,)
        raise GranuleError(f"{path}: its time is in {attributes.get('units')!r}, not days since a day; {_REMEDY}")
    if values.size > _MOST_DAYS:
        raise GranuleError(f"{path}: claims {values.size} days; split it by time, or download it again")
    try:
        origin = datetime.datetime(*(int(part) for part in found[2].split("-")))  # type: ignore[arg-type]
        seconds = values.astype(np.float64).ravel() * _DAY_S[found[1].lower()]
        days = tuple((origin + datetime.timedelta(seconds=float(second))).date() for second in seconds)
    except (ValueError, OverflowError) as error:
        raise GranuleError(f"{path}: its time is none ({error}); {_REMEDY}") from None
    if len(set(days)) != len(days):
        raise GranuleError(f"{path}: holds a day twice; split it by time")
    return days


def band_of(frame: Frame, file: HdfGranule, name: str, date: datetime.date) -> Band:
    """One day of a variable, with its first row in the north.

    Raises:
        GranuleError: it is of another shape.
    """
    values, attributes = file.array(name, frame.dates.index(date) if frame.timed else None)
    if values.shape != frame.shape:
        raise GranuleError(f"{frame.path}: {name} has shape {values.shape}, not {frame.shape}; download it again")
    rows, columns = (slice(None, None, -1) if flip else slice(None) for flip in frame.flips)
    values = np.ascontiguousarray(values[rows, columns])
    known: dict[str, Any] = {key.lower(): value for key, value in attributes.items()}

    def number(key: str, default: float | None) -> Any:
        value = known.get(key, default)
        return default if isinstance(value, str) else value

    units = known.get("units", "")
    return Band(
        values=values,
        transform=frame.transform,
        crs=frame.crs,
        scale=number("scale_factor", 1.0),
        offset=number("add_offset", 0.0),
        nodata=number("_fillvalue", None),
        masked=np.zeros(values.shape, bool),
        units=units if isinstance(units, str) and units.lower() not in ("bit field", "n/a", "none") else "",
        tags={},
    )
