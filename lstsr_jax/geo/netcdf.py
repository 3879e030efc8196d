"""LST from netCDF-4, many days in a file: AppEEARS's in longitude and latitude, OPeNDAP's on the native grid."""

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
from lstsr_jax.geo.grid import EARTH_RADIUS_M, PIXEL_M, SINUSOIDAL, TILE_PIXELS
from lstsr_jax.geo.hdf import HdfGranule
from lstsr_jax.geo.layer_file import place_band
from lstsr_jax.geo.names import require_lst_product
from lstsr_jax.geo.physical import lst_of_band
from lstsr_jax.geo.place import PIXEL_TOLERANCE
from lstsr_jax.geo.products import LST_EXPECTED, PRODUCTS, Overpass, describe_product, foreign_kind
from lstsr_jax.geo.quality import NOT_PRODUCED, SCHEMES, QualityPolicy, codes_of_band
from lstsr_jax.geo.scene import Scene, observed
from lstsr_jax.geo.stored import view_of_band

_SHORT: Final = re.compile(r"(?<![A-Z0-9])((?:VJ[12]|[A-Z]{3})\d{2}[A-Z0-9_]{0,4}?)(?:\.\d{3})?(?![A-Z0-9])")
_TIME: Final = re.compile(r"(days|hours|minutes|seconds) since (\d{1,4}-\d{1,2}-\d{1,2})", re.I)
_DAY_S: Final = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


@dataclasses.dataclass(frozen=True)
class Cube:
    """What a netCDF holds.

    Attributes:
        path: of the file.
        product: such as "MYD11A1".
        overpasses: whose LST it holds.
        dates: of its days, in the file's order.
        transform: (column, row) to metres or degrees, north up.
        crs: sinusoidal, or longitude and latitude.
        shape: (H, W).
        flips: whether rows run from south to north, and columns from east to west.
        timed: whether its variables have an axis of time.
    """

    path: Path
    product: str
    overpasses: tuple[Overpass, ...]
    dates: tuple[datetime.date, ...]
    transform: Affine
    crs: CRS
    shape: tuple[int, int]
    flips: tuple[bool, bool]
    timed: bool

    @property
    def scenes(self) -> list[tuple[datetime.date, Overpass]]:
        """Day and overpass of each scene, in order."""
        return [(date, overpass) for date in sorted(self.dates) for overpass in self.overpasses]


def open_cube(path: Path, file: HdfGranule, said: Said) -> Cube:
    """Find out what a netCDF holds.

    Args:
        path: of the file.
        file: open.
        said: by its name and the user.

    Raises:
        GranuleError: it holds no LST of a known product, or does not say where or when.
    """
    product = _product(path, file, said)
    row = PRODUCTS[product]
    names = {name.lower(): name for name in file.names}
    overpasses = tuple(key for key, layers in row.layers.items() if layers.lst.lower() in names)
    if not overpasses:
        wanted = " or ".join(layers.lst for layers in row.layers.values())
        raise GranuleError(
            f"{path}: no variable {wanted} of {product}, only {', '.join(file.names[:12])}; {LST_EXPECTED}"
        )
    described = file.describe(names[row.layers[overpasses[0]].lst.lower()])
    sides, dims = described["sides"], described["dims"]
    if len(sides) not in (2, 3) or not all(dims):
        raise GranuleError(f"{path}: LST of {len(sides)} dimensions, not time, y, x with coordinates; {LST_EXPECTED}")
    grid = [_coordinate(path, file, name) for name in dims[-2:]]
    if [axis for axis, _ in grid] not in (["y", "x"], ["lat", "lon"]):
        raise GranuleError(f"{path}: its axes are {', '.join(dims)}, not time, y, x or time, lat, lon; {LST_EXPECTED}")
    transform, crs, flips = _place(path, file, grid[0][0] == "lat", grid[0][1], grid[1][1])
    timed = len(sides) == 3
    dates = _dates(path, file, dims[0], said) if timed else (said.date,)
    if None in dates:
        raise GranuleError(
            f"{path}: its variables have no time; say the day with date= (read_lst) or --date (predict.py)"
        )
    days = tuple(date for date in dates if date is not None)
    return Cube(path, product, overpasses, days, transform, crs, (sides[-2], sides[-1]), flips, timed)


