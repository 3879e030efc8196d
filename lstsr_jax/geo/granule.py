"""LST of one overpass, read from HDF4-EOS or GeoTIFF into kelvin with NaN for "not observed"."""

import dataclasses
import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band, read_band
from lstsr_jax.geo.grid import SINUSOIDAL
from lstsr_jax.geo.hdf4 import Dataset, open_hdf4
from lstsr_jax.geo.names import LST_PRODUCTS, GranuleName, Overpass, parse_name
from lstsr_jax.geo.quality import DEFAULT_POLICY, QualityPolicy, accept

LST_SCALE_K: Final = 0.02
LST_VALID: Final = (7500, 65535)
_VIEW_TIME_H: Final = np.where(np.arange(256) <= 240, np.arange(256) / 10, np.nan).astype(np.float32)
"""Local solar hours of each of the product's bytes: 0.1 h in 0..240, 255 is fill."""
_HDF4_SUFFIXES: Final = (".hdf",)
_TIFF_SUFFIXES: Final = (".tif", ".tiff")


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
    holds one, in 0.02 K steps or as float kelvin; `<granule>_QC_Day.tif` beside it is used when it exists.

    Args:
        path: .hdf, .tif or .tiff; named as the archive names it (a renamed .hdf still knows its name).
        overpass: "day" or "night". None takes what a GeoTIFF's name says, and is an error for HDF4.
        policy: which observations to keep where a quality layer exists.

    Returns:
        The scene.

    Raises:
        GranuleError: the file is missing, damaged, of another product, not georeferenced, without the layer
            asked for, or its name contradicts `overpass`.
        ValueError: `overpass` is none of those.
    """
    path = Path(path)
    if overpass not in ("day", "night", None):
        raise ValueError(f"overpass must be 'day', 'night' or None, got {overpass!r}")
    if path.suffix.lower() in _HDF4_SUFFIXES:
        return _read_hdf4(path, overpass, policy)
    if path.suffix.lower() in _TIFF_SUFFIXES:
        return _read_tiff(path, overpass, policy)
    raise GranuleError(f"{path}: neither .hdf nor .tif; give an HDF4-EOS granule or a GeoTIFF layer of one")


def _read_hdf4(path: Path, overpass: Overpass | None, policy: QualityPolicy) -> Scene:
    if overpass is None:
        raise GranuleError(f"{path}: an HDF4 granule holds day and night; choose overpass='day' or 'night'")
    label = overpass.capitalize()
    with open_hdf4(path) as file:
        name = file.name()
        _require_lst(path, name)
        lst, quality = file.read(f"LST_{label}_1km"), file.read(f"QC_{label}").values
        time = file.read(f"{label}_view_time").values if f"{label}_view_time" in file.names else None
        transform = file.transform((lst.values.shape[0], lst.values.shape[1]), name.tile)
    _check_attributes(path, lst)
    scene = _scene(path, name, overpass, lst.values, quality, transform, SINUSOIDAL, policy)
    return _with_view_time(scene, path, time)


def _read_tiff(path: Path, overpass: Overpass | None, policy: QualityPolicy) -> Scene:
    name = parse_name(path)
    _require_lst(path, name)
    if not (name.layer or "").startswith("LST_") or name.overpass is None:
        raise GranuleError(f"{path}: not an LST layer; give <granule>_LST_Day_1km.tif or _LST_Night_1km.tif")
    if overpass is not None and overpass != name.overpass:
        raise GranuleError(f"{path}: holds the {name.overpass}, not the {overpass}; ask for the one it holds")
    band = read_band(path)
    if band.values.dtype.kind != "f":
        _check_tiff_scale(path, band)
    quality = None
    companion = path.with_name(f"{name.granule}_QC_{name.overpass.capitalize()}{path.suffix}")
    if companion.is_file():
        layer = read_band(companion)
        if layer.values.shape == band.values.shape and layer.transform.almost_equals(band.transform, 1e-3):
            quality = layer.values
        elif name.layer in ("LST_Day_1km", "LST_Night_1km"):
            raise GranuleError(f"{companion}: another grid than {path.name}; give both whole or remove it")
    place = band.transform, band.crs
    scene = _scene(path, name, name.overpass, band.values, quality, *place, policy, band.nodata)
    beside = path.with_name(f"{name.granule}_{name.overpass.capitalize()}_view_time{path.suffix}")
    if not beside.is_file():
        return scene
    layer = read_band(beside)
    if layer.values.shape != band.values.shape or not layer.transform.almost_equals(band.transform, 1e-3):
        raise GranuleError(f"{beside}: another grid than {path.name}; give both whole or remove it")
    return _with_view_time(scene, beside, layer.values)


def _scene(
    path: Path,
    name: GranuleName,
    overpass: Overpass,
    stored: NDArray[Any],
    quality: NDArray[Any] | None,
    transform: Affine,
    crs: CRS,
    policy: QualityPolicy,
    nodata: float | None = None,
) -> Scene:
    lst = stored.astype(np.float32) if stored.dtype.kind == "f" else to_kelvin(stored)
    low, high = (np.float32(bound * LST_SCALE_K) for bound in LST_VALID)
    with np.errstate(invalid="ignore"):
        lst[~((lst >= low) & (lst <= high))] = np.nan
    if nodata is not None:
        lst[stored == nodata] = np.nan
    if quality is not None:
        if quality.dtype != np.uint8 or quality.shape != lst.shape:
            raise GranuleError(
                f"{path}: quality is {quality.dtype} {quality.shape}, not uint8 {lst.shape}; fetch it again"
            )
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


def _require_lst(path: Path, name: GranuleName) -> None:
    if name.product not in LST_PRODUCTS:
        wanted = " or ".join(LST_PRODUCTS)
        raise GranuleError(f"{path}: product {name.product}; daily 1 km LST is expected: {wanted}")


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


def _check_tiff_scale(path: Path, band: Band) -> None:
    """A mirror writes the scale 0.02 or none; anything else is not this product's packing."""
    if (band.scale not in (1.0, LST_SCALE_K) and abs(band.scale - LST_SCALE_K) > 1e-9) or band.offset != 0:
        raise GranuleError(f"{path}: scale {band.scale} and offset {band.offset}, not 0.02 and 0; write float32 kelvin")
    if band.values.dtype != np.uint16:
        raise GranuleError(f"{path}: LST is {band.values.dtype}, not uint16; write kelvin as float32 instead")
