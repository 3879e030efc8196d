"""Kill shards of ``predict.py`` with SIGKILL at random moments, run them again, and compare with one run left alone.

``python -m benchmarks.kill_predict --kills 30``. Rounds of two shards that share an output folder, each killed several
times; after every kill each map that has its name must be whole. Ends with exit status 1 if a round's files or its
merged report differ from those of the run left alone, or if a map that was finished was made again.
"""

import argparse
import datetime
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.product import merge_reports
from lstsr_jax.product.files import read_tags

GRANULES, SHARDS = 8, 2


def start(root: Path, output: Path, shard: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    code = "import sys; from lstsr_jax.cli import door; print('ready', flush=True); door('lstsr_jax.cli.predict')"
    flags = [str(root / "granules"), "--method", "bicubic", "--output-dir", str(output), "--shard", shard]
    return subprocess.Popen(
        [sys.executable, "-c", code, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def maps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file that has its name, but the reports."""
    named = (path for path in folder.iterdir() if not path.name.startswith((".", "report.")))
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in named}


def kill_once(root: Path, output: Path, shard: str, longest: float, chance: random.Random) -> bool:
    """Start, kill after the first new file and up to ``longest`` seconds; whether it was in time."""
    before, process = set(os.listdir(output)), start(root, output, shard)
    while process.poll() is None and set(os.listdir(output)) <= before:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"shard {shard} failed with exit status {process.returncode}: {err}")
    for path in output.glob("[!.]*.tif"):
        read_tags(path)
    return process.returncode != 0


def survives(kills_wanted: int, *, size: int = 160, per_round: int = 4, longest: float = 1.5, seed: int = 0) -> bool:
    """Kill, print what was found, and say whether every round ended as the run left alone.

    Args:
        kills_wanted: how many.
        size: 1 km pixels along a side of the simulated granules.
        per_round: kills of each round.
        longest: seconds from the first file of a process to its kill.
        seed: of the moments.
    """
    chance = random.Random(seed)
    kills = rounds = wrong = again = left = 0
    with tempfile.TemporaryDirectory(prefix="kill-predict-") as name:
        root = Path(name)
        for day in range(GRANULES):
            granule = simulate_granule(day, date=datetime.date(2020, 7, 1 + day), size=size, cloud_fraction=0.2)
            write_granule(granule, root / "granules", format="hdf4")
        alone = root / "alone"
        alone.mkdir()
        if start(root, alone, "0/1").wait():
            raise SystemExit("the run left alone failed")
        expected = {name: content for name, (_, content) in maps(alone).items()}
        while kills < kills_wanted:
            output = root / "maps"
            output.mkdir()
            for number in range(per_round):
                finished = {
                    name: made for name, made in maps(output).items() if "_LST_" in name and name.endswith(".tif")
                }
                kills += kill_once(root, output, f"{number % SHARDS}/{SHARDS}", longest, chance)
                here = maps(output)
                again += sum(here.get(name) != made for name, made in finished.items())
            left += len(list(output.glob(".*.partial*")))
            if any([process.wait() for process in [start(root, output, f"{i}/{SHARDS}") for i in range(SHARDS)]]):
                raise SystemExit("a shard that was run again failed")
            same = {name: content for name, (_, content) in maps(output).items()} == expected
            whole = len(merge_reports(output).outcomes) == 2 * GRANULES
            rounds, wrong = rounds + 1, wrong + (not same or not whole)
            print(f"{kills} kills in {rounds} rounds: {wrong} ended otherwise, {again} maps made again", flush=True)
            shutil.rmtree(output)
    print(f"{left} files under temporary names were left by the kills")
    return not wrong and not again


def main() -> None:
    """Take the flags."""
    parser = argparse.ArgumentParser(description=__doc__)
    for flag, default in (("--kills", 30), ("--size", 160), ("--seed", 0)):
        parser.add_argument(flag, type=int, default=default)
    arguments = parser.parse_args()
    sys.exit(not survives(arguments.kills, size=arguments.size, seed=arguments.seed))


if __name__ == "__main__":
    main()
