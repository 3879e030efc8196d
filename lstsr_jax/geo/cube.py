"""LST from a netCDF-4 subset, a scene for each day and overpass."""

import dataclasses
import datetime
from pathlib import Path

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said
from lstsr_jax.geo.geotiff import Band
from lstsr_jax.geo.grid import TILE_PIXELS
from lstsr_jax.geo.hdf import HdfGranule
from lstsr_jax.geo.layer_file import fields_of_bands, place_band
from lstsr_jax.geo.names import require_lst_product
from lstsr_jax.geo.netcdf import Frame, band_of, describe_dates, frame_of, product_inside
from lstsr_jax.geo.products import LST_EXPECTED, PRODUCTS, Overpass, describe_product, foreign_kind
from lstsr_jax.geo.quality import QualityPolicy
from lstsr_jax.geo.scene import Scene


@dataclasses.dataclass(frozen=True)
class Cube:
    """What a netCDF of LST holds.

    Attributes:
        frame: where and when.
        product: such as "MYD11A1".
        overpasses: whose LST it holds.
    """

    frame: Frame
    product: str
    overpasses: tuple[Overpass, ...]

    @property
    def dates(self) -> tuple[datetime.date, ...]:
        """Of its days, in the file's order."""
        return self.frame.dates

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
    frame = frame_of(path, file, names[row.layers[overpasses[0]].lst.lower()], said)
    return Cube(frame, product, overpasses)


def read_cube(cube: Cube, file: HdfGranule, overpass: Overpass, date: datetime.date, policy: QualityPolicy) -> Scene:
    """Read the LST of one overpass and day.

    Raises:
        GranuleError: it does not hold that, or its numbers are no LST in kelvin.
    """
    path, row = cube.frame.path, PRODUCTS[cube.product]
    if overpass not in cube.overpasses:
        raise GranuleError(f"{path}: holds the {' and '.join(cube.overpasses)}, not the {overpass}; ask for that")
    if date not in cube.dates:
        raise GranuleError(f"{path}: does not hold {date}; {describe_dates(cube.dates)}")
    layers = row.layers[overpass]
    names = {name.lower(): name for name in file.names}

    def band(layer: str) -> tuple[Path, Band] | None:
        if layer.lower() not in names:
            return None
        return path, band_of(cube.frame, file, names[layer.lower()], date)

    lst = band_of(cube.frame, file, names[layers.lst.lower()], date)
    placement = place_band(path, lst, None, TILE_PIXELS)
    return Scene(
        **fields_of_bands(path, lst, band, placement, row, layers, policy),
        transform=placement.transform,
        crs=placement.crs,
        date=date,
        tile=placement.tile,
        overpass=overpass,
        product=row.name,
        granule=f"{path.stem}_A{date:%Y%j}",
        path=path,
    )


def _product(path: Path, file: HdfGranule, said: Said) -> str:
    """The product, by content if that says it."""
    if str(file.texts.get("software", "")).startswith("lstsr-jax"):
        raise GranuleError(f"{path}: a map of this software, not LST at 1 km; give what it was made from")
    inside = product_inside(file)
    if inside is not None and said.product is not None and said.product != inside:
        raise GranuleError(f"{path}: named {said.product} but holds {describe_product(inside)}; leave product out")
    product = inside or said.product
    if product is None:
        known = {layers.lst.lower() for row in PRODUCTS.values() for layers in row.layers.values()}
        if (kind := foreign_kind(path.name)) is not None or not known & {name.lower() for name in file.names}:
            held = f"holds {', '.join(file.names[:6]) or 'nothing'}, no LST of a product that is known here"
            raise GranuleError(f"{path}: {kind or held}; {LST_EXPECTED}")
        raise GranuleError(
            f"{path}: a netCDF that does not say its product; say it with `product` (of predict.py and read_lst)"
        )
    require_lst_product(path, product)
    return product
