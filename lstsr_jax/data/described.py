"""Checksums of what a prepared dataset says of itself: its records have their own, its JSON files have none."""

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from lstsr_jax.files import remove_left_overs, write_text

CHECKSUMS: Final = "checksums.json"


def lacks_checksums(directory: Path) -> bool:
    """Whether a dataset is without, of an older version or a build killed at its end, and may be written to."""
    return not (directory / CHECKSUMS).is_file() and os.access(directory, os.W_OK)


def write_checksums(directory: Path) -> None:
    """Write the SHA-256 of every JSON file of a dataset directory beside them; for the holder of its lock."""
    path = directory / CHECKSUMS
    remove_left_overs(path)
    sums = {beside.name: _sha256(beside) for beside in sorted(directory.glob("*.json")) if beside != path}
    write_text(path, json.dumps(sums, indent=1) + "\n")


def check_checksums(directory: Path) -> None:
    """Compare the JSON files of a dataset directory with their checksums; datasets of older versions have none.

    Raises:
        ValueError: they are not those that were written.
    """
    path = directory / CHECKSUMS
    if not path.is_file():
        return
    sums = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(sums, dict) or not sums:
        raise ValueError(f"{CHECKSUMS} holds none")
    for name, expected in sums.items():
        beside = directory / Path(name).name
        if not beside.is_file() or _sha256(beside) != expected:
            raise ValueError(f"{name} is not as it was written")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
