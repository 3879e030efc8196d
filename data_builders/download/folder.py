"""The folder of granules: its lock, its manifest, and what of it is right already."""

import datetime
import errno
import math
import os
import shutil
import time
from pathlib import Path
from typing import Final

from data_builders.download.digest import Digest
from data_builders.download.outcome import Remote
from lstsr_jax.errors import InputError
from lstsr_jax.geo.manifest import MANIFEST, ManifestRow, read_manifest, write_manifest

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAVE_EVERY_S: Final = 1.0


class Folder:
    """A folder of granules with its manifest, which earlier and later downloads share."""

    def __init__(self, directory: Path) -> None:
        """Read the manifest, if there is one, and see what files there are."""
        self.directory = directory
        self._names = frozenset(os.listdir(directory)) if directory.is_dir() else frozenset()
        self._rows = read_manifest(directory)
        self._changed = False
        self._saved = time.monotonic()

    def tidy(self) -> None:
        """Remove what a killed download left of a manifest; the lock is held."""
        for left_over in self.directory.glob(".manifest.*.partial.csv"):
            left_over.unlink()

    def path(self, remote: Remote) -> Path:
        """Where a granule's file is or will be."""
        return self.directory / remote.file_name

    def has(self, remote: Remote) -> bool:
        """Whether the file was there when the folder was opened."""
        return remote.file_name in self._names and self.path(remote).is_file()

    def expected_size(self, remote: Remote) -> int | None:
        """Bytes by the archive's record, else by the manifest."""
        row = self._rows.get(remote.name.granule)
        if remote.size is not None:
            return remote.size
        return None if row is None else row.bytes

    def looks_right(self, remote: Remote) -> bool:
        """Whether the file is there with the size that it must have; reads nothing."""
        return self.has(remote) and self.path(remote).stat().st_size == self.expected_size(remote)

    def verified(self, remote: Remote) -> bool:
        """Whether the file has the checksum that it must have; reads it. A file without any known checksum passes."""
        digest = Digest(remote.checksum)
        digest.update_from(self.path(remote))
        row = self._rows.get(remote.name.granule)
        if remote.checksum is not None:
            return not digest.complaint()
        return row is None or row.checksum == digest.sha256

    def adopt(self, remote: Remote) -> ManifestRow:
        """The row of a file that was there: the manifest's own, else what the archive says of it."""
        size = self.path(remote).stat().st_size
        stated = remote.checksum.value if remote.checksum and remote.checksum.algorithm == "sha256" else None
        row = self._rows.get(remote.name.granule)
        if row is not None and row.bytes == size and stated in (None, row.checksum):
            return row
        if stated is None:
            digest = Digest(None)
            digest.update_from(self.path(remote))
            stated = digest.sha256
        return _row(remote, size, stated, self.path(remote).stat().st_mtime)

    def enter(self, row: ManifestRow) -> None:
        """Put a granule into the manifest; it is saved every second and at the end."""
        if self._rows.get(row.granule) != row:
            self._rows[row.granule] = row
            self._changed = True
        if time.monotonic() - self._saved > _SAVE_EVERY_S:
            self.save()

    def save(self) -> str:
        """Write the manifest if anything changed; say so if the disk is full, else "".

        The granules are safe then, and so is the manifest of a moment ago: the next run adds what is missing in it.
        """
        self._saved = time.monotonic()
        if self._changed:
            try:
                write_manifest(self.directory, self._rows)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                return f"{self.directory / MANIFEST}: disk full: make room and run the same command again"
            self._changed = False
        return ""

    def need_space(self, size: int) -> None:
        """Make sure that so many bytes fit.

        Raises:
            InputError: they do not.
        """
        free = shutil.disk_usage(self.directory).free
        if size > free:
            raise InputError(
                f"--output-dir {self.directory}: disk full: {readable(size)} are to come and {readable(free)} are "
                "free; make room, choose another folder or fewer dates"
            )


def fetched_row(remote: Remote, digest: Digest) -> ManifestRow:
    """The row of a file that has just been fetched and checked."""
    return _row(remote, digest.size, digest.sha256, time.time())


def _row(remote: Remote, size: int, checksum: str, seconds: float) -> ManifestRow:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return ManifestRow(remote.name.granule, size, checksum, remote.url, f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def readable(size: float) -> str:
    """Bytes as people write them: 3.4 MB."""
    if size < 1000:
        return f"{size:.0f} B"
    power = min(int(math.log(size, 1000)), 4)
    return f"{size / 1000**power:.1f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
