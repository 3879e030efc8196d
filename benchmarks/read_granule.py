"""Time to read an HDF4 granule in this process and through the child process that is kept for it.

``python -m benchmarks.read_granule FILE --times 50``. Both ways take turns, so that they share what else the machine
does. The last line gives the ratio.
"""

import argparse
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from lstsr_jax.geo import hdf, hdf_child, read_lst, read_ndvi
from lstsr_jax.geo.hdf_process import PROCESS


class InProcess:
    """The same requests answered by libhdf4 in this process."""

    def __init__(self) -> None:
        """No file is open."""
        self._files: dict[int, hdf_child.HdfFile] = {}

    def new_key(self) -> int:
        """A number for a file that is opened."""
        return len(self._files)

    def ask(self, path: Path, key: int, ask: str, name: str | None = None) -> tuple[dict[str, Any], Any]:
        """As `lstsr_jax.geo.hdf_process.HdfProcess.ask`."""
        return hdf_child.answer(self._files, {"path": str(path), "file": key, "ask": ask, "name": name})


def main() -> None:
    """Print the median and the total of each way, and the ratio."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--times", type=int, default=50)
    args = parser.parse_args()
    read = read_ndvi if args.file.name.startswith(("MOD13", "MYD13")) else read_lst
    ways = {"in this process": InProcess(), "through the child": PROCESS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(args.times + 1):
        for name, way in ways.items():
            with mock.patch.object(hdf, "PROCESS", way):
                start = time.perf_counter()
                read(args.file)
                taken = time.perf_counter() - start
            if turn:
                seconds[name].append(taken)
            else:
                print(f"{name}, the first time: {1e3 * taken:.0f} ms")
    for name, times in seconds.items():
        print(f"{name}: median {1e3 * np.median(times):.1f} ms, {args.times} times {sum(times):.2f} s")
    here, child = seconds.values()
    print(f"ratio: {np.median(child) / np.median(here):.2f} (median), {sum(child) / sum(here):.2f} (total)")


if __name__ == "__main__":
    main()
