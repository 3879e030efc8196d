"""Layers per minute of ``predict.py``, with and without overlap of reading, computing and writing; memory.

``python -m benchmarks.season --methods bicubic default`` maps simulated granules, first one layer after the other
(``one by one``: ``map_item``), then as ``predict.py`` does (``overlapped``: ``map_items``), each in a process of its
own, and prints layers per minute, processor seconds per layer, and the share of the time in which the method computes.
The clock starts when the first layer, which compiles, is computed, and stops when the last one is written.
``--memory`` prints the memory of a run after 20 and after 300 layers. ``--out FILE`` keeps the figures for
``python -m benchmarks.plan``.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lstsr_jax.processors import available_processors

WAYS = ("one by one", "overlapped")


def simulate(folder: Path, layers: int, size: int) -> None:
    """Granules of day and night, so that there are at least ``layers``."""
    from lstsr_jax.geo import place_seed_of, simulate_granule, simulate_landscape, write_granule

    place = simulate_landscape(place_seed_of("h18v04"), size)
    for day in range((layers + 1) // 2):
        date = datetime.date(2020, 1, 1) + datetime.timedelta(days=day)
        granule = simulate_granule(day % 8, date=date, size=size, cloud_fraction=0.3, landscape=place)
        write_granule(granule, folder, format="hdf4")


def memory_mib(peak: bool = False) -> float:
    """Memory of this process, now or at its peak, as Linux says it (the peak of ``resource`` is its parent's too)."""
    field = "VmHWM" if peak else "VmRSS"
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


class Mark(NamedTuple):
    """Seconds at a moment: by the clock, of the process, and of the method's computing so far."""

    wall: float
    cpu: float
    computing: float


def mapped(folder: Path, output: Path, method: str, way: str, layers: int, **settings: Any) -> Iterator[list[Mark]]:
    """Map the granules of a folder; yields, layer by layer, the marks so far: the ends of all computing."""
    from lstsr_jax.methods import METHODS
    from lstsr_jax.product import Job, choose_method, find_work, map_item, settings_of
    from lstsr_jax.product.pipeline import map_items
    from lstsr_jax.scene.steps import SceneSteps

    marks, compute = [Mark(0, 0, 0)], SceneSteps.compute

    def timed(*args: Any) -> Any:
        start = time.perf_counter()
        try:
            return compute(*args)
        finally:
            now = time.perf_counter()
            marks.append(Mark(now, time.process_time(), marks[-1].computing + now - start))

    SceneSteps.compute = timed  # type: ignore[method-assign]
    chosen = choose_method(None, method) if method in METHODS else choose_method(method, None)
    job = Job(chosen, *settings_of(output_dir=output, **settings))
    items = find_work([folder], job).items[:layers]
    outcomes = map_items(items, job) if way == "overlapped" else (map_item(item, job) for item in items)
    for outcome in outcomes:
        if outcome.status != "written":
            raise SystemExit(str(outcome))
        yield marks[1:]


def measure(folder: Path, method: str, way: str, layers: int) -> dict[str, float]:
    """Of a run over ``layers`` layers, from the end of the first one's computing on; and the size of its maps."""
    with tempfile.TemporaryDirectory(prefix="season-") as name:
        for marks in mapped(folder, Path(name), method, way, layers):
            end = Mark(time.perf_counter(), time.process_time(), marks[-1].computing)
        size = sum(path.stat().st_size for path in Path(name).iterdir())
    wall, cpu, computing = (last - first for first, last in zip(marks[0], end, strict=True))
    counted = layers - 1
    return {
        "layers_per_minute": 60 * counted / wall,
        "cpu_s_per_layer": cpu / counted,
        "computing": computing / wall,
        "mb_per_layer": size / layers / 1e6,
        "peak_mib": memory_mib(peak=True),
    }


def memory(folder: Path, method: str, marks: list[int]) -> dict[str, float]:
    """Memory in MiB after so many layers."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="season-") as name:
        for done, _ in enumerate(mapped(folder, Path(name), method, "overlapped", max(marks)), start=1):
            if done in marks:
                found[str(done)] = memory_mib()
    return found


def in_process(module: str, *arguments: object) -> dict[str, Any]:
    """A measurement by ``module`` in a process of its own."""
    command = [sys.executable, "-m", module, "--measure", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print a line for each method and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["bicubic", "default"], metavar="NAME")
    parser.add_argument("--layers", type=int, default=9, help="of each run")
    parser.add_argument("--size", type=int, default=1200, help="1 km pixels along a side of the simulated granules")
    parser.add_argument("--memory", action="store_true", help="memory after --marks layers, in place of rates")
    parser.add_argument("--marks", type=int, nargs="+", default=[20, 300])
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        folder, method, *rest = args.measure
        if rest[0] == "memory":
            print(json.dumps(memory(Path(folder), method, list(map(int, rest[1:])))))
        else:
            print(json.dumps(measure(Path(folder), method, rest[0], int(rest[1]))))
        return
    cores = available_processors()
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    print(f"{cores} processors{load}; simulated granules of {args.size} x {args.size}")
    figures: dict[str, Any] = {"processors": cores, "size": args.size}
    with tempfile.TemporaryDirectory(prefix="season-") as name:
        folder = Path(name)
        simulate(folder, max(args.marks) if args.memory else args.layers, args.size)
        if args.memory:
            for method in args.methods:
                found = in_process("benchmarks.season", folder, method, "memory", *args.marks)
                said = ", ".join(f"{mib:.0f} MiB after {count} layers" for count, mib in found.items())
                first, last = found[str(args.marks[0])], found[str(args.marks[-1])]
                print(f"{method}: {said}: {last / first - 1:+.1%}", flush=True)
                figures[method] = {"memory_mib": found}
        else:
            columns = ("layers/min", "cpu s/layer", "computing", "MB/layer", "peak MiB")
            print(f"{'method':12} {'':10} {' '.join(f'{column:>11}' for column in columns)}")
            for method in args.methods:
                for way in WAYS:
                    row = in_process("benchmarks.season", folder, method, way, args.layers)
                    texts = (
                        f"{row['layers_per_minute']:.2f}", f"{row['cpu_s_per_layer']:.2f}", f"{row['computing']:.0%}",
                        f"{row['mb_per_layer']:.1f}", f"{row['peak_mib']:.0f}",
                    )  # fmt: skip
                    print(f"{method:12} {way:10} {' '.join(f'{text:>11}' for text in texts)}", flush=True)
                    figures.setdefault(method, {})[way] = row
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1) + "\n")
        print(f"figures: {args.out}")


if __name__ == "__main__":
    main()
