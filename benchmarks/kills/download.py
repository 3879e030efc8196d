"""Kills of downloads from a stand-in archive on this machine."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.archive import Archive
from benchmarks.kills.campaign import Subject


def work(ready: Callable[[], None], flags: list[str]) -> None:
    """What a process does: the command."""
    from lstsr_jax.cli.download import main

    ready()
    main(flags)


class Download(Subject):
    """Transfers of files."""

    name = "download"
    compared = "files, their checksums and the manifest, no whole file lost or fetched again, nothing left beside them"
    modules = ("lstsr_jax.cli.download", "data_builders.download", "data_builders.download.check", "filelock", __name__)
    per_run = 5
    work = staticmethod(work)

    def __init__(self, files: int = 30, size: int = 50_000, bytes_per_second: float = 5e5) -> None:
        """So many files of so many bytes, each sent at that pace at most."""
        self._count, self._size, self._pace = files, size, bytes_per_second

    def set_up(self, root: Path) -> None:
        """Serve."""
        self._archive = Archive(self._count, self._size, bytes_per_second=self._pace)

    def arguments(self, place: Path, variant: str, turn: int) -> tuple[Any, ...]:
        """The same every time."""
        return ([*self._archive.flags, "--output-dir", str(place / "granules")],)

    def begin(self, place: Path) -> None:
        """Nothing is there, nothing was asked for."""
        self._whole: set[str] = set()
        self._asked = len(self._archive.asked)

    def hit(self, place: Path) -> str:
        """Whether a file was half fetched."""
        return "with files half fetched" if list((place / "granules").glob("*.part")) else ""

    def examine(self, place: Path, variant: str) -> list[str]:
        """A file that has its name is right, stays, and is not asked for again."""
        archive, directory = self._archive, place / "granules"
        asked = {name for name, _ in archive.asked[self._asked :]}
        here = {path.name for path in directory.glob("*.hdf")}
        faults = [f"{name}: fetched again" for name in sorted(asked & self._whole)]
        faults += [f"{name}: lost" for name in sorted(self._whole - here)]
        faults += [f"{name}: wrong" for name in sorted(here) if not archive.is_right(directory / name)]
        self._whole, self._asked = here, len(archive.asked)
        return faults

    def outcome(self, place: Path, variant: str) -> Any:
        """Names in the folder, checksums, and the manifest without its times."""
        from lstsr_jax.geo.manifest import check_with_manifest, read_manifest

        directory = place / "granules"
        for name in self._archive.files:
            check_with_manifest(directory / name, verify=True)
        rows = {name: (row.bytes, row.checksum, row.url) for name, row in read_manifest(directory).items()}
        return sorted(os.listdir(directory)), rows
