"""Kills of builds of datasets."""

import datetime
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.kills.campaign import Subject
from lstsr_jax.config import DataConfig

_MAY_DIFFER = re.compile(r"modis_lst/\.config/incomplete\.|\.lstsr_jax_checksums\.(json|lock)$")
"""What TFDS leaves of its record of the configuration, and the checksums, kept of files that are some seconds old."""


def work(ready: Callable[[], None], granules: Path | None, data_dir: Path) -> None:
    """What a process does: the dataset of a folder, or of granules that it simulates."""
    from data_builders import prepare

    _simulate_little()
    ready()
    prepare(_config(granules, data_dir))


def _simulate_little() -> None:
    from lstsr_jax.data import simulated

    simulated.PERIODS, simulated.SIZE = 2, 32  # type: ignore[misc]


def _config(granules: Path | None, data_dir: Path) -> DataConfig:
    name = None if granules is None else str(granules)
    return DataConfig(name, patch_size=32, stride=32, min_valid_fraction=0.1, data_dir=str(data_dir))


class Build(Subject):
    """Datasets of a folder of granules and, every third run, of granules simulated on the way."""

    name = "build"
    compared = (
        "every example, their order and the metadata, no half of a dataset taken for a whole, nothing left beside it"
    )
    modules = ("data_builders.preparation", "lstsr_jax.data.simulated", "lstsr_jax.data.cutting", "rasterio", __name__)
    per_run = 4
    variants = ("", "", "simulated")
    work = staticmethod(work)

    def set_up(self, root: Path) -> None:
        """Simulate granules."""
        from lstsr_jax.geo import simulate_granule, write_granule

        self._granules = root / "granules"
        for number in range(3):
            date = datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * number)
            granule = simulate_granule(number, date=date, size=64, cloud_fraction=0.1)
            write_granule(granule, self._granules, format="cog")

    def arguments(self, place: Path, variant: str, turn: int) -> tuple[Any, ...]:
        """The same every time."""
        return None if variant else self._granules, place

    def hit(self, place: Path) -> str:
        """Whether a dataset was half built."""
        return "with a dataset half built" if list(place.glob("modis_lst/*/incomplete.*")) else ""

    def examine(self, place: Path, variant: str) -> list[str]:
        """A dataset that has its name is whole."""
        alone = place.parent / f"alone{variant}"
        if place == alone:
            return []
        expected = None
        faults = []
        for directory in place.glob("modis_lst/*/1.0.0"):
            expected = expected or _contents(next(alone.glob("modis_lst/*/1.0.0")))
            if _contents(directory) != expected:
                faults.append(f"{directory.relative_to(place)}: half of a dataset under the name of a whole one")
        return faults

    def outcome(self, place: Path, variant: str) -> Any:
        """The dataset, and the names of all files."""
        (directory,) = place.glob("modis_lst/*/1.0.0")
        # Granules that are simulated anew are other files, and the dataset has another digest in its name.
        names = (re.sub("-[0-9a-f]{12}", "", str(path.relative_to(place))) for path in place.rglob("*"))
        return _contents(directory), sorted(name for name in names if not _MAY_DIFFER.match(name))


def _contents(directory: Path) -> Any:
    """Examples of each split in order, and the metadata but for the time of the build and the place of the folder."""
    from lstsr_jax.data import PreparedDataset
    from lstsr_jax.errors import InputError

    try:
        dataset = PreparedDataset(directory)
        digests = {split: _digests(dataset, split) for split in dataset.splits}
    except InputError as error:
        return str(error)
    return digests, {name: value for name, value in dataset.metadata.items() if name not in ("built", "source")}


def _digests(dataset: Any, split: str) -> list[str]:
    import numpy as np

    records = (
        b"".join(name.encode() + np.asarray(value).tobytes() for name, value in sorted(example.items()))
        for example in dataset.source(split)
    )
    return [hashlib.sha256(record).hexdigest() for record in records]
