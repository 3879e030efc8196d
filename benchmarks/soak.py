"""Does anything grow? One process maps many small granules; memory, open files, threads and time along the way.

``python -m benchmarks.soak --granules 500`` maps the day of simulated granules, as ``predict.py`` does, by bicubic
and by a shipped network, each in a process of its own, and compares the last tenth of the granules with the first tenth
after the first ``--warm-up``. Ends with exit status 1 if memory or open files have grown by more than 5 %. Linux only.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.season import in_process, mapped, memory_mib, simulate

MOST = 0.05
"""Growth that is let pass."""
WHAT = {"memory": "MiB", "open files": "", "threads": "", "time": "ms a granule"}


def soak(folder: Path, method: str, granules: int, pictures: bool) -> list[list[float]]:
    """Memory, open files, threads and milliseconds after each granule."""
    rows, last = [], time.perf_counter()
    settings = {"overpass": "day", "quick_look": pictures}
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        for _ in mapped(folder, Path(name), method, "overlapped", granules, **settings):
            now = time.perf_counter()
            handles = len(os.listdir("/proc/self/fd"))
            rows.append([memory_mib(), handles, threading.active_count(), 1e3 * (now - last)])
            last = now
    return rows


def main() -> None:
    """Print a line for each method and quantity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--granules", type=int, default=500)
    parser.add_argument("--size", type=int, default=200, help="1 km pixels along a side")
    parser.add_argument("--methods", nargs="+", default=["bicubic", "default"], metavar="NAME")
    parser.add_argument("--pictures", action="store_true", help="draw each map too, which takes longest")
    parser.add_argument("--warm-up", type=int, default=50, metavar="N", help="granules that do not count")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        folder, method, granules, pictures = args.measure
        print(json.dumps({"rows": soak(Path(folder), method, int(granules), pictures == "True")}))
        return
    if args.granules < args.warm_up + 10:
        parser.error(f"--granules {args.granules}: give at least {args.warm_up + 10}, or less --warm-up")
    grew = False
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        simulate(folder, 2 * args.granules, args.size)
        for method in args.methods:
            rows = in_process("benchmarks.soak", folder, method, args.granules, args.pictures)["rows"]
            grew = _told(method, rows, args) or grew
    sys.exit(grew)


def _told(method: str, rows: list[list[float]], args: Any) -> bool:
    """Print what became of a method, and say whether memory or open files have grown."""
    tenth = (len(rows) - args.warm_up) // 10
    for done in range(args.warm_up, len(rows) + 1, max(1, tenth)):
        memory, files, threads, ms = rows[done - 1]
        print(
            f"{method}, {done} granules: {memory:.0f} MiB, {files:.0f} open files, {threads:.0f} threads, {ms:.0f} ms"
        )
    grew, changes = False, []
    for column, (quantity, unit) in enumerate(WHAT.items()):
        values = [row[column] for row in rows[args.warm_up :]]
        first, last = statistics.median(values[:tenth]), statistics.median(values[-tenth:])
        changes.append(f"{quantity} {first:.0f} to {last:.0f} {unit}".rstrip() + f" ({last / first - 1:+.1%})")
        grew = grew or (quantity in ("memory", "open files") and last > (1 + MOST) * first)
    print(
        f"{method}: {len(rows)} granules of {args.size} x {args.size}, first to last tenth after "
        f"{args.warm_up}: {', '.join(changes)}",
        flush=True,
    )
    return grew


if __name__ == "__main__":
    main()
