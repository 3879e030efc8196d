"""A kind of fault, its trial, and what the trial found."""

import dataclasses
import re
from pathlib import Path

from benchmarks.faults.doors import Results, is_left_over
from benchmarks.faults.fault import Ended, Fault
from benchmarks.faults.world import World

MOST_CALLS = 25
MOST_LINES = 6
"""Of what a command says beside what it says without the fault."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A fault at a door.

    Attributes:
        door: name of the door.
        what: of the fault, in words; with the door's name that of the kind.
        fault: how the command is started.
        fails: whether it must end with another status than 0; None: either, as long as nothing is lost.
        says: pattern that one of its lines must match; where it fails it must say something in any case.
        mute: whether nothing can be said: the stream is closed, or the process is ended at once.
        leaves: whether files under temporary names may stay: nobody can remove them.
        more: arguments added to the door's.
        instead: argument in place of ``granules``.
        takes: the fault itself takes files away or changes what is read: they are not lost.
        every: repeat it with the first, second, third, ... of the calls until the command makes no more of them.
        again: whether the same command then ends as if nothing had been; False: the fault lasts.
    """

    door: str
    what: str
    fault: Fault
    fails: bool | None = True
    says: str = ""
    mute: bool = False
    leaves: bool = False
    more: tuple[str, ...] = ()
    instead: str = ""
    again: bool = True
    takes: bool = False
    every: bool = False

    @property
    def name(self) -> str:
        """Of the kind."""
        return f"{self.door}: {self.what}"


@dataclasses.dataclass(frozen=True)
class Found:
    """What a trial found.

    Attributes:
        kind: of the fault.
        ended: how the command ended.
        line: what it said of the fault.
        lost: names of good files that are gone or changed, or of half-written ones under their final names.
        wrong: what else is not as it must be, a sentence each.
    """

    kind: Kind
    ended: Ended
    line: str
    lost: list[str]
    wrong: list[str]

    @property
    def traceback(self) -> bool:
        """Whether one was printed."""
        return "Traceback (most recent call last)" in self.ended.text

    @property
    def row(self) -> str:
        """Of the table in Markdown."""
        line = self.line.replace("|", "\\|")[:200] or "(nothing)"
        verdict = "; ".join([*([f"LOST {', '.join(self.lost)}"] if self.lost else []), *self.wrong]) or "0"
        return f"| {self.kind.name} | {self.ended.status} | {line} | {verdict} |"


def trial(kind: Kind, world: World) -> Found:
    """Run the command with the fault, look at everything, and run it again without."""
    if not kind.every:
        return _trial(kind, world)
    worst, calls = None, 0
    while calls < MOST_CALLS:
        shim = {**kind.fault.shim, "FIRST": str(calls + 1)}
        found = _trial(dataclasses.replace(kind, fault=dataclasses.replace(kind.fault, shim=shim)), world)
        if not found.ended.hit:
            break
        calls += 1
        if worst is None or ((found.lost or found.wrong) and not (worst.lost or worst.wrong)):
            worst = found
    assert worst is not None
    return dataclasses.replace(worst, line=f"each of {calls} times: {worst.line}")


def _trial(kind: Kind, world: World) -> Found:
    door = world.doors[kind.door]
    expected, usual = world.expected(door)
    place = world.fresh(door)
    before = door.results(place)
    arguments = [kind.instead if kind.instead and one == "granules" else one for one in door.arguments]
    ended = world.runner.run(door.command(arguments, kind.more), place, kind.fault)
    after = door.results(place)
    said = [line for line in _lines(ended.text, place) if line not in {_plain(one, place) for one in usual}]
    found = Found(kind, ended, _telling(said, kind), _lost(kind, before, after, expected), [])
    wrong = found.wrong
    if found.traceback:
        wrong.append("traceback")
    if not ended.hit:
        wrong.append("the fault was not met")
    if kind.fails is not None and (ended.status != 0) != kind.fails:
        wrong.append(f"exit status {ended.status}")
    if ended.status == 124:
        wrong.append("it hung")
    if ended.status in (134, -6, 139, -11, -7, 135) and not kind.mute:
        wrong.append("aborted")
    if not kind.mute and (ended.status or kind.says) and not re.search(kind.says or r"\w", found.line):
        wrong.append(f"it does not say {kind.says or 'anything'}: {said[-3:]}")
    if len(said) > MOST_LINES and not found.traceback:
        wrong.append(f"{len(said)} lines")
    left = [path.name for path in place.rglob("*") if is_left_over(path)] if place.is_dir() else []
    if left and not kind.leaves:
        wrong.append(f"left {', '.join(left[:2])}")
    if kind.again and not (ended.status == 0 and after == expected):  # else there is nothing to do again
        once_more = world.runner.run(door.command(), place, Fault())
        if once_more.status:
            wrong.append(f"again: exit status {once_more.status}: {_lines(once_more.text, place)[-1:]}")
        elif (results := door.results(place)) != expected:
            differing = sorted(name for name in {*results, *expected} if results.get(name) != expected.get(name))
            wrong.append(f"again: ends otherwise: {', '.join(differing[:4])}")
    return found


def _lost(kind: Kind, before: Results, after: Results, expected: Results) -> list[str]:
    """Good files that are not there as they were or as they will be, and new ones that are neither whole nor right."""
    if kind.takes:
        return [name for name, digest in after.items() if digest.startswith("bad")]
    steps = [name for name in after if name.startswith("checkpoint ")]  # a run keeps its last and its best
    lost = [
        name
        for name, digest in before.items()
        if after.get(name) not in (digest, expected.get(name))
        and not (name.startswith("checkpoint ") and steps and name not in after)
        and not (name == "log.csv" and name in after)
    ]
    for name, digest in after.items():
        checkpoint = name.startswith("checkpoint ") or name == "log.csv"
        if digest.startswith("bad") or (name not in before and digest != expected.get(name) and not checkpoint):
            lost.append(name)
    return lost


def _plain(line: str, place: Path) -> str:
    line = re.sub(r", \d+\.\d s\b", "", line.replace(str(place) + "/", ""))
    return re.sub(r"[\d.]+ patches/s", "", line).strip()


def _lines(text: str, place: Path) -> list[str]:
    return [line for line in (_plain(line, place) for line in re.split(r"[\r\n]+", text)) if line]


def _telling(said: list[str], kind: Kind) -> str:
    """The line that says what happened."""
    chosen = [line for line in said if re.search(kind.says, line)] if kind.says else []
    own = [line for line in said if line.startswith(("error:", "failed:", "interrupted", "terminated"))]
    both = [line for line in own if line in chosen]
    return (both or chosen or own or said or [""])[0]
