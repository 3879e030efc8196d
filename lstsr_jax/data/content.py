"""What the files of a dataset hold: checksums, kept so that unchanged files are not read again, and their digest."""

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lstsr_jax.data.ndvi import list_ndvi
from lstsr_jax.errors import InputError
from lstsr_jax.files import locked, remove_left_overs, write_text
from lstsr_jax.geo import LstLayer, said_by, with_companions

SETTLED_S = 3.0
"""A checksum is kept only of a file last changed longer ago: a change within one tick of the clock leaves no trace."""

_Signature = tuple[int, int, int, int]


class Checksums:
    """SHA-256 of files, remembered in a JSON file as long as size, inode and both times of a file stay the same.

    Whatever happens to the JSON file costs time only: what it does not know is read.
    """

    def __init__(self, path: Path) -> None:
        """Open the memory at ``path``; the file need not exist."""
        self._path = path
        self._known = _load(path)
        self._new: dict[str, tuple[_Signature, str]] = {}
        self._signatures: dict[Path, _Signature] = {}

    def of(self, files: Sequence[Path]) -> list[str]:
        """The checksum of each file, in hexadecimal; ``unreadable`` of one that cannot be read."""
        unknown = [path for path in files if self._remembered(path) is None]
        for path in tqdm(unknown, desc="reading checksums", unit="file", disable=None if len(unknown) > 20 else True):
            self._read(path)
        self._save()
        return [self._remembered(path) or "unreadable" for path in files]

    def changed(self) -> list[Path]:
        """Files that are no longer what they were when their checksum was taken."""
        return [path for path, before in self._signatures.items() if _signature(path) != before]

    def _remembered(self, path: Path) -> str | None:
        key, signature = str(path.resolve()), _signature(path)
        entry = self._new.get(key) or self._known.get(key)
        if entry is None or signature is None or entry[0] != signature:
            return None
        self._signatures[path] = signature
        return entry[1]

    def _read(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # the index names what cannot be read
            before = _signature(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = _signature(path)
            if before is None or before != after:
                raise InputError(f"{path}: is being written; run again when it is complete")
            self._new[str(path.resolve())] = before, digest

    def _save(self) -> None:
        newest = time.time_ns() - int(SETTLED_S * 1e9)
        settled = {key: entry for key, entry in self._new.items() if max(entry[0][1:3]) < newest}
        if not settled:
            return
        try:
            with locked(self._path.with_suffix(".lock"), f"writing {self._path}"):
                remove_left_overs(self._path)
                merged = {**_load(self._path), **settled}  # another process may have written meanwhile
                known = {key: [*sig, digest] for key, (sig, digest) in merged.items() if os.path.exists(key)}
                write_text(self._path, json.dumps(known))
        except OSError as error:
            reason = f"cannot be written ({error.strerror}): the granules are read again at each start"
            print(f"note: {self._path}: {reason}", file=sys.stderr)
        self._known.update(settled)  # written once
        self._new = {key: entry for key, entry in self._new.items() if key not in settled}


def _signature(path: Path) -> _Signature | None:
    """Size, times of content and of inode, and inode; None if there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _load(path: Path) -> dict[str, tuple[_Signature, str]]:
    try:
        entries: dict[str, Any] = json.loads(path.read_text())
        return {key: (tuple(map(int, values[:4])), str(values[4])) for key, values in entries.items()}  # type: ignore[misc]
    except (OSError, ValueError, TypeError, IndexError, AttributeError):
        return {}  # only a memory: all is read anew


@dataclasses.dataclass(frozen=True)
class Sources:
    """The files that decide what a dataset holds.

    Attributes:
        granules: the folder of the LST.
        layers: read from it.
        ndvi: the folder of the NDVI.
        ndvi_files: those of it that belong to the layers.
        elevation: the file of the elevation.
    """

    granules: Path
    layers: Sequence[LstLayer]
    ndvi: Path | None = None
    ndvi_files: Sequence[Path] = ()
    elevation: Path | None = None

    @classmethod
    def of(
        cls, granules: Path, layers: Sequence[LstLayer], ndvi: Path | None, elevation: Path | None = None
    ) -> "Sources":
        """The sources of some layers, with the NDVI of their dates and tiles."""
        if ndvi is None:
            return cls(granules, layers, elevation=elevation)
        library = list_ndvi(ndvi)
        names = {(said.tile, said.date) for said in (said_by(layer.path) for layer in layers)}
        if any(tile is None or date is None for tile, date in names):  # only reading tells: any NDVI may be theirs
            return cls(granules, layers, ndvi, library.paths, elevation)
        files = {library.path_for(str(tile), date) for tile, date in names if date is not None} - {None}
        return cls(granules, layers, ndvi, sorted(path for path in files if path is not None), elevation)

    def contents(self, checksums: Checksums) -> dict[str, list[list[str | int]]]:
        """Name below its folder, size and checksum of every file, in an order that is the same everywhere."""
        lst = with_companions(self.layers)
        listed: dict[str, list[list[str | int]]] = {}
        parts = [("granules", self.granules, lst), ("ndvi", self.ndvi, self.ndvi_files)]
        if self.elevation is not None:  # else as before there was any: what is prepared stays valid
            parts.append(("elevation", self.elevation.parent, [self.elevation]))
        for kind, folder, files in parts:
            ordered = sorted(files)
            rows = zip(ordered, checksums.of(ordered), strict=True)
            listed[kind] = sorted([_below(path, folder), path.stat().st_size, digest] for path, digest in rows)
        return listed


def digest_of(*parts: Any) -> str:
    """Twelve hexadecimal digits of JSON values, the same on every machine."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _below(path: Path, folder: Path | None) -> str:
    return path.relative_to(folder).as_posix() if folder and path.is_relative_to(folder) else path.name
