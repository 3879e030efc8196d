"""Run the kinds and print the table."""

import argparse
import queue
import re
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults import kinds
from benchmarks.faults.kind import Found, Kind, trial
from benchmarks.faults.world import World

_TOGETHER = {"export": "train", "eval": "train", "write stac": "predict", "write vrt": "predict"}
"""Doors that work on what another one leaves."""

_AT_ONCE = 12
"""Kinds of a door, after which another thread may go on."""


def run(chosen: Sequence[Kind], root: Path, jobs: int) -> list[Found]:
    """Try all kinds, those of one door one after the other, and print a row for each as it is done."""
    groups: dict[str, list[Kind]] = {}
    for kind in chosen:
        groups.setdefault(_TOGETHER.get(kind.door, kind.door), []).append(kind)
    waiting: queue.SimpleQueue[list[Kind]] = queue.SimpleQueue()
    for group in sorted(groups.values(), key=len, reverse=True):
        for first in range(0, len(group), _AT_ONCE):
            waiting.put(group[first : first + _AT_ONCE])
    found: list[Found] = []
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            world = World(root / f"world{number}")
            while True:
                for kind in waiting.get_nowait():
                    found.append(trial(kind, world))
                    print(found[-1].row, flush=True)
        except queue.Empty:
            return
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(min(jobs, len(groups)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return found


def main() -> None:
    """A row per kind and the totals."""
    about = sys.modules["benchmarks.faults"].__doc__
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=about)
    parser.add_argument("--only", default="", metavar="NAME", help="kinds whose name this pattern matches")
    parser.add_argument("--list", action="store_true", help="print the names only")
    parser.add_argument("--jobs", type=int, default=1, help="doors tried at once")
    arguments = parser.parse_args()
    chosen = [kind for kind in kinds.ALL if re.search(arguments.only, kind.name)]
    if arguments.list:
        print("\n".join(kind.name for kind in chosen))
        return
    for program in sorted({kind.fault.needs for kind in chosen} - {""}):
        print(f"{program} is not here: kinds that need it are left out", file=sys.stderr)
    print("| fault | exit status | what it says | good files lost |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        found = run([kind for kind in chosen if not kind.fault.needs], Path(folder), arguments.jobs)
    lost, tracebacks = sum(bool(one.lost) for one in found), sum(one.traceback for one in found)
    other = sum(bool(one.wrong) for one in found)
    print(
        f"\n{len(found)} kinds of fault: {lost} with good files lost, {tracebacks} with a traceback, "
        f"{other} otherwise not as they must be"
    )
    sys.exit(bool(lost or tracebacks or other))


if __name__ == "__main__":
    main()
