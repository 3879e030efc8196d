"""LST of one overpass, read from HDF4-EOS or GeoTIFF into kelvin with NaN for "not observed"."""

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
from lstsr_jax.geo.geotiff import Band, read_band
from lstsr_jax.geo.grid import SINUSOIDAL, TILE_PIXELS
from lstsr_jax.geo.hdf4 import Dataset, open_hdf4
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.names import (
    HDF4_SUFFIX,
    TIFF_SUFFIXES,
    GranuleName,
    Overpass,
    UnknownNameError,
    parse_name,
    require_lst_product,
)
from lstsr_jax.geo.physical import LST_PHYSICAL_K, LST_SCALE_K, lst_of_band, require_valid
from lstsr_jax.geo.place import require_grid, require_product
from lstsr_jax.geo.products import LST_EXPECTED
from lstsr_jax.geo.quality import DEFAULT_POLICY, QualityPolicy, accept, codes_of_band

LST_VALID: Final = (7500, 65535)
_VIEW_TIME_H: Final = np.where(np.arange(256) <= 240, np.arange(256) / 10, np.nan).astype(np.float32)
"""Local solar hours of each of the product's bytes: 0.1 h in 0..240, 255 is fill."""
_HOTTEST = round(LST_PHYSICAL_K[1] / LST_SCALE_K)


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """LST of one overpass over one tile.

    Attributes:
        lst: (H, W) float32, kelvin; NaN where nothing was observed or the quality policy refused it.
        quality: (H, W) uint8, the product's quality bytes; None when the file has none.
        transform: (column, row) to metres of `crs`.
        crs: coordinate reference system.
        date: day of acquisition.
        tile: such as "h18v04".
        overpass: "day" or "night".
        product: such as "MOD11A1".
        granule: the granule's id.
        path: the file it was read from.
        view_time: (H, W) float32, local solar time of the observation in hours, 0 to 24; NaN where the file does not
            say it. None when the file has no such layer. UTC is that minus longitude / 15, on `date`, modulo 24.
        quality_known: False when no quality layer exists: every value present is then taken as clear.
    """

    lst: NDArray[np.float32]
    quality: NDArray[np.uint8] | None
    transform: Affine
    crs: CRS
    date: datetime.date
    tile: str
    overpass: Overpass
    product: str
    granule: str
    path: Path
    view_time: NDArray[np.float32] | None = None

    @property
    def quality_known(self) -> bool:
        """Whether a quality layer was there to apply."""
        return self.quality is not None

    @property
    def note(self) -> str:
        """One phrase on where the mask comes from."""
        return "quality layer applied" if self.quality_known else "no quality layer: all-clear assumed"


def read_lst(path: str | Path, overpass: Overpass | None = "day", policy: QualityPolicy = DEFAULT_POLICY) -> Scene:
    """Read the LST of one overpass.

    HDF4-EOS granules hold both overpasses and their quality. A GeoTIFF layer, `<granule>_LST_Day_1km.tif`,
    holds one: in 0.02 K steps, as float kelvin, or in the scale, offset and unit that it declares. Its gaps are
    nodata, NaN, 0 K, a mask or an alpha band. `<granule>_QC_Day.tif` beside it is used when it exists.

    Args:
        path: .hdf, .tif or .tiff; named as the archive names it (a renamed .hdf still knows its name).
        overpass: "day" or "night". None takes what a GeoTIFF's name says, and is an error for HDF4.
        policy: which observations to keep where a quality layer exists.

    Returns:
        The scene, its first row in the north.

    Raises:
        GranuleError: the file is missing, damaged, of another product, grid, tile or unit than its name says, not
            georeferenced, without the layer asked for, or its name contradicts `overpass`.
        ValueError: `overpass` is none of those.
    """
    path = Path(path)
    if overpass not in ("day", "night", None):
        raise ValueError(f"overpass must be 'day', 'night' or None, got {overpass!r}")
    if path.suffix.lower() == HDF4_SUFFIX:
        return _read_hdf4(path, overpass, policy)
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _read_tiff(path, overpass, policy)
    raise unknown_file(path, "neither .hdf nor .tif", "give an HDF4-EOS granule or a GeoTIFF layer of one")


def _read_hdf4(path: Path, overpass: Overpass | None, policy: QualityPolicy) -> Scene:
    if overpass is None:
        raise GranuleError(f"{path}: an HDF4 granule holds day and night; choose overpass='day' or 'night'")
    label = overpass.capitalize()
    with open_hdf4(path) as file:
        name = file.name()
        require_lst_product(path, name)
        lst, quality = file.read(f"LST_{label}_1km"), file.read(f"QC_{label}").values
        time = file.read(f"{label}_view_time").values if f"{label}_view_time" in file.names else None
        transform = file.transform((lst.values.shape[0], lst.values.shape[1]), name.tile, TILE_PIXELS)
    _check_attributes(path, lst)
    require_valid(path, f"LST_{label}_1km", lst.values, (LST_VALID[0], _HOTTEST), 0)
    if quality.dtype != np.uint8 or quality.shape != lst.values.shape:
        raise GranuleError(
            f"{path}: quality is {quality.dtype} {quality.shape}, not uint8 {lst.values.shape}; fetch it again"
        )
    scene = _scene(path, name, overpass, to_kelvin(lst.values), quality, transform, SINUSOIDAL, policy)
    return _with_view_time(scene, path, time)


