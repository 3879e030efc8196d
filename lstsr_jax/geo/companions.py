"""Which files beside an LST layer are read with it."""

import bisect
import itertools
from collections.abc import Iterable
from pathlib import Path

from lstsr_jax.geo.listing import LstLayer
from lstsr_jax.geo.names import parse_name


def with_companions(layers: Iterable[LstLayer]) -> set[Path]:
    """The files of layers and what is read with GeoTIFFs: their quality layer, and GDAL's files beside both.

    Args:
        layers: as :func:`lstsr_jax.geo.find_granules` lists them. Each folder is listed once.

    Returns:
        Paths of existing files.

    Raises:
        GranuleError: if the name of a GeoTIFF is none of a granule's layer.
    """
    layers = list(layers)
    files = {layer.path for layer in layers}
    folders: dict[Path, list[tuple[str, Path]]] = {}
    for layer in layers:
        path = layer.path
        if path.suffix.lower() not in (".tif", ".tiff"):
            continue
        if path.parent not in folders:
            folders[path.parent] = sorted((file.name.lower(), file) for file in path.parent.iterdir())
        named = folders[path.parent]
        for stem in (path.stem, f"{parse_name(path).granule}_QC_{layer.overpass}"):
            start = f"{stem.lower()}."
            first = bisect.bisect_left(named, (start,))
            for name, file in itertools.islice(named, first, None):
                if not name.startswith(start):
                    break
                if file.is_file():
                    files.add(file)
    return files