def read_cube(cube: Cube, file: HdfGranule, overpass: Overpass, date: datetime.date, policy: QualityPolicy) -> Scene:
    """Read the LST of one overpass and day.

    Raises:
        GranuleError: it does not hold that, or its numbers are no LST in kelvin.
    """
    path, row = cube.path, PRODUCTS[cube.product]
    if overpass not in cube.overpasses:
        raise GranuleError(f"{path}: holds the {' and '.join(cube.overpasses)}, not the {overpass}; ask for that")
    if date not in cube.dates:
        raise GranuleError(f"{path}: does not hold {date}; {describe_dates(cube.dates)}")
    index = cube.dates.index(date) if cube.timed else None
    layers, scheme = row.layers[overpass], SCHEMES[row.quality]
    names = {name.lower(): name for name in file.names}

    def band(layer: str) -> Band | None:
        return _band(cube, file, names[layer.lower()], index) if layer.lower() in names else None

    lst = band(layers.lst)
    assert lst is not None
    placement = place_band(path, lst, None, TILE_PIXELS)
    quality_band, time_band, angle_band = (band(key) for key in (layers.quality, layers.view_time, layers.view_angle))
    quality = time = angle = None
    if quality_band is not None:
        quality = placement.settle(codes_of_band(path, quality_band, scheme), NOT_PRODUCED)
    if time_band is not None:
        time = placement.settle(view_of_band(path, "view time", time_band, row.view_time), np.nan)
    if angle_band is not None:
        angle = placement.settle(view_of_band(path, "view angle", angle_band, row.view_angle), np.nan)
    return Scene(
        lst=observed(placement.settle(lst_of_band(path, lst), np.nan), quality, policy, row.name),
        quality=quality,
        transform=placement.transform,
        crs=placement.crs,
        date=date,
        tile=placement.tile,
        overpass=overpass,
        product=row.name,
        granule=f"{path.stem}_A{date:%Y%j}",
        path=path,
        view_time=time,
        view_angle=angle,
    )


def describe_dates(dates: tuple[datetime.date, ...]) -> str:
    """The days of a file, for messages: all of up to eight, else the first and last few."""
    texts = [str(date) for date in sorted(dates)]
    listed = texts if len(texts) <= 8 else [*texts[:4], "...", *texts[-2:]]
    return f"it holds {len(texts)} day{'s' if len(texts) > 1 else ''}: {', '.join(listed)}"


def _product(path: Path, file: HdfGranule, said: Said) -> str:
    """The product, by content if that says it."""
    inside = None
    for key in ("ShortName", "identifier_product_doi", "title"):
        found = _SHORT.search(str(file.texts.get(key, "")))
        if found is not None:
            inside = found[1]
            break
    if inside is not None and said.product is not None and said.product != inside:
        raise GranuleError(f"{path}: named {said.product} but holds {describe_product(inside)}; leave product out")
    product = inside or said.product
    if product is None:
        known = {layers.lst.lower() for row in PRODUCTS.values() for layers in row.layers.values()}
        if (kind := foreign_kind(path.name)) is not None or not known & {name.lower() for name in file.names}:
            held = f"holds {', '.join(file.names[:6]) or 'nothing'}, no LST of a product that is known here"
            raise GranuleError(f"{path}: {kind or held}; {LST_EXPECTED}")
        raise GranuleError(
            f"{path}: a netCDF that does not say its product; say it with product= (read_lst) or --product (predict.py)"
        )
    require_lst_product(path, product)
    return product


