"""LST from a one-band GeoTIFF: the public mirror's layers, AppEEARS's, and others of which enough is said."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said, silent
from lstsr_jax.geo.geotiff import Band, read_band
from lstsr_jax.geo.grid import SINUSOIDAL, TILE_PIXELS
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.lonlat import NativePixels, native_pixels, require_lossless
from lstsr_jax.geo.names import TIFF_SUFFIXES, layers_of, lst_layers, require_lst_product
from lstsr_jax.geo.physical import lst_of_band
from lstsr_jax.geo.place import is_sinusoidal, require_grid, require_product, require_window, tiles_of
from lstsr_jax.geo.products import LST_EXPECTED, PRODUCTS, Layers, Product
from lstsr_jax.geo.quality import NOT_PRODUCED, SCHEMES, QualityPolicy, codes_of_band
from lstsr_jax.geo.scene import Scene, observed
from lstsr_jax.geo.stored import view_of_band


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """Where a raster's numbers lie on the sinusoidal grid.

    Attributes:
        tile: the tile, or the first and last.
        transform: of the result.
        crs: of the result.
        native: how to get there from longitude and latitude; None where the raster lies there already.
    """

    tile: str
    transform: Affine
    crs: CRS
    native: NativePixels | None = None

    def settle(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """Values of the raster on the sinusoidal grid."""
        return values if self.native is None else self.native.put_back(values, nothing)


def place_band(path: Path, band: Band, tile: str | None, pixels: int, lossless: bool = True) -> Placement:
    """Find where a raster lies on the sinusoidal grid.

    Args:
        path: for messages.
        band: as read.
        tile: of the name, which it must lie in; None where the name says none.
        pixels: along the side of a tile.
        lossless: of longitude and latitude: require that the native pixels give the raster back.

    Raises:
        GranuleError: it lies elsewhere.
    """
    shape = (band.values.shape[0], band.values.shape[1])
    if tile is not None:
        require_grid(path, band.crs, band.transform, shape, tile, pixels)
        return Placement(tile, band.transform, band.crs)
    if is_sinusoidal(band.crs) or not band.crs.is_geographic:
        return Placement(require_window(path, band.crs, band.transform, shape, pixels), band.transform, band.crs)
    native = native_pixels(path, band.transform, shape, pixels)
    if lossless:
        require_lossless(path, native, band.values, band.missing | (band.values == 0))
    return Placement(tiles_of(native.transform, native.shape), native.transform, SINUSOIDAL, native)


def read_layer(path: Path, said: Said, policy: QualityPolicy) -> Scene:
    """Read a GeoTIFF of LST, with the quality, view time and view angle beside it.

    Args:
        path: of the layer.
        said: by its name and the user.
        policy: which observations to keep.

    Raises:
        GranuleError: something is not known, or it is not what is said.
    """
    if said.product is not None and said.product not in PRODUCTS:
        require_lst_product(path, said.product)
    if said.missing:
        if said.tile is not None:  # the archive's name: the layer is missing in it, or is none of an overpass
            raise GranuleError(f"{path}: not an LST layer; give {lst_layers(said.product or 'MOD11A1')}")
        raise unknown_file(path, silent(path, said), LST_EXPECTED)
    row = PRODUCTS[str(said.product)]
    if said.pixels is None or (said.tile is not None and said.layer is None):
        raise GranuleError(f"{path}: not an LST layer; give {lst_layers(row.name)}")
    if said.layer is not None and said.pixels == TILE_PIXELS and row.overpass_of(said.layer) is None:
        raise GranuleError(f"{path}: {said.layer} is no LST layer of {row.name}; give {lst_layers(row.name)}")
    overpass, date = said.overpass, said.date
    assert overpass is not None and date is not None
    layers = layers_of(path, row, overpass)
    band = read_band(path)
    require_product(path, band.tags, row.name)
    placement = place_band(path, band, said.tile, said.pixels)

    def beside(layer: str) -> tuple[Path, Band] | None:
        at = find_beside(path, said, layer) if said.pixels == TILE_PIXELS else None  # else our own, with its own
        return None if at is None else (at, _same_grid(at, path, band))

    return Scene(
        **fields_of_bands(path, band, beside, placement, row, layers, policy),
        transform=placement.transform,
        crs=placement.crs,
        date=date,
        tile=placement.tile,
        overpass=overpass,
        product=row.name,
        granule=said.granule,
        path=path,
    )


def fields_of_bands(
    path: Path,
    lst: Band,
    beside: Callable[[str], tuple[Path, Band] | None],
    placement: Placement,
    row: Product,
    layers: Layers,
    policy: QualityPolicy,
) -> dict[str, Any]:
    """The fields of a scene, on the sinusoidal grid: ``lst``, ``quality``, ``view_time`` and ``view_angle``.

    Args:
        path: of the LST, for messages.
        lst: as read.
        beside: finds and reads another layer by its name, with its file for messages; None where there is none.
        placement: where all of them lie.
        row: of the product.
        layers: of the overpass.
        policy: which observations to keep.

    Raises:
        GranuleError: the numbers of a layer are not what the product's are.
    """

    def read(layer: str, values: Callable[[Path, Band], NDArray[Any]], nothing: Any) -> NDArray[Any] | None:
        found = beside(layer)
        return None if found is None else placement.settle(values(*found), nothing)

    kelvin, scheme = placement.settle(lst_of_band(path, lst), np.nan), SCHEMES[row.quality]
    quality = read(layers.quality, lambda at, band: codes_of_band(at, band, scheme), NOT_PRODUCED)
    return {
        "lst": observed(kelvin, quality, policy, row.name),
        "quality": quality,
        "view_time": read(
            layers.view_time, lambda at, band: view_of_band(at, "view time", band, row.view_time), np.nan
        ),
        "view_angle": read(
            layers.view_angle, lambda at, band: view_of_band(at, "view angle", band, row.view_angle), np.nan
        ),
    }


def stems_beside(path: Path, said: Said, layer: str) -> list[str]:
    """How another layer of the same granule may be named, without suffix."""
    if said.layer is None:
        return []
    stem = re.sub(rf"{re.escape(said.layer)}.*" if said.tile else re.escape(said.layer), layer, path.stem, flags=re.I)
    stems = [stem, stem.upper()]
    return [*stems, f"{said.granule}_{layer}"] if said.tile else stems


def find_beside(path: Path, said: Said, layer: str) -> Path | None:
    """Another layer of the same granule in the same folder, whatever the case of its suffix; None if there is none."""
    stems = dict.fromkeys(stems_beside(path, said, layer))
    suffixes = dict.fromkeys((path.suffix, *TIFF_SUFFIXES, ".TIF", ".TIFF", ".Tif"))
    candidates = (path.with_name(stem + suffix) for stem in stems for suffix in suffixes)
    return next((candidate for candidate in candidates if candidate != path and candidate.is_file()), None)


def _same_grid(beside: Path, path: Path, band: Band) -> Band:
    """A layer that must lie on the grid of the LST beside it."""
    layer = read_band(beside)
    same = layer.values.shape == band.values.shape and layer.transform.almost_equals(
        band.transform, 1e-3 * abs(band.transform.a)
    )
    if not same or layer.crs != band.crs:
        raise GranuleError(f"{beside}: another grid than {path.name}; give both whole or remove it")
    return layer
