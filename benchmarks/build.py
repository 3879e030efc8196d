"""Build one dataset by every engine, and hold what they made against one another.

``python -m benchmarks.build --granules DIR`` builds it with the plain builder in 1 and 2 processes and, where it is
installed, on Apache Beam's DirectRunner with 1 and 2 worker processes; without ``--granules`` of 500 small simulated
granules. It prints for each how long it took, the layers per second, the processor time, and the peak memory of all its
processes together, and ends with exit status 1 if any made other examples, another order or other metadata. Linux only.

Rates leave out what the same command takes when the dataset is there already: start, listing, checksums.
"""

import argparse
import datetime
import hashlib
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.data import PreparedDataset
from lstsr_jax.geo import place_seed_of, simulate_granule, simulate_landscape, write_granule

SIZE = 64
ENGINES = {
    "plain, 1 process": ["--jobs", "1"],
    "plain, 2 processes": ["--jobs", "2"],
    "Beam, 1 process": ["--runner", "DirectRunner"],
    "Beam, 2 processes": [
        *("--runner", "DirectRunner"),
        *("--beam-options", "direct_num_workers=2", "direct_running_mode=multi_processing"),
    ],
}


def simulate(directory: Path, count: int) -> None:
    """Write small MOD11A1 granules of one place on consecutive days."""
    place = simulate_landscape(place_seed_of("h18v04"), SIZE)
    for number in range(count):
        date = datetime.date(2019, 1, 1) + datetime.timedelta(days=number)
        granule = simulate_granule(number, date=date, size=SIZE, cloud_fraction=0.2, landscape=place)
        write_granule(granule, directory, format="hdf4")


def run(command: list[str]) -> tuple[str, float, float, float]:
    """Run a command: its last line of stdout, seconds, processor time, peak memory of it and its descendants in MB."""
    begin, before, peak = time.perf_counter(), _processor_time(), 0.0
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        while process.poll() is None:
            peak = max(peak, sum(map(_memory_mb, _descendants(process.pid))))
            time.sleep(0.1)
        seconds = time.perf_counter() - begin
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} failed with exit status {process.returncode}:\n{log.read()[-2000:]}")
    return lines[-1], seconds, _processor_time() - before, peak


def _processor_time() -> float:
    """Of all that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, path.read_text().split())
            except OSError:  # it has ended
                continue
    return found


def _memory_mb(pid: int) -> float:
    """What a process holds; pages shared with others count in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("Pss:")), 0.0)


def contents(directory: str) -> tuple[dict[str, int], str, dict[str, Any]]:
    """Examples of each split, a digest of them all in order, and the metadata but for the time of the build."""
    dataset, digest = PreparedDataset(directory), hashlib.sha256()
    for split in dataset.splits:
        for example in dataset.source(split):
            for name, value in sorted(example.items()):
                digest.update(f"{split} {name} ".encode() + np.asarray(value).tobytes())
    metadata = {name: value for name, value in dataset.metadata.items() if name != "built"}
    return {split: len(dataset.source(split)) for split in dataset.splits}, digest.hexdigest()[:16], metadata


def main() -> None:
    """Print a line per engine and the verdict."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--granules", type=Path)
    parser.add_argument("--simulated", type=int, default=500, help="granules, where none are given")
    parser.add_argument("--patch-size", type=int, default=64, help="of simulated granules 32")
    args = parser.parse_args()
    engines = dict(ENGINES)
    if importlib.util.find_spec("apache_beam") is None:
        engines = {name: flags for name, flags in engines.items() if "--runner" not in flags}
        print("Apache Beam is not installed (pip install 'lstsr-jax[beam]'): the plain builder only", flush=True)
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        granules, side, share = args.granules, str(args.patch_size), "1"
        if granules is None:
            granules, side, share = Path(folder) / "granules", "32", "0.5"
            simulate(granules, args.simulated)
        found = []
        for number, (name, flags) in enumerate(engines.items()):
            command = [sys.executable, "-m", "data_builders.build", "--granules", str(granules)]
            command += ["--data-dir", f"{folder}/{number}", "--data.patch-size", side, "--data.stride", side]
            command += ["--data.min-valid-fraction", share, *flags]
            directory, seconds, used, peak = run(command)
            _, idle, idle_used, _ = run(command)
            counts, digest, metadata = contents(directory)
            layers = metadata["layers"]
            rate = layers / max(seconds - idle, 1e-9)
            print(
                f"{name}: {sum(counts.values())} examples of {layers} layers, digest {digest}; "
                f"{seconds:.1f} s (start {idle:.1f} s), {rate:.1f} layers/s, "
                f"processor time {used:.1f} s (start {idle_used:.1f} s), peak {peak:.0f} MB",
                flush=True,
            )
            found.append((counts, digest, metadata))
    same = all(one == found[0] for one in found)
    print("the same examples in the same order with the same metadata" if same else "NOT THE SAME")
    sys.exit(not same)


if __name__ == "__main__":
    main()
