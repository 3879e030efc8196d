"""Files that appear whole or not at all, and locks between processes."""

import contextlib
import os
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lstsr_jax.errors import InputError

_SIDE_FILES = (".aux.xml", ".ovr", ".ovr.tmp", ".msk", ".msk.ovr.tmp")
"""What GDAL writes beside a file, by the ends of their names: listing a folder takes long where it is large."""
_TEMPORARY = re.compile(r"\.([^/\0]*?)\.[0-9a-f]{16}\.partial")
_unfinished: set[Path] = set()
"""Temporary names under which this process is writing."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write under a temporary name beside ``path``, which takes the name ``path`` only if the block succeeds.

    Args:
        path: the file to make or to replace; its directory is made if needed.

    Yields:
        The temporary path to write, of a hidden name that ends as ``path`` does.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    _unfinished.add(temporary)
    try:
        yield temporary
        with temporary.open("rb") as written:  # on the disk before it has its name
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        _remove(temporary)
        _unfinished.discard(temporary)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all, its line ends as they are."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        file.write(text)


@contextlib.contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """As :func:`replacing`, for a directory: an older one is moved aside first, and removed.

    Several processes may do so at once: the last one's directory stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, aside = _temporary(path), _temporary(path)
    _unfinished.add(temporary)
    try:
        yield temporary
        while True:
            try:
                os.rename(temporary, path)
                break
            except OSError:
                if not path.exists():
                    raise
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                os.rename(path, aside)
            shutil.rmtree(aside, ignore_errors=True)
    finally:
        _remove(temporary)
        _remove(aside)
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove what this process is writing under temporary names: for one that ends while its threads still write."""
    for temporary in tuple(_unfinished):
        _remove(temporary)


def remove_left_overs(path: Path) -> None:
    """Remove what killed processes left of ``path`` under temporary names; for the holder of its lock only."""
    for left_over in path.parent.glob(f".{path.stem}.*.partial{path.suffix}"):
        shutil.rmtree(left_over, ignore_errors=True) if left_over.is_dir() else left_over.unlink(missing_ok=True)


def _remove(temporary: Path) -> None:
    """A temporary file or folder, with what GDAL writes beside a file."""
    for path in (temporary, *(temporary.with_name(temporary.name + end) for end in _SIDE_FILES)):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """A hidden name beside ``path`` that no other process on any host uses."""
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:16]}.partial{path.suffix}")


def final_names(text: str) -> str:
    """A message in which files are called as they would be when finished.

    >>> final_names("maps/..a_LST.0123456789abcdef.partial.fedcba9876543210.partial.tif: No space left on device")
    'maps/a_LST.tif: No space left on device'
    """
    while (found := _TEMPORARY.sub(r"\1", text)) != text:
        text = found
    return text


@contextlib.contextmanager
def locked(path: str | Path, doing: str) -> Iterator[None]:
    """Keep other processes out while the block runs; say on stderr when one has to wait.

    The operating system releases the lock when its holder ends, however it ends.

    Args:
        path: the lock file; its directory is made if needed.
        doing: what the others are waited for, such as "preparing the dataset X".
    """

    def wait(lock: Any) -> None:
        print(f"waiting for another process that is {doing}", file=sys.stderr, flush=True)
        lock.acquire(poll_interval=0.2)

    with _holding(Path(path), wait):
        yield


@contextlib.contextmanager
def alone(path: str | Path, refusal: str) -> Iterator[None]:
    """As :func:`locked`, but who comes second is refused.

    Args:
        path: the lock file; its directory is made if needed.
        refusal: what the error says.

    Raises:
        InputError: if another has the lock.
    """

    def refuse(lock: Any) -> None:
        raise InputError(refusal)

    with _holding(Path(path), refuse):
        yield


@contextlib.contextmanager
def _holding(path: Path, when_taken: Callable[[Any], None]) -> Iterator[None]:
    """A lock file for the time of the block; if another has it, ``when_taken`` gets it or raises."""
    from filelock import FileLock, Timeout  # slow to load, and every command loads this module

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        when_taken(lock)
    try:
        yield
    finally:
        lock.release()


def require_writable(name: str, directory: Path) -> None:
    """Make sure, before long work, that a directory could be made and written to, without making it.

    Args:
        name: what the error calls it.
        directory: that may not exist yet.

    Raises:
        InputError: naming it, and why not.
    """
    place = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    if not place.is_dir():
        raise InputError(f"{name} {directory}: cannot be written to ({place} is a file); choose another")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{name} {directory}: cannot be written to (permission denied on {place}); choose another")


def make_directory(name: str, directory: Path) -> None:
    """Make sure that results can be written to ``directory``.

    Args:
        name: what the error calls it; a setting in backticks.
        directory: made where it is missing.

    Raises:
        InputError: naming it, and why not.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise InputError(f"{name} {directory}: cannot be written to ({error.strerror}); choose another") from error
