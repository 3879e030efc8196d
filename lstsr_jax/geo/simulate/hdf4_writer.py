"""Writing an HDF4-EOS grid file as the archive does: datasets, attributes, metadata texts, EOS groups."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyhdf.HDF import HC, HDF
from pyhdf.SD import SD, SDC
from pyhdf.V import V  # noqa: F401  (gives HDF its vgstart method)
from rasterio.transform import Affine

from lstsr_jax.files import replacing
from lstsr_jax.geo.grid import EARTH_RADIUS_M
from lstsr_jax.geo.names import GranuleName
from lstsr_jax.geo.products import PRODUCTS
from lstsr_jax.geo.simulate.layers import LayerSpec, specs_of

GRID_NAME: Final = PRODUCTS["MOD11A1"].grid
_TAG_NUMERIC_DATA_GROUP: Final = 720
_METADATA_LENGTH: Final = 32000  # HDF-EOS reads a text of this fixed length


def write_hdf4(
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
    shape = next(iter(layers.values())).shape if layers else (0, 0)
    specs, grid = specs_of(name.product), PRODUCTS[name.product].grid
    check_layers(path, layers, specs, shape)
    with replacing(path) as temporary:
        sd = SD(str(temporary), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
        try:
            references = [_write_layer(sd, key, layers[key], spec, grid) for key, spec in specs.items()]
            texts = {
                "HDFEOSVersion": "HDFEOS_V2.19",
                "StructMetadata.0": struct_metadata(grid, specs, shape, transform).ljust(_METADATA_LENGTH, "\x00"),
                "CoreMetadata.0": core_metadata(name),
                "remark": remark,
            }
            for key, text in texts.items():
                sd.attr(key).set(SDC.CHAR8, text)
        finally:
            sd.end()
        _group(temporary, references, grid)
    return path


def struct_metadata(
    grid: str, specs: Mapping[str, LayerSpec], shape: tuple[int, ...], transform: Affine, prefix: str = ""
) -> str:
    """The text of StructMetadata.0: the grid, its corners in metres and its fields; HDF5-EOS5 prefixes its words."""
    left, top = transform.c, transform.f
    right, bottom = left + transform.a * shape[1], top + transform.e * shape[0]
    fields = "".join(
        f"\t\t\tOBJECT=DataField_{index}\n"
        f'\t\t\t\tDataFieldName="{key}"\n'
        f"\t\t\t\tDataType=DFNT_{spec.kind.upper()}\n"
        f'\t\t\t\tDimList=("YDim","XDim")\n'
        f"\t\t\tEND_OBJECT=DataField_{index}\n"
        for index, (key, spec) in enumerate(specs.items(), start=1)
    )
    return (
        "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n\tGROUP=GRID_1\n"
        f'\t\tGridName="{grid}"\n\t\tXDim={shape[1]}\n\t\tYDim={shape[0]}\n'
        f"\t\tUpperLeftPointMtrs=({left:.6f},{top:.6f})\n\t\tLowerRightMtrs=({right:.6f},{bottom:.6f})\n"
        f"\t\tProjection={prefix}GCTP_SNSOID\n\t\tProjParams=({EARTH_RADIUS_M:.6f},0,0,0,0,0,0,0,86400,0,0,0,0)\n"
        f"\t\tSphereCode=-1\n\t\tGridOrigin={prefix}HDFE_GD_UL\n"
        "\t\tGROUP=Dimension\n\t\tEND_GROUP=Dimension\n\t\tGROUP=DataField\n"
        f"{fields}\t\tEND_GROUP=DataField\n"
        "\t\tGROUP=MergedFields\n\t\tEND_GROUP=MergedFields\n\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\n"
        "GROUP=PointStructure\nEND_GROUP=PointStructure\nEND\n"
    )


def core_metadata(name: GranuleName) -> str:
    """The part of CoreMetadata.0 that names the granule."""
    entries = {
        "LOCALGRANULEID": f"{name.granule}.hdf",
        "SHORTNAME": name.product,
        "RANGEBEGINNINGDATE": name.date.isoformat(),
        "RANGEENDINGDATE": name.date.isoformat(),
        "HORIZONTALTILENUMBER": name.tile[1:3],
        "VERTICALTILENUMBER": name.tile[4:6],
        "LOCALVERSIONID": "simulated",
    }
    objects = "".join(
        f"\n    OBJECT                 = {key}\n      NUM_VAL              = 1\n"
        f'      VALUE                = "{value}"\n    END_OBJECT             = {key}\n'
        for key, value in entries.items()
    )
    return (
        "\nGROUP                  = INVENTORYMETADATA\n  GROUPTYPE            = MASTERGROUP\n"
        f"\n  GROUP                  = ECSDATAGRANULE\n{objects}\n"
        "  END_GROUP              = ECSDATAGRANULE\n\nEND_GROUP              = INVENTORYMETADATA\n\nEND\n"
    )


def check_layers(
    path: Path, layers: Mapping[str, NDArray[Any]], specs: Mapping[str, LayerSpec], shape: tuple[int, ...]
) -> None:
    """Refuse layers that are not those of a product, in its types, all of one shape.

    Raises:
        ValueError: naming the first.
    """
    if set(layers) != set(specs):
        odd = ", ".join(sorted(set(layers) ^ set(specs)))
        raise ValueError(f"{path}: layers missing or unknown: {odd}; give {', '.join(specs)}")
    for key, spec in specs.items():
        if layers[key].dtype.name != spec.kind or layers[key].shape != shape or len(shape) != 2:
            found = f"{layers[key].dtype.name} {layers[key].shape}"
            raise ValueError(f"{path}: {key} is {found}; give {spec.kind} (H, W), all of one shape")


def _write_layer(sd: SD, key: str, values: NDArray[Any], spec: LayerSpec, grid: str) -> int:
    """Write one dataset with its attributes in the order of the real product; return its HDF reference."""
    number = SDC.UINT16 if spec.kind == "uint16" else SDC.UINT8
    sds = sd.create(key, number, values.shape)
    try:
        sds.setcompress(SDC.COMP_DEFLATE, 4)
        for axis, dimension in enumerate(("YDim", "XDim")):
            sds.dim(axis).setname(f"{dimension}:{grid}")
        attributes: list[tuple[str, int, Any]] = [("long_name", SDC.CHAR8, spec.long_name)]
        if spec.units is not None:
            attributes.append(("units", SDC.CHAR8, spec.units))
        attributes.append(("Number Type", SDC.CHAR8, spec.kind))
        attributes.append(("valid_range", number, list(spec.valid_range)))
        text_fill = isinstance(spec.fill, str)
        attributes.append(("_FillValue", SDC.CHAR8 if text_fill else number, spec.fill))
        if spec.note is not None:
            attributes.append((spec.note[0], SDC.CHAR8, spec.note[1]))
        if spec.scale is not None:
            attributes.append(("scale_factor", SDC.FLOAT64, spec.scale))
            if spec.offset is not None:
                attributes.append(("add_offset", SDC.FLOAT64, spec.offset))
            attributes.append(("scale_factor_err", SDC.FLOAT64, 0.0))
            attributes.append(("add_offset_err", SDC.FLOAT64, 0.0))
            attributes.append(("calibrated_nt", SDC.INT32, 5))
        for attribute, kind, value in attributes:
            sds.attr(attribute).set(kind, value)
        sds[:] = np.ascontiguousarray(values)
        return int(sds.ref())
    finally:
        sds.endaccess()


def _group(path: Path, references: list[int], grid_name: str) -> None:
    """Add the groups by which the HDF-EOS library finds the grid: grid > Data Fields, Grid Attributes."""
    file = HDF(str(path), HC.WRITE)
    groups = file.vgstart()
    try:
        grid = groups.create(grid_name)
        grid._class = "GRID"
        for name, members in (("Data Fields", references), ("Grid Attributes", [])):
            group = groups.create(name)
            group._class = "GRID Vgroup"
            for reference in members:
                group.add(_TAG_NUMERIC_DATA_GROUP, reference)
            grid.insert(group)
            group.detach()
        grid.detach()
    finally:
        groups.end()
        file.close()
