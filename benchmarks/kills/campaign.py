"""A campaign: runs that are killed several times each, run to their end, and held against one left alone."""

import abc
import collections
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.kills import moments
from benchmarks.kills.moments import KINDS, PLACES, Moment
from benchmarks.kills.processes import End, Processes, Work


class Subject(abc.ABC):
    """What is killed.

    Attributes:
        name: of it.
        compared: what is held against the run left alone, in words.
        modules: that its processes import once.
        per_run: kills of each run.
        variants: ways of it, taken in turns.
        work: what a process does.
    """

    name: str
    compared: str
    modules: Sequence[str]
    per_run: int = 4
    variants: Sequence[str] = ("",)
    work: Work

    @abc.abstractmethod
    def set_up(self, root: Path) -> None:
        """Make the inputs below ``root``."""

    @abc.abstractmethod
    def arguments(self, place: Path, variant: str, turn: int) -> tuple[Any, ...]:
        """What ``work`` takes for the ``turn``-th start of the run in ``place``."""

    def last(self, place: Path, variant: str) -> list[tuple[Any, ...]]:
        """As :meth:`arguments`, for the start that is not killed: of several processes at once if need be."""
        return [self.arguments(place, variant, 0)]

    def alone(self, place: Path, variant: str) -> tuple[Any, ...]:
        """As :meth:`arguments`, for the run that is left alone."""
        return self.arguments(place, variant, 0)

    def begin(self, place: Path) -> None:  # noqa: B027 (not every subject keeps account)
        """A new run begins in ``place``, an empty folder."""

    def hit(self, place: Path) -> str:
        """What a kill hit, in words, or ""."""
        return ""

    @abc.abstractmethod
    def examine(self, place: Path, variant: str) -> list[str]:
        """What of that is wrong which must hold after every kill and at the end; a line each."""

    @abc.abstractmethod
    def outcome(self, place: Path, variant: str) -> Any:
        """What is compared, of a run that has ended."""


