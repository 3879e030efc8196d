"""Run the kinds and print the table."""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from benchmarks.faults import kinds
from benchmarks.faults.kind import trial
from benchmarks.faults.world import World


def main() -> None:
    """A row per kind as it is done, and the totals."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description=sys.modules["benchmarks.faults"].__doc__
    )
    parser.add_argument("--only", default="", metavar="NAME", help="kinds whose name this pattern matches")
    parser.add_argument("--list", action="store_true", help="print the names only")
    arguments = parser.parse_args()
    chosen = [kind for kind in kinds.ALL if re.search(arguments.only, kind.name)]
    if arguments.list:
        print("\n".join(kind.name for kind in chosen))
        return
    missing = sorted({kind.fault.needs for kind in chosen} - {""})
    for program in missing:
        print(f"{program} is not here: kinds that need it are left out", file=sys.stderr)
    found = []
    print("| fault | exit status | what it says | good files lost |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        world = World(Path(folder))
        for kind in chosen:
            if not kind.fault.needs:
                found.append(trial(kind, world))
                print(found[-1].row, flush=True)
    lost, tracebacks = sum(bool(one.lost) for one in found), sum(one.traceback for one in found)
    other = sum(bool(one.wrong) for one in found)
    print(
        f"\n{len(found)} kinds of fault: {lost} with good files lost, {tracebacks} with a traceback, "
        f"{other} otherwise not as they must be"
    )
    sys.exit(bool(lost or tracebacks or other))


if __name__ == "__main__":
    main()
