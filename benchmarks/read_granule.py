"""Time to read an HDF granule in this process and through the child process that is kept for it.

``python -m benchmarks.read_granule FILE... --times 50``. Files and ways take turns, so that they share what else the
machine does. Their ratio comes last, and of several granules the ratio to the first: ``MOD11A1....hdf VNP21A1D....h5``.
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
        self._opened = 0

    def new_key(self) -> int:
        """A number for a file that is opened."""
        self._opened += 1
        return self._opened

    def ask(
        self, path: Path, key: int, ask: str, name: str | None = None, index: int | None = None
    ) -> tuple[dict[str, Any], Any]:
        """As `lstsr_jax.geo.hdf_process.HdfProcess.ask`."""
        return hdf_child.answer(self._files, {"path": str(path), "file": key, "ask": ask, "name": name, "index": index})


def measure(files: list[Path], times: int) -> list[float]:
    """Print the median and the total of each way for each granule; return the medians through the child, in seconds."""
    ways = {"in this process": InProcess(), "through the child": PROCESS}
    seconds: dict[tuple[Path, str], list[float]] = {(file, name): [] for file in files for name in ways}
    for turn in range(times + 1):
        for (file, name), taken_by in seconds.items():
            read = read_ndvi if file.name.startswith(tuple(NDVI_PRODUCTS)) else read_lst
            with mock.patch.object(hdf, "PROCESS", ways[name]):
                start = time.perf_counter()
                read(file)
                taken = time.perf_counter() - start
            if turn:
                taken_by.append(taken)
            else:
                print(f"{file.name}, {name}, the first time: {1e3 * taken:.0f} ms")
    medians = []
    for file in files:
        print(f"{file.name}, {file.stat().st_size / 1e6:.1f} MB")
        here, child = (seconds[file, name] for name in ways)
        for name, taken_by in zip(ways, (here, child), strict=True):
            print(f"{name}: median {1e3 * np.median(taken_by):.1f} ms, {times} times {sum(taken_by):.2f} s")
        print(f"ratio: {np.median(child) / np.median(here):.2f} (median), {sum(child) / sum(here):.2f} (total)")
        medians.append(float(np.median(child)))
    return medians


def main() -> None:
    """Measure the granules in turn, and compare the others with the first."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--times", type=int, default=50)
    args = parser.parse_args()
    first, *others = measure(args.files, args.times)
    for file, taken in zip(args.files[1:], others, strict=True):
        print(f"{file.name}: {taken / first:.2f} of the time of {args.files[0].name}")


if __name__ == "__main__":
    main()
