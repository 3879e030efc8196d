"""What the archive offers, and what became of it."""

import dataclasses
from pathlib import Path
from typing import Literal

from data_builders.download.products import FileName


@dataclasses.dataclass(frozen=True)
class Checksum:
    """A checksum the archive states: name of the algorithm as `hashlib` has it, or "cksum"; digits in lower case."""

    algorithm: str
    value: str


@dataclasses.dataclass(frozen=True)
class Remote:
    """A granule's file in the archive.

    Attributes:
        name: its file name, taken apart.
        file_name: such as "MOD11A1.A2020183.h18v04.061.2020185120000.hdf".
        url: where it is.
        size: bytes, None if the record does not say.
        checksum: None if there is none of a known algorithm.
        about: bytes, roughly: what the record says in megabytes, for a sum.
    """

    name: FileName
    file_name: str
    url: str
    size: int | None = None
    checksum: Checksum | None = None
    about: int = 0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one granule.

    Attributes:
        granule: its name without suffix.
        path: where it is, or would be.
        status: "fetched", "kept" (was there and right) or "failed".
        bytes: its size; 0 if it failed.
        reason: why it failed, with the remedy; else "".
    """

    granule: str
    path: Path
    status: Literal["fetched", "kept", "failed"]
    bytes: int = 0
    reason: str = ""
