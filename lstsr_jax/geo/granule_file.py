"""LST from an HDF-EOS granule, HDF4 or HDF5, of any product of the table."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said
from lstsr_jax.geo.grid import SINUSOIDAL, TILE_PIXELS
from lstsr_jax.geo.hdf import HdfGranule
from lstsr_jax.geo.names import GranuleName, layers_of, require_lst_product
from lstsr_jax.geo.products import PRODUCTS, Overpass, Packing
from lstsr_jax.geo.quality import SCHEMES, QualityPolicy
from lstsr_jax.geo.scene import Scene, observed
from lstsr_jax.geo.stored import kelvin_of_granule, view_of_granule


def granule_name(path: Path, file: HdfGranule, said: Said | None = None) -> GranuleName:
    """The name of a granule of LST, by its content.

    Args:
        path: for messages.
        file: open.
        said: what the user says, which must not contradict it.

    Raises:
        GranuleError: it is no granule of LST at 1 km.
    """
    name = file.name()
    require_lst_product(path, name.product)
    if said is not None:
        Said(name.granule, name.product, name.date).with_user(path, said.product, said.date)
    return name


def read_granule(path: Path, file: HdfGranule, name: GranuleName, overpass: Overpass, policy: QualityPolicy) -> Scene:
    """Read one overpass of a granule.

    Args:
        path: of the file.
        file: open.
        name: from ``granule_name``.
        overpass: which.
        policy: which observations to keep.

    Raises:
        GranuleError: it does not hold that overpass, or is damaged or packed in another way than its product.
    """
    row = PRODUCTS[name.product]
    layers, scheme = layers_of(path, row, overpass), SCHEMES[row.quality]
    lst = file.read(layers.lst)
    transform = file.transform((lst.values.shape[0], lst.values.shape[1]), name.tile, TILE_PIXELS)
    kelvin = kelvin_of_granule(path, layers.lst, lst.values, lst.attributes, row.lst)
    shape = kelvin.shape
    del lst  # the next layer gets its memory
    quality = file.read(layers.quality).values
    if quality.dtype != np.dtype(scheme.dtype) or quality.shape != shape:
        found = f"{quality.dtype} {quality.shape}, not {scheme.dtype} {shape}"
        raise GranuleError(f"{path}: quality is {found}; fetch it again")

    def view(what: str, layer: str, packing: Packing) -> NDArray[np.float32] | None:
        if layer not in file.names:
            return None
        found = file.read(layer)
        return view_of_granule(path, what, found.values, found.attributes, shape, packing)

    return Scene(
        lst=observed(kelvin, quality, policy, row.name),
        quality=quality,
        transform=transform,
        crs=SINUSOIDAL,
        date=name.date,
        tile=name.tile,
        overpass=overpass,
        product=row.name,
        granule=name.granule,
        path=path,
        view_time=view("view time", layers.view_time, row.view_time),
        view_angle=view("view angle", layers.view_angle, row.view_angle),
    )
