"""``manifest.csv``: what the granules of a folder must be, so that damage no reader can see is found.

``python -m data_builders.download`` writes it: granule, bytes, checksum (SHA-256), url, time (UTC).
"""

import csv
import dataclasses
import functools
import hashlib
import io
import operator
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lstsr_jax.files import replacing
from lstsr_jax.geo.errors import GranuleError

MANIFEST: Final = "manifest.csv"
LOCK: Final = ".download.lock"
BOOKKEEPING: Final = (MANIFEST, LOCK)
"""What the download keeps beside the granules."""
COLUMNS: Final = ("granule", "bytes", "checksum", "url", "time")
_values = operator.attrgetter(*COLUMNS)
_AGAIN: Final = "fetch it again with python -m data_builders.download --verify"
_SIZE: Final = re.compile(r"\d{1,18}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class ForeignManifestError(GranuleError):
    """A ``manifest.csv`` of another kind."""


@dataclasses.dataclass(frozen=True)
class ManifestRow:
    """What is known of a granule.

    Attributes:
        granule: its name without suffix.
        bytes: size of its file.
        checksum: SHA-256, 64 hexadecimal digits.
        url: where it came from.
        time: when it was fetched, UTC, ISO 8601.
    """

    granule: str
    bytes: int
    checksum: str
    url: str
    time: str


def read_manifest(directory: str | Path) -> dict[str, ManifestRow]:
    """Read the manifest of a folder.

    Args:
        directory: the folder.

    Returns:
        Rows by granule; empty if the folder has no manifest.

    Raises:
        ForeignManifestError: a ``manifest.csv`` of another kind.
        GranuleError: a damaged one.
    """
    path = Path(directory) / MANIFEST
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ForeignManifestError(f"{path}: not UTF-8; {_redo(path)}") from None
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ForeignManifestError(f"{path}: no manifest of granules (no column {', '.join(missing)}); {_redo(path)}")
    rows = {}
    try:
        table = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise GranuleError(f"{path}: no table of text ({error}); {_redo(path)}") from None
    for number, row in table:
        size, checksum = row["bytes"] or "", row["checksum"] or ""
        if not (_SIZE.fullmatch(size) and _SHA256.fullmatch(checksum)):
            raise GranuleError(f"{path}: line {number} has no size and SHA-256; {_redo(path)}")
        granule = row["granule"] or ""
        rows[granule] = ManifestRow(granule, int(size), checksum, row["url"] or "", row["time"] or "")
    return rows


def write_manifest(directory: str | Path, rows: Mapping[str, ManifestRow]) -> None:
    """Write the manifest of a folder whole, in the order of the granules.

    Args:
        directory: the folder.
        rows: by granule.
    """
    with replacing(Path(directory) / MANIFEST) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_values(rows[granule]) for granule in sorted(rows))


def check_with_manifest(path: str | Path, *, verify: bool = False) -> None:
    """Compare a granule with the manifest of its folder. Without ``verify`` a file that is in none passes.

    Args:
        path: the granule's file, named as the archive names it.
        verify: compare its checksum too, which reads the file.

    Raises:
        GranuleError: another size, or with ``verify`` another checksum or none to compare with; or a damaged manifest.
    """
    path = Path(path)
    manifest = path.parent / MANIFEST
    row = _rows(path.parent, manifest.stat().st_mtime_ns).get(path.stem) if manifest.is_file() else None
    if row is None and verify:
        raise GranuleError(f"{path.name}: in no {MANIFEST} beside it; {_AGAIN}, or leave `verify` out")
    if row is None or not path.is_file():  # a missing file is told by who reads it
        return
    size = path.stat().st_size
    if size != row.bytes:
        raise GranuleError(f"{path.name}: {size} bytes, {MANIFEST} says {row.bytes}: damaged; {_AGAIN}")
    if verify:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != row.checksum:
            raise GranuleError(f"{path.name}: its checksum is not that of {MANIFEST}: damaged; {_AGAIN}")


@functools.lru_cache(maxsize=64)
def _rows(directory: Path, changed: int) -> dict[str, ManifestRow]:
    """The manifest as of its modification time; one of another kind says nothing of granules."""
    del changed
    try:
        return read_manifest(directory)
    except ForeignManifestError:
        return {}


def _redo(path: Path) -> str:
    return f"rename it; the download writes a new {path.name}"
