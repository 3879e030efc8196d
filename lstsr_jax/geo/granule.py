"""Reading LST from a file of any kind: an HDF-EOS granule, a GeoTIFF layer, a netCDF of many days."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from lstsr_jax.geo.cube import open_cube, read_cube
from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said, said_by
from lstsr_jax.geo.granule_file import granule_name, read_granule
from lstsr_jax.geo.hdf import HdfGranule, open_hdf
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.layer_file import read_layer
from lstsr_jax.geo.names import HDF_SUFFIXES, NETCDF_SUFFIXES, TIFF_SUFFIXES
from lstsr_jax.geo.netcdf import describe_dates
from lstsr_jax.geo.products import PRODUCTS, Overpass
from lstsr_jax.geo.quality import DEFAULT_POLICY, QualityPolicy
from lstsr_jax.geo.scene import Scene


def read_lst(
    path: str | Path,
    overpass: Overpass | None = "day",
    policy: QualityPolicy = DEFAULT_POLICY,
    *,
    date: datetime.date | None = None,
    product: str | None = None,
) -> Scene:
    """Read the LST of one overpass and day.

    HDF-EOS granules (HDF4 or HDF5) know their name and hold their quality. A GeoTIFF holds one layer: in the product's
    steps, as float kelvin, or in the scale, offset and unit that it declares. Its gaps are nodata, NaN, 0 K, a mask or
    an alpha band; quality, view time and view angle beside it are used where they exist. A netCDF (AppEEARS, OPeNDAP)
    may hold many days. Longitude and latitude are put back on the sinusoidal grid where nothing is lost by that.

    Args:
        path: .hdf, .h5, .tif or .nc of a product of ``PRODUCTS``.
        overpass: "day" or "night". None takes the one that the file holds, and is an error if it holds both.
        policy: which observations to keep where a quality layer exists.
        date: the day of a file that holds several, or whose name does not say it.
        product: of a file that does not say it.

    Returns:
        The scene, its first row in the north.

    Raises:
        GranuleError: the file is missing, damaged, of another product, grid, tile or unit than it says, not
            georeferenced, without the layer asked for, or contradicts ``overpass``, ``date`` or ``product``.
        ValueError: ``overpass`` or ``product`` is none of those.
    """
    path = Path(path)
    if overpass not in ("day", "night", None):
        raise ValueError(f"overpass must be 'day', 'night' or None, got {overpass!r}")
    if product is not None and product not in PRODUCTS:
        raise ValueError(f"product must be one of {', '.join(PRODUCTS)}, got {product!r}")
    if path.suffix.lower() in TIFF_SUFFIXES:
        return read_layer(path, said_by(path).with_user(path, product, date, overpass), policy)
    _require_hdf(path)
    with open_hdf(path) as file:
        if file.is_grid:
            name = granule_name(path, file, Said("", product, date))
            held = PRODUCTS[name.product].overpasses
            if overpass is None and len(held) > 1:
                raise GranuleError(f"{path}: the granule holds day and night; choose overpass='day' or 'night'")
            return read_granule(path, file, name, overpass or held[0], policy)
        cube = open_cube(path, file, said_by_content(path, product, date))
        if date is None and len(cube.dates) > 1:
            raise GranuleError(
                f"{path}: {describe_dates(cube.dates)}; choose one with date= or read them by read_scenes"
            )
        if overpass is None and len(cube.overpasses) > 1:
            raise GranuleError(f"{path}: holds day and night; choose overpass='day' or 'night'")
        return read_cube(cube, file, overpass or cube.overpasses[0], date or cube.dates[0], policy)


def read_scenes(
    path: str | Path,
    policy: QualityPolicy = DEFAULT_POLICY,
    *,
    overpass: Overpass | None = None,
    date: datetime.date | None = None,
    product: str | None = None,
) -> list[Scene]:
    """Read every scene of a file: all its days, and day and night of each, in order.

    Args:
        path: as ``read_lst`` takes it.
        policy: which observations to keep where a quality layer exists.
        overpass: of a GeoTIFF whose name does not say it; of another file only this one.
        date: of a file whose name does not say it; of a file of many days only this one.
        product: of a file that does not say it.

    Returns:
        One scene for a layer or a VIIRS granule, two for MOD11A1 (a granule), many for a netCDF.

    Raises:
        GranuleError: as ``read_lst``.
    """
    path = Path(path)
    found = held_scenes(path, overpass=overpass, date=date, product=product)
    return [read_lst(path, key, policy, date=day, product=product) for day, key in found]


def held_scenes(
    path: Path,
    *,
    overpass: Overpass | None = None,
    date: datetime.date | None = None,
    product: str | None = None,
) -> Sequence[tuple[datetime.date | None, Overpass | None]]:
    """Day and overpass of each scene of a file, for ``read_lst``, without reading them; arguments as ``read_scenes``.

    A day is named only where the user or a netCDF says it.
    """
    if path.suffix.lower() in TIFF_SUFFIXES:
        return [(date, overpass)]
    _require_hdf(path)
    with open_hdf(path) as file:
        scenes = _held(path, file, date, product)
    chosen = [
        (day, key) for day, key in scenes if overpass in (None, key) and (date is None or day is None or day == date)
    ]
    if not chosen:
        if overpass is not None and overpass not in {key for _, key in scenes}:
            raise GranuleError(f"{path}: holds the {scenes[0][1]}, not the {overpass}; ask for that")
        days = tuple(dict.fromkeys(day for day, _ in scenes if day is not None))
        raise GranuleError(
            f"{path}: does not hold {' '.join(str(x) for x in (date, overpass) if x)}; {describe_dates(days)}"
        )
    return chosen


def said_by_content(path: Path, product: str | None, date: datetime.date | None) -> Said:
    """What is said of a netCDF, whose name counts only where its content is silent."""
    said = said_by(path)
    return Said(said.granule, product or said.product, date or said.date)


def _held(
    path: Path, file: HdfGranule, date: datetime.date | None, product: str | None
) -> list[tuple[datetime.date | None, Overpass]]:
    if file.is_grid:
        name = granule_name(path, file, Said("", product, date))
        return [(date, key) for key in PRODUCTS[name.product].overpasses]
    cube = open_cube(path, file, said_by_content(path, product, date))
    return list(cube.scenes)


def _require_hdf(path: Path) -> None:
    if path.suffix.lower() not in (*HDF_SUFFIXES, *NETCDF_SUFFIXES):
        reason = "neither .hdf, .h5, .nc nor .tif"
        raise unknown_file(path, reason, "give a granule, a GeoTIFF layer or a netCDF of one")