class Campaign:
    """Kills ``subject`` until there were enough kills."""

    def __init__(self, subject: Subject, *, chosen: bool, seed: int, report: Callable[[str], None] = print) -> None:
        """Prepare.

        Args:
            subject: what is killed.
            chosen: every other kill at a chosen moment; else all at random ones.
            seed: of the moments.
            report: takes the lines.
        """
        self.subject, self.chosen, self.report = subject, chosen, report
        self.chance = random.Random(seed)
        self.random, self.at, self.hits = 0, collections.Counter[str](), collections.Counter[str]()
        self.runs = self.wrong = 0
        self._alone: dict[str, tuple[Any, End]] = {}
        self._turn = 0

    @property
    def kills(self) -> int:
        """So far."""
        return self.random + self.at.total()

    def __str__(self) -> str:
        """The result in a line."""
        chosen = "".join(f", {self.at[kind]} {kind}" for kind in KINDS if self.at[kind]).lstrip(", ")
        at = f"{self.at.total()} at a chosen call ({chosen})" if self.at else "none at a chosen call"
        hits = "".join(f", {count} {what}" for what, count in sorted(self.hits.items()))
        return (
            f"{self.subject.name}: {self.kills} kills of {self.runs} runs, "
            f"{self.random} at random moments, {at}{hits}; "
            f"compared: {self.subject.compared}: {self.wrong} lost or wrong"
        )

    def survives(self, kills: int) -> bool:
        """Kill so many times, and say whether nothing was lost or wrong."""
        subject = self.subject
        with tempfile.TemporaryDirectory(prefix=f"kill-{subject.name}-") as name:
            root = Path(name)
            (root / "logs").mkdir()
            library = moments.compiled(root) if self.chosen else None
            subject.set_up(root)
            processes = Processes(subject.modules, library, root / "logs")
            while self.kills < kills:
                place = root / f"run{self.runs}"
                variant = subject.variants[self.runs % len(subject.variants)]
                if variant not in self._alone:
                    self._leave_alone(processes, root / f"alone{variant}", variant)
                found = self._one_run(processes, place, variant, kills)
                self.runs, self.wrong = self.runs + 1, self.wrong + len(found)
                for line in found:
                    self.report(f"run {self.runs} {variant}: WRONG: {line}")
                self.report(f"{self.runs} runs, {self.kills} kills: {self.wrong} lost or wrong")
                shutil.rmtree(place)
        self.report(str(self))
        return not self.wrong

    def _leave_alone(self, processes: Processes, place: Path, variant: str) -> None:
        """What a run is held against: the second of two, which has its compiled programs."""
        for _ in range(2):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            self.subject.begin(place)
            end = processes.run(self.subject.work, [self.subject.alone(place, variant)], place, None)
            if end.fault:
                raise SystemExit(f"the run left alone failed: {end.fault}")
        if faults := self.subject.examine(place, variant):
            raise SystemExit(f"the run left alone: {'; '.join(faults)}")
        self._alone[variant] = self.subject.outcome(place, variant), end
        self.report(f"left alone {variant}: {end.seconds:.1f} s {end.calls or ''}")

    def _one_run(self, processes: Processes, place: Path, variant: str, kills: int) -> list[str]:
        """Kill a run several times and let it end; what was wrong."""
        subject, found = self.subject, []
        expected, alone = self._alone[variant]
        place.mkdir()
        subject.begin(place)
        for turn in range(subject.per_run):
            if self.kills >= kills:
                break
            when = self._when(alone)
            begin = time.perf_counter()
            end = processes.run(subject.work, [subject.arguments(place, variant, turn)], place, when)
            if end.fault:
                return [*found, f"after kill {turn}: {end.fault}"]
            found += [f"{line} (killed {_said(when)} of start {turn})" for line in subject.examine(place, variant)]
            if not end.killed:
                break
            self._count(when, subject.hit(place))
            self.report(f"  {_said(when)}, {time.perf_counter() - begin:.1f} s")
        end = processes.run(subject.work, subject.last(place, variant), place, None)
        if end.fault:
            return [*found, f"run to its end: {end.fault}"]
        found += subject.examine(place, variant)
        if not found and (outcome := subject.outcome(place, variant)) != expected:
            found.append(f"another end than that of the run left alone: {_difference(outcome, expected)}")
        return found

    def _when(self, alone: End) -> Moment | float:
        """The next moment: early in a start, since starts follow one another."""
        self._turn += 1
        if not self.chosen or self._turn % 2:
            return self.chance.uniform(0, 1.5 * alone.seconds / self.subject.per_run)
        kinds = [kind for kind in KINDS if alone.calls.get(kind)]
        kind = kinds[self._turn // 2 % len(kinds)]
        latest = max(1, round(1.5 * alone.calls[kind] / self.subject.per_run))
        return Moment(kind, self.chance.randint(1, latest), self.chance.choice(PLACES))

    def _count(self, when: Moment | float, hit: str) -> None:
        if isinstance(when, Moment):
            self.at[when.kind] += 1
        else:
            self.random += 1
        if hit:
            self.hits[hit] += 1


def _difference(outcome: Any, expected: Any, place: str = "outcome") -> str:
    """Where two outcomes differ first, and how."""
    if type(outcome) is type(expected) and isinstance(outcome, dict | list | tuple) and len(outcome) == len(expected):
        keys = outcome if isinstance(outcome, dict) else range(len(outcome))
        for key in keys:
            if not isinstance(outcome, dict) or key in expected:
                if outcome[key] != expected[key]:
                    return _difference(outcome[key], expected[key], f"{place}[{key!r}]")
    if isinstance(outcome, dict | list):
        more, less = ([key for key in a if key not in b] for a, b in ((outcome, expected), (expected, outcome)))
        return f"{place}: {more} more, {less} less"[:1000]
    return f"{place}: {outcome!r}, not {expected!r}"[:1000]


def _said(when: Moment | float) -> str:
    return str(when) if isinstance(when, Moment) else f"at {when:.2f} s"