def _read_tiff(path: Path, overpass: Overpass | None, policy: QualityPolicy) -> Scene:
    try:
        name = parse_name(path)
    except UnknownNameError as error:
        raise unknown_file(path, str(error), LST_EXPECTED) from None
    require_lst_product(path, name)
    if name.lst_pixels is None or name.overpass is None:
        raise GranuleError(f"{path}: not an LST layer; give <granule>_LST_Day_1km.tif or _LST_Night_1km.tif")
    if overpass is not None and overpass != name.overpass:
        raise GranuleError(f"{path}: holds the {name.overpass}, not the {overpass}; ask for the one it holds")
    band = read_band(path)
    require_product(path, band.tags, name.product)
    require_grid(path, band.crs, band.transform, _shape(band), name.tile, name.lst_pixels)
    lst = lst_of_band(path, band)
    label, native = name.overpass.capitalize(), name.lst_pixels == TILE_PIXELS  # else our own, with its own companions
    quality_at = _beside(path, name, f"QC_{label}") if native else None
    time_at = _beside(path, name, f"{label}_view_time") if native else None
    quality = None if quality_at is None else codes_of_band(quality_at, _read_beside(quality_at, path, band))
    scene = _scene(path, name, name.overpass, lst, quality, band.transform, band.crs, policy)
    return scene if time_at is None else _with_view_time(scene, time_at, _read_beside(time_at, path, band).values)


def _beside(path: Path, name: GranuleName, layer: str) -> Path | None:
    """Another layer of the same granule in the same folder, whatever the case of its suffix; None if there is none."""
    stem = re.sub(r"LST_(Day|Night)_1km.*", layer, path.stem, flags=re.IGNORECASE)
    stems = dict.fromkeys((stem, f"{name.granule}_{layer}", stem.upper()))
    suffixes = dict.fromkeys((path.suffix, *TIFF_SUFFIXES, ".TIF", ".TIFF", ".Tif"))
    candidates = (path.with_name(stem + suffix) for stem in stems for suffix in suffixes)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _read_beside(beside: Path, path: Path, band: Band) -> Band:
    """A layer that must lie on the grid of the LST beside it."""
    layer = read_band(beside)
    same = layer.values.shape == band.values.shape and layer.transform.almost_equals(band.transform, 1e-3)
    if not same or layer.crs != band.crs:
        raise GranuleError(f"{beside}: another grid than {path.name}; give both whole or remove it")
    return layer


def _shape(band: Band) -> tuple[int, int]:
    return band.values.shape[0], band.values.shape[1]


def _scene(
    path: Path,
    name: GranuleName,
    overpass: Overpass,
    lst: NDArray[np.float32],
    quality: NDArray[np.uint8] | None,
    transform: Affine,
    crs: CRS,
    policy: QualityPolicy,
) -> Scene:
    if quality is not None:
        lst[~accept(quality, policy)] = np.nan
    return Scene(
        lst=lst,
        quality=quality,
        transform=transform,
        crs=crs,
        date=name.date,
        tile=name.tile,
        overpass=overpass,
        product=name.product,
        granule=name.granule,
        path=path,
    )


def _with_view_time(scene: Scene, path: Path, stored: NDArray[Any] | None) -> Scene:
    """The scene with its view time, of the product's bytes."""
    if stored is None:
        return scene
    if stored.dtype != np.uint8 or stored.shape != scene.lst.shape:
        found = f"{stored.dtype} {stored.shape}, not uint8 {scene.lst.shape}"
        raise GranuleError(f"{path}: view time is {found}; fetch it again or remove it")
    return dataclasses.replace(scene, view_time=_VIEW_TIME_H[stored])


def to_kelvin(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Kelvin of the product's 16-bit numbers: 0.02 K each, NaN outside 7500..65535 (0 is fill)."""
    kelvin = (stored * np.float64(LST_SCALE_K)).astype(np.float32)
    return np.where((stored >= LST_VALID[0]) & (stored <= LST_VALID[1]), kelvin, np.float32(np.nan))


def _check_attributes(path: Path, lst: Dataset) -> None:
    """Refuse a granule whose numbers mean something else than MOD11A1's."""
    expected: dict[str, Any] = {
        "scale_factor": LST_SCALE_K,
        "add_offset": 0.0,
        "valid_range": LST_VALID,
        "_FillValue": 0,
    }
    for key, value in expected.items():
        found = lst.attributes.get(key, value)
        if not np.allclose(np.asarray(found, float), value, rtol=1e-9):
            raise GranuleError(f"{path}: {key} of LST is {found}, not {value}; use collection 6 or 6.1")
    if lst.values.dtype != np.uint16:
        raise GranuleError(f"{path}: LST is {lst.values.dtype}, not uint16; use collection 6 or 6.1")
