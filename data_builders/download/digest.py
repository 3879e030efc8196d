"""Checksums of a file as it arrives."""

import hashlib
import zlib
from pathlib import Path
from typing import Final

from data_builders.download.outcome import Checksum

HEAD: Final = 8
_CHUNK: Final = 1 << 20
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Digest:
    """SHA-256 of what was fed, for the manifest, and the archive's own checksum where that is another.

    Attributes:
        size: bytes that were fed.
        head: the first `HEAD` of them.
    """

    def __init__(self, stated: Checksum | None) -> None:
        """Start with no bytes; ``stated`` is what the archive says."""
        self.size = 0
        self.head = b""
        self._stated = stated
        self._sha256 = hashlib.sha256()
        self._other: _Cksum | hashlib._Hash | None = None
        if stated is not None and stated.algorithm != "sha256":
            named = stated.algorithm
            self._other = _Cksum() if named == "cksum" else hashlib.new(named, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Feed bytes."""
        if self.size < HEAD:
            self.head += data[: HEAD - self.size]
        self.size += len(data)
        self._sha256.update(data)
        if self._other is not None:
            self._other.update(data)

    def update_from(self, path: Path) -> None:
        """Feed a file."""
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                self.update(data)

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return self._sha256.hexdigest()

    def complaint(self) -> str:
        """How the bytes differ from what the archive says; "" if they do not, or it says nothing."""
        if self._stated is None:
            return ""
        found = self.sha256 if self._other is None else self._other.hexdigest()
        if found == self._stated.value:
            return ""
        return f"{self._stated.algorithm} is {found}, the archive says {self._stated.value}"


class _Cksum:
    """The checksum of POSIX `cksum`: CRC-32 with its bits in the order opposite to zlib's, then the length."""

    def __init__(self) -> None:
        self._crc = 0xFFFFFFFF  # zlib inverts what goes in and comes out: this starts its register at zero
        self._size = 0

    def update(self, data: bytes) -> None:
        self._crc = zlib.crc32(data.translate(_MIRRORED), self._crc)
        self._size += len(data)

    def hexdigest(self) -> str:
        """The decimal number that `cksum` prints."""
        length = self._size.to_bytes((self._size.bit_length() + 7) // 8, "little").translate(_MIRRORED)
        register = zlib.crc32(length, self._crc) ^ 0xFFFFFFFF
        return str(int(f"{register:032b}"[::-1], 2) ^ 0xFFFFFFFF)
