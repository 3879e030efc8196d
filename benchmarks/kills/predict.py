"""Kills of shards of ``predict.py`` that share an output folder."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.kills.campaign import Subject

SHARDS = 2


def work(ready: Callable[[], None], granules: Path, output: Path, shard: str, pictures: bool) -> None:
    """What a process does, as the command does it."""
    from lstsr_jax.product import choose_method, predict, settings_of
    from lstsr_jax.product.shard import Shard

    settings = settings_of(output_dir=output, quick_look=pictures, stac=True)
    ready()
    report = predict([granules], choose_method(None, "bicubic"), *settings, shard=Shard.parse(shard))
    print(report)
    if report.failed:
        raise SystemExit("no map of a layer")


class Predict(Subject):
    """Maps of simulated granules, by bicubic, with STAC items and, every third run, pictures."""

    name = "predict"
    compared = "bytes of every map, STAC item and picture, the merged report, no finished map made again"
    modules = ("lstsr_jax.product", "lstsr_jax.product.run", "matplotlib.backends.backend_agg", __name__)
    per_run = 5
    variants = ("", "", "with pictures")
    work = staticmethod(work)

    def __init__(self, granules: int = 3, size: int = 32) -> None:
        """So many granules, each of so many 1 km pixels along a side."""
        self._count, self._size = granules, size

    def set_up(self, root: Path) -> None:
        """Simulate."""
        from lstsr_jax.geo import simulate_granule, write_granule

        self._granules = root / "granules"
        for day in range(self._count):
            date = datetime.date(2020, 7, 1 + day)
            granule = simulate_granule(day, date=date, size=self._size, cloud_fraction=0.2)
            write_granule(granule, self._granules, format="cog")

    def arguments(self, place: Path, variant: str, turn: int) -> tuple[Any, ...]:
        """Its shards in turns."""
        return self._granules, place, f"{turn % SHARDS}/{SHARDS}", bool(variant)

    def last(self, place: Path, variant: str) -> list[tuple[Any, ...]]:
        """All shards at once."""
        return [self.arguments(place, variant, turn) for turn in range(SHARDS)]

    def alone(self, place: Path, variant: str) -> tuple[Any, ...]:
        """One run over everything."""
        return self._granules, place, "0/1", bool(variant)

    def begin(self, place: Path) -> None:
        """No map is finished yet."""
        self._finished: dict[str, tuple[int, bytes]] = {}

    def hit(self, place: Path) -> str:
        """Whether a file was half written."""
        return "with a file half made" if list(place.glob(".*.partial*")) else ""

    def examine(self, place: Path, variant: str) -> list[str]:
        """A map that has its name is whole, and stays as it is."""
        from lstsr_jax.errors import InputError
        from lstsr_jax.product.files import read_tags

        faults = []
        for path in place.glob("[!.]*.tif"):
            try:
                read_tags(path)
            except InputError as error:
                faults.append(str(error))
        here = _maps(place)
        faults += [f"{name}: made again" for name, made in self._finished.items() if here.get(name) != made]
        # The LST is the last of a map to get its name.
        self._finished = {name: made for name, made in here.items() if "_LST_" in name and name.endswith(".tif")}
        return faults

    def outcome(self, place: Path, variant: str) -> Any:
        """Content of every file, and the report."""
        from lstsr_jax.product import merge_reports

        report = merge_reports(place)
        outcomes = [
            (str(o.source), o.overpass, o.status in ("written", "finished"), o.output and o.output.name, o.warnings)
            for o in report.outcomes
        ]
        return {name: content for name, (_, content) in _maps(place).items()}, outcomes, report.skipped


def _maps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file that has its name, but the reports."""
    named = (path for path in folder.iterdir() if not path.name.startswith((".", "report.")))
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in named}
