"""How fast the download is beside ``curl --parallel``, on the same files from a stand-in archive on this machine.

``python -m benchmarks.download [--files 200] [--bytes 3000000] [--jobs 4] [--repeats 5]``. curl only copies; the
download also searches, checks SHA-256 and records every file. Neither waits for the disk. Both run in turns; medians
count. The modules are compiled beforehand, as an installation does.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def timed(command: list[str], directory: Path) -> float:
    """Seconds of a command that fills an empty directory."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = f"{directory.parent}/bytecode"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    os.sync()
    start = time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} ... failed: {done.stderr}")
    return seconds


def curl(base: str, names: list[str], jobs: int) -> list[str]:
    """The same files by curl."""
    urls = [part for name in names for part in ("-O", f"{base}/data/{name}")]
    return ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", str(jobs), *urls]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for flag, default in (("--files", 200), ("--bytes", 3_000_000), ("--jobs", 4), ("--repeats", 5)):
        parser.add_argument(flag, type=int, default=default)
    parser.add_argument("--bytes-per-second", type=float, default=0.0, help="of each connection; 0: no limit")
    arguments = parser.parse_args()
    serve = [sys.executable, "-m", "benchmarks.archive", "--files", str(arguments.files)]
    serve += ["--bytes", str(arguments.bytes), "--bytes-per-second", str(arguments.bytes_per_second)]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        flags = server.stdout.readline().split()[1:-1]
        found = re.search(r"http://[\d.:]+", " ".join(flags))
        assert found is not None
        with tempfile.TemporaryDirectory() as root:
            directory = Path(root) / "d"
            ours = [sys.executable, "-m", "data_builders.download", *flags, ".", "--jobs", str(arguments.jobs)]
            timed(ours, directory)
            names = sorted(path.name for path in directory.glob("*.hdf"))
            theirs = curl(found[0], names, arguments.jobs)
            pairs = [(timed(ours, directory), timed(theirs, directory)) for _ in range(arguments.repeats)]
    finally:
        server.terminate()
    megabytes = arguments.files * arguments.bytes / 1e6
    for name, seconds in zip(("download", "curl"), zip(*pairs, strict=True), strict=True):
        median = statistics.median(seconds)
        span = f"({min(seconds):.2f} to {max(seconds):.2f} s)"
        print(f"{name:<9} {median:6.2f} s  {megabytes / median:7.1f} MB/s  {span}")
    ratio = statistics.median(curl_s / ours_s for ours_s, curl_s in pairs)
    what = f"{len(names)} files of {arguments.bytes} bytes, {arguments.jobs} at a time"
    print(f"{what}: {ratio:.2f} of curl's throughput")


if __name__ == "__main__":
    main()
