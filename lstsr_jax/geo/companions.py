"""Which files beside an LST layer are read with it."""

import bisect
import itertools
from collections.abc import Iterable
from pathlib import Path

from lstsr_jax.geo.free_names import said_by
from lstsr_jax.geo.layer import LstLayer
from lstsr_jax.geo.layer_file import stems_beside
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.geo.products import PRODUCTS


def with_companions(layers: Iterable[LstLayer]) -> set[Path]:
    """The files of layers and what is read with GeoTIFFs: quality, view time and angle, and GDAL's files beside all.

    Args:
        layers: as :func:`lstsr_jax.geo.find_granules` lists them. Each folder is listed once.

    Returns:
        Paths of existing files.

    Raises:
        GranuleError: if the name of a GeoTIFF has a date or tile that does not exist.
    """
    layers = list(layers)
    files = {layer.path for layer in layers}
    folders: dict[Path, list[tuple[str, Path]]] = {}
    for layer in layers:
        path = layer.path
        if path.suffix.lower() not in TIFF_SUFFIXES:
            continue
        if path.parent not in folders:
            folders[path.parent] = sorted((file.name.lower(), file) for file in path.parent.iterdir())
        named = folders[path.parent]
        for stem in (path.stem, *_stems(layer)):
            start = f"{stem.lower()}."
            first = bisect.bisect_left(named, (start,))
            for name, file in itertools.islice(named, first, None):
                if not name.startswith(start):
                    break
                if file.is_file():
                    files.add(file)
    return files


def _stems(layer: LstLayer) -> list[str]:
    """How the files read with a GeoTIFF may be named, without suffix."""
    said = said_by(layer.path).with_user(layer.path, layer.product, layer.date, layer.overpass)
    row = PRODUCTS.get(said.product or "")
    if row is None or layer.overpass not in row.layers:
        return []
    beside = row.layers[layer.overpass]
    names = (beside.quality, beside.view_time, beside.view_angle)
    return [stem for name in names for stem in stems_beside(layer.path, said, name)]
