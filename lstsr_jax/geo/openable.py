"""Paths that the C libraries below can open: they take UTF-8 only, file systems take any bytes."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
