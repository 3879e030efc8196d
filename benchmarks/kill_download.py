"""Kill a download with SIGKILL at random moments, run it again, and see that nothing verified is lost or fetched twice.

``python -m benchmarks.kill_download --kills 100``. Rounds of a transfer of 200 files from a stand-in archive on this
machine, each killed several times; after the last kill of a round the command runs to its end. Ends with exit status 1
if a file is wrong, was asked for again although it was there, or is not in the manifest.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.archive import Archive
from lstsr_jax.geo.manifest import check_with_manifest, read_manifest


def start(archive: Archive, directory: Path) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "data_builders.download", *archive.flags, "--output-dir", str(directory)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_once(archive: Archive, directory: Path, longest: float, chance: random.Random) -> str:
    """Start, kill some time after the first request of this process, and say what was hit."""
    asked, process = len(archive.asked), start(archive, directory)
    while process.poll() is None and len(archive.asked) == asked:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    if process.returncode == 0:
        return "end"
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"the command failed with exit status {process.returncode}: {err}")
    return "part" if list(directory.glob("*.part")) else "between"


def survives(kills_wanted: int, *, files: int = 200, size: int = 100_000, longest: float = 0.6, seed: int = 0) -> bool:
    """Kill, print what was hit and found, and say whether nothing was lost or fetched twice.

    Args:
        kills_wanted: how many.
        files: of each round.
        size: bytes of a file.
        longest: seconds from the first request to a kill.
        seed: of the moments.
    """
    chance = random.Random(seed)
    archive = Archive(files, size, bytes_per_second=1e6)
    hits: dict[str, int] = {}
    kills = rounds = again = wrong = resumed = 0
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root) / "granules"
        while kills < kills_wanted:
            rounds += 1
            shutil.rmtree(directory, ignore_errors=True)
            verified: set[str] = set()
            while kills < kills_wanted:
                asked = len(archive.asked)
                hit = kill_once(archive, directory, longest, chance)
                again += sum(name in verified for name, _ in archive.asked[asked:])
                resumed += sum(first > 0 for _, first in archive.asked[asked:])
                here = set() if not directory.is_dir() else {path.name for path in directory.glob("*.hdf")}
                wrong += sum(not archive.is_right(directory / name) for name in here) + len(verified - here)
                verified = here
                hits[hit] = hits.get(hit, 0) + 1
                if hit == "end":
                    break
                kills += 1
            asked = len(archive.asked)
            process = start(archive, directory)
            _, err = process.communicate()
            again += sum(name in verified for name, _ in archive.asked[asked:])
            if process.returncode != 0:
                raise SystemExit(f"the command failed with exit status {process.returncode}: {err}")
            manifest = read_manifest(directory)
            for name in archive.files:
                wrong += not archive.is_right(directory / name) or name.removesuffix(".hdf") not in manifest
                check_with_manifest(directory / name, verify=True)
            left = sorted(os.listdir(directory))
            wrong += len(left) - len(archive.files) - 2  # beside the granules: manifest.csv and the lock
            print(f"{kills} kills in {rounds} rounds: {hits}, {wrong} wrong, {again} fetched twice, {resumed} resumed")
    return not wrong and not again


def main() -> None:
    """Take the flags."""
    parser = argparse.ArgumentParser(description=__doc__)
    for flag, default in (("--kills", 100), ("--files", 200), ("--bytes", 100_000), ("--seed", 0)):
        parser.add_argument(flag, type=int, default=default)
    arguments = parser.parse_args()
    sys.exit(not survives(arguments.kills, files=arguments.files, size=arguments.bytes, seed=arguments.seed))


if __name__ == "__main__":
    main()
