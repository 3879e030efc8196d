"""Files that appear whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write under a temporary name beside `path`, which takes the name `path` only if the block succeeds.

    Args:
        path: the file to make or to replace; its directory is made if needed.

    Yields:
        The temporary path to write, of a hidden name that ends as `path` does.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(temporary.name + ".aux.xml").unlink(missing_ok=True)  # GDAL's side file
