"""Writing rasters as cloud-optimised GeoTIFFs that appear whole or not at all."""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.files import replacing
from lstsr_jax.geo.physical import LST_SCALE_K
from lstsr_jax.geo.products import LST_PACKING

_COG: Final = {"compress": "DEFLATE", "predictor": "YES", "blocksize": 512}


def write_raster(
    path: str | Path,
    array: ArrayLike,
    transform: Affine,
    crs: CRS,
    *,
    nodata: float | None = None,
    tags: Mapping[str, str] | None = None,
    packed: bool = False,
    descriptions: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float = 0.0,
) -> Path:
    """Write a COG: tiled, deflate, with overviews (averages; nearest for unscaled integers, such as quality).

    Args:
        path: file to make or replace; a reader never sees it half-written.
        array: (H, W) or (bands, H, W). Floating point is written as float32; integers as they are.
        transform: (column, row) to metres of ``crs``.
        crs: coordinate reference system.
        nodata: stored value of "nothing here". NaN for floating point, and always 0 when packed.
        tags: metadata of the file.
        packed: write kelvin as the product does: uint16 in steps of 0.02 K, NaN as 0.
        descriptions: one name per band.
        scale: value of one step of an integer array, recorded in the file.
        offset: value of the integer 0, recorded with the scale.

    Returns:
        The path.

    Raises:
        ValueError: wrong rank, an empty array, a number of descriptions that is not that of the bands, or
            kelvin that cannot be packed (below 150 or above 1310.7).
    """
    path = Path(path)
    bands = np.asarray(array)
    bands = bands[None] if bands.ndim == 2 else bands
    if bands.ndim != 3 or bands.size == 0:
        raise ValueError(f"{path}: array must be (H, W) or (bands, H, W), not empty; got {np.shape(array)}")
    if descriptions is not None and len(descriptions) != len(bands):
        raise ValueError(f"{path}: {len(descriptions)} descriptions for {len(bands)} bands; give one each")
    if packed:
        bands, nodata, scale, offset = pack_kelvin(bands), 0, LST_SCALE_K, 0.0
    elif bands.dtype.kind == "f":
        bands = bands.astype(np.float32, copy=False)
        nodata = np.nan if nodata is None else nodata
    elif bands.dtype.kind == "b":
        bands = bands.astype(np.uint8)
    average = bands.dtype.kind == "f" or scale is not None
    options: dict[str, Any] = {
        "driver": "MEM",
        "width": bands.shape[2],
        "height": bands.shape[1],
        "count": bands.shape[0],
        "dtype": bands.dtype.name,
        "crs": crs,
        "transform": transform,
        "nodata": nodata,
    }
    resampling = "average" if average else "nearest"
    # In two steps, as rasterio's COG writer does in one: its copy lets no other thread run meanwhile, this one does.
    # The name of the one in memory is of GDAL's memory too: a dataset of a plain name beside us would be removed.
    # The file as well is made in memory: GDAL takes no notice of what a disk says to its last writes, Python does.
    held = f"/vsimem/{uuid.uuid4().hex}"
    with rasterio.MemoryFile(ext=".tif") as made:
        with rasterio.open(held, "w", **options) as file:
            file.write(bands)
            file.update_tags(**dict(tags or {}))
            if scale is not None:
                file.scales, file.offsets = (scale,) * len(bands), (offset,) * len(bands)
            for index, text in enumerate(descriptions or (), start=1):
                file.set_band_description(index, text)
            rasterio.shutil.copy(file, made.name, driver="COG", overview_resampling=resampling, **_COG)
        with replacing(path) as temporary:
            temporary.write_bytes(made.getbuffer())
    return path


def pack_kelvin(lst: NDArray[Any]) -> NDArray[np.uint16]:
    """Kelvin to the product's uint16 steps of 0.02 K, NaN to 0.

    Args:
        lst: kelvin, any shape.

    Returns:
        uint16 of that shape, rounded to the nearest step.

    Raises:
        ValueError: a value outside 150..1310.7 K.
    """
    missing = np.isnan(lst)
    steps = np.rint(np.where(missing, LST_PACKING.valid[0] * LST_SCALE_K, lst) / np.float64(LST_SCALE_K))
    if steps.min(initial=LST_PACKING.valid[0]) < LST_PACKING.valid[0] or steps.max(initial=0) > LST_PACKING.valid[1]:
        found = f"{np.nanmin(lst)}..{np.nanmax(lst)} K"
        raise ValueError(f"LST of {found} cannot be packed; kelvin of 150 to 1310.7 is expected")
    return np.where(missing, 0, steps).astype(np.uint16)
