"""Time to read an HDF granule in this process and through the child process that is kept for it.

``python -m benchmarks.read_granule FILE... --times 50``. Both ways take turns, so that they share what else the machine
does. Their ratio comes last, and of several granules the ratio to the first: ``MOD11A1....hdf VNP21A1D....h5``.
"""

import argparse
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from lstsr_jax.geo import NDVI_PRODUCTS, hdf, hdf_child, read_lst, read_ndvi
from lstsr_jax.geo.hdf_process import PROCESS


class InProcess:
    """The same requests answered by the libraries in this process."""

    def __init__(self) -> None:
        """No file is open."""
        self._files: dict[int, Any] = {}

    def new_key(self) -> int:
        """A number for a file that is opened."""
        return len(self._files)

    def ask(self, path: Path, key: int, ask: str, name: str | None = None) -> tuple[dict[str, Any], Any]:
        """As `lstsr_jax.geo.hdf_process.HdfProcess.ask`."""
        return hdf_child.answer(self._files, {"path": str(path), "file": key, "ask": ask, "name": name})


def measure(file: Path, times: int) -> float:
    """Print the median and the total of each way for a granule; return the median through the child, in seconds."""
    read = read_ndvi if file.name.startswith(tuple(NDVI_PRODUCTS)) else read_lst
    ways = {"in this process": InProcess(), "through the child": PROCESS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    print(f"{file.name}, {file.stat().st_size / 1e6:.1f} MB")
    for turn in range(times + 1):
        for name, way in ways.items():
            with mock.patch.object(hdf, "PROCESS", way):
                start = time.perf_counter()
                read(file)
                taken = time.perf_counter() - start
            if turn:
                seconds[name].append(taken)
            else:
                print(f"{name}, the first time: {1e3 * taken:.0f} ms")
    for name, taken_by in seconds.items():
        print(f"{name}: median {1e3 * np.median(taken_by):.1f} ms, {times} times {sum(taken_by):.2f} s")
    here, child = seconds.values()
    print(f"ratio: {np.median(child) / np.median(here):.2f} (median), {sum(child) / sum(here):.2f} (total)")
    return float(np.median(child))


def main() -> None:
    """Measure each granule, and compare the others with the first."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--times", type=int, default=50)
    args = parser.parse_args()
    first, *others = (measure(file, args.times) for file in args.files)
    for file, taken in zip(args.files[1:], others, strict=True):
        print(f"{file.name}: {taken / first:.2f} of the time of {args.files[0].name}")


if __name__ == "__main__":
    main()
