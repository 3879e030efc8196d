"""Writing an HDF5-EOS5 grid file as the VIIRS archive does: one-element attributes, "n/a" for what does not apply."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.files import replacing
from lstsr_jax.geo.names import GranuleName
from lstsr_jax.geo.products import PRODUCTS
from lstsr_jax.geo.simulate.hdf4_writer import check_layers, struct_metadata
from lstsr_jax.geo.simulate.layers import LayerSpec, specs_of

_STRUCTURE_LENGTH = 32000


def write_hdf5(
    path: Path, name: GranuleName, layers: Mapping[str, NDArray[Any]], transform: Affine, remark: str
) -> Path:
    """Write the layers of a granule.

    Args:
        path: file to make or replace; a reader never sees it half-written.
        name: the granule's name.
        layers: dataset name to (H, W) array of the data type in ``specs_of`` its product.
        transform: (column, row) to sinusoidal metres.
        remark: text of a global attribute that says how the file came about.

    Returns:
        The path.

    Raises:
        ValueError: a layer is missing, unknown, or of another shape or data type.
    """
    row, specs = PRODUCTS[name.product], specs_of(name.product)
    shape = next(iter(layers.values())).shape if layers else (0, 0)
    check_layers(path, layers, specs, shape)
    text = struct_metadata(row.grid, specs, shape, transform, "HE5_").replace("DFNT_", "H5T_NATIVE_")
    attributes = {
        "ShortName": name.product,
        "LocalGranuleID": f"{name.granule}.h5",
        "PlatformShortName": row.platform,
        "RangeBeginningDate": name.date.isoformat(),
        "HorizontalTileNumber": name.tile[1:3],
        "VerticalTileNumber": name.tile[4:6],
        "remark": remark,
    }
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for key, value in attributes.items():
            file.attrs[key] = np.bytes_(value)
        file.create_group("HDFEOS INFORMATION").create_dataset(
            "StructMetadata.0", data=np.bytes_(text.ljust(_STRUCTURE_LENGTH, "\x00"))
        )
        fields = file.create_group(f"HDFEOS/GRIDS/{row.grid}/Data Fields")
        for key, spec in specs.items():
            _write_layer(fields, key, layers[key], spec)
    return path


def _write_layer(fields: h5py.Group, key: str, values: NDArray[Any], spec: LayerSpec) -> None:
    chunks = tuple(min(400, side) for side in values.shape)
    found = fields.create_dataset(key, data=values, chunks=chunks, compression="gzip", compression_opts=9)
    kind = np.dtype(spec.kind)
    found.attrs["long_name"] = np.bytes_(spec.long_name)
    found.attrs["units"] = np.bytes_(spec.units or "n/a")
    found.attrs["valid_range"] = np.array(spec.valid_range, kind)
    found.attrs["_Fillvalue"] = np.bytes_(spec.fill) if isinstance(spec.fill, str) else np.array([spec.fill], kind)
    found.attrs["scale_factor"] = np.array([1.0 if spec.scale is None else spec.scale])
    found.attrs["add_offset"] = np.array([spec.offset or 0.0])
