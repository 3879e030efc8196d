"""How a file is opened by the C libraries below: they take UTF-8 only, and believe what a header says."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import rasterio

from lstsr_jax.geo.errors import GranuleError

MOST_PIXELS: Final = 43200 * 21600
"""That are read at once: the globe at 1 km."""
_FREE_PIXELS: Final = 2**26
"""Of which a file may hold nothing: sparse or all gaps. Beyond them a byte is expected per ten thousand, which is less
than deflate and Zstandard make of any number that is repeated."""


@contextlib.contextmanager
def utf8_path(path: Path) -> Iterator[str]:
    """A path to the same file that is valid UTF-8.

    Where ``path`` is not, a temporary folder holds links to the file and to what lies beside it under its name (masks,
    statistics, overviews).

    Args:
        path: of an existing file.

    Yields:
        The path as text; it ends with the context.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        pass
    else:
        yield str(path)
        return
    path = path.absolute()
    with tempfile.TemporaryDirectory(prefix="lstsr-") as folder:
        target = Path(folder) / f"file{path.suffix}"
        for neighbour in path.parent.iterdir():
            if neighbour.name.startswith(path.name):
                end = neighbour.name.removeprefix(path.name).encode(errors="replace").decode()
                target.with_name(target.name + end).symlink_to(neighbour)
        yield str(target)


@contextlib.contextmanager
def geotiff(path: Path) -> Iterator[Any]:
    """An open GeoTIFF, and nothing else: a virtual raster would have GDAL open other files and addresses.

    Args:
        path: of an existing file.

    Yields:
        The dataset of rasterio.

    Raises:
        GranuleError: its blocks are larger than such a file can hold.
    """
    with utf8_path(path) as openable, rasterio.open(openable, driver="GTiff") as file:
        for block in file.block_shapes:
            require_size(path, block)
        yield file


def require_size(path: Path, shape: tuple[int, int]) -> None:
    """Refuse, before memory is asked for, what claims to hold more pixels than it can.

    Raises:
        GranuleError: too many to be read at once, or for the bytes of the file.
    """
    pixels, size = shape[0] * shape[1], path.stat().st_size
    if pixels > MOST_PIXELS or (pixels > _FREE_PIXELS and pixels > 10_000 * size):
        raise GranuleError(
            f"{path}: claims {shape[0]} x {shape[1]} pixels in {size} bytes; cut it, or download it again"
        )
