"""What became of the layers of a run."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from lstsr_jax.errors import InputError, printable
from lstsr_jax.files import final_names
from lstsr_jax.geo import Overpass, Skipped, describe_skipped
from lstsr_jax.system import refusal, system_error


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one layer.

    Attributes:
        source: the file, or the directory in which nothing was found.
        overpass: ``"day"`` or ``"night"``, or ``""`` where it never came to that.
        status: ``"written"``, ``"finished"`` (by an earlier run), ``"outside"`` (of the bbox) or ``"failed"``.
        note: one line for the summary.
        output: the product.
        warnings: lines on what makes it worse than it could be.
    """

    source: Path
    overpass: Overpass | Literal[""]
    status: Literal["written", "finished", "outside", "failed"]
    note: str
    output: Path | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line."""
        name = self.output or (f"{self.source} ({self.overpass})" if self.overpass else self.source)
        return f"{self.status}: {name}: {self.note}"


class Mosaic(NamedTuple):
    """A virtual raster.

    Attributes:
        path: of the file.
        maps: how many it joins.
    """

    path: Path
    maps: int


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of all layers; as text, a line for each and a last one that counts them, failures last.

    Attributes:
        outcomes: of the layers, and of the files that hold none.
        skipped: what was left aside in folders.
        mosaics: virtual rasters over the maps.
    """

    outcomes: list[Outcome]
    skipped: list[Skipped] = dataclasses.field(default_factory=list)
    mosaics: list[Mosaic] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        """The layers that gave no product."""
        return [outcome for outcome in self.outcomes if outcome.status == "failed"]

    def __str__(self) -> str:
        """The summary of a run."""
        lines = [str(outcome) for outcome in self.outcomes if outcome.status != "failed"]
        kinds = ("written", "finished", "outside", "failed")
        counts = {kind: sum(outcome.status == kind for outcome in self.outcomes) for kind in kinds}
        total = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count or kind == "written")
        warnings = dict.fromkeys(f"warning: {line}" for outcome in self.outcomes for line in outcome.warnings)
        lines += [f"joined: {path}: {maps} map{'s' if maps > 1 else ''}" for path, maps in self.mosaics]
        text = [*lines, *describe_skipped(self.skipped), *warnings, *map(str, self.failed), total]
        return printable("\n".join(text))


def report_of(places: Mapping[int, Outcome], skipped: Sequence[Skipped], bbox: Sequence[float] | None = None) -> Report:
    """The report of a whole run, whoever did its parts.

    Args:
        places: what became of everything, by its place in the report.
        skipped: what was left aside.
        bbox: that was asked for.

    Raises:
        InputError: if all lies outside that box.
    """
    outcomes = [outcome for _, outcome in sorted(places.items())]
    if outcomes and all(outcome.status == "outside" for outcome in outcomes):
        raise InputError(f"`bbox` {' '.join(map(str, bbox or ()))}: none of the granules reaches it")
    return Report(outcomes, list(skipped))


def failure(path: Path, overpass: Overpass | Literal[""], error: Exception) -> Outcome:
    """What became of a layer, or a whole file, that an error ended."""
    if isinstance(error, InputError):
        return Outcome(path, overpass, "failed", line_of(error, path))
    refused = system_error(error)
    note = f"{type(error).__name__}: {final_names(line_of(error, path))}" if refused is None else refusal(refused)
    return Outcome(path, overpass, "failed", note)


def line_of(error: Exception, path: Path) -> str:
    """The first line of an error, without the name of the file, which stands before it already."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text.removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