def _coordinate(path: Path, file: HdfGranule, name: str) -> tuple[str, NDArray[np.float64]]:
    """Which axis a coordinate is of ("x", "y", "lat", "lon", or its own name), and its values."""
    if name not in file.names:
        raise GranuleError(f"{path}: axis {name} has no coordinates; {LST_EXPECTED}")
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
    path: Path, file: HdfGranule, geographic: bool, y: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[Affine, CRS, tuple[bool, bool]]:
    """Transform with north up, coordinate system, and the directions to turn over."""
    for values in (y, x):
        if values.size < 2 or not np.allclose(np.diff(values), values[1] - values[0], rtol=1e-3):
            raise GranuleError(f"{path}: its coordinates are not evenly spaced; {LST_EXPECTED}")
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
        raise GranuleError(f"{path}: its grid is on another sphere than the MODIS sinusoidal one; {LST_EXPECTED}")
    # OPeNDAP gives the corners of pixels, CF means their centres: the grid itself tells which.
    if max(abs(abs(size) / PIXEL_M - 1) for size in step) > PIXEL_TOLERANCE:
        raise GranuleError(
            f"{path}: its pixels are {abs(step[0]):.6g} x {abs(step[1]):.6g} m, not {PIXEL_M:.2f} m; {LST_EXPECTED}"
        )
    left, top = _edge(path, x[0] / PIXEL_M), -_edge(path, -y[0] / PIXEL_M)
    return Affine(PIXEL_M, 0.0, left * PIXEL_M, 0.0, -PIXEL_M, top * PIXEL_M), SINUSOIDAL, flips


def _edge(path: Path, offset: float) -> int:
    """The outer edge of the first pixel in pixels, from its upper-left corner or its centre."""
    corner, centre = round(offset), round(offset - 0.5)
    if abs(offset - corner) < 0.01:
        return corner
    if abs(offset - 0.5 - centre) < 0.01:
        return centre
    raise GranuleError(f"{path}: its coordinates are neither corners nor centres of MODIS grid pixels; {LST_EXPECTED}")


def _dates(path: Path, file: HdfGranule, name: str, said: Said) -> tuple[datetime.date, ...]:
    """The days of the axis of time. AppEEARS calls its calendar Julian and counts as everybody does."""
    values, attributes = file.array(name)
    found = _TIME.match(str(attributes.get("units", "")))
    if found is None:
        if values.size == 1 and said.date is not None:
            return (said.date,)
        raise GranuleError(f"{path}: its time is in {attributes.get('units')!r}, not days since a day; {LST_EXPECTED}")
    origin = datetime.datetime(*(int(part) for part in found[2].split("-")))  # type: ignore[arg-type]
    seconds = values.astype(np.float64) * _DAY_S[found[1].lower()]
    days = tuple((origin + datetime.timedelta(seconds=float(second))).date() for second in seconds)
    if len(set(days)) != len(days):
        raise GranuleError(f"{path}: holds a day twice; split it by time")
    return days


def _band(cube: Cube, file: HdfGranule, name: str, index: int | None) -> Band:
    """One day of a variable, with its first row in the north."""
    values, attributes = file.array(name, index)
    if values.shape != cube.shape:
        raise GranuleError(f"{cube.path}: {name} has shape {values.shape}, not {cube.shape}; {LST_EXPECTED}")
    rows, columns = (slice(None, None, -1) if flip else slice(None) for flip in cube.flips)
    values = np.ascontiguousarray(values[rows, columns])
    known: dict[str, Any] = {key.lower(): value for key, value in attributes.items()}

    def number(key: str, default: float | None) -> Any:
        value = known.get(key, default)
        return default if isinstance(value, str) else value

    units = known.get("units", "")
    return Band(
        values=values,
        transform=cube.transform,
        crs=cube.crs,
        scale=number("scale_factor", 1.0),
        offset=number("add_offset", 0.0),
        nodata=number("_fillvalue", None),
        masked=np.zeros(values.shape, bool),
        units=units if isinstance(units, str) and units.lower() not in ("bit field", "n/a", "none") else "",
        tags={},
    )
