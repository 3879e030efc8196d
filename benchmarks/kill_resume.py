"""Kill a small run with SIGKILL at random moments, resume it, and compare its end with that of a run left alone.

``python -m benchmarks.kill_resume --kills 50``. Each run is killed several times, checkpoints nearly all the time, and
after every kill its workdir must be readable. Ends with exit status 1 if any run ends in other parameters or losses.
``--what download`` kills a download instead (benchmarks.kill_download), ``--what predict`` shards of predict.py
(benchmarks.kill_predict).
"""

import argparse
import csv
import datetime
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import kill_download, kill_predict
from data_builders import prepare
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.predictor import load_predictor
from lstsr_jax.predictor.checkpoint import CHECKPOINTS, fingerprint, read_metadata, step_directories
from lstsr_jax.training import train

Outcome = tuple[str, list[tuple[str, ...]]]


def config_of(root: Path, epochs: int) -> Config:
    """A run of some dozen steps an epoch that saves every third of a second."""
    return Config(
        "quickstart",
        DataConfig(granules=str(root / "granules"), patch_size=32, stride=16, data_dir=str(root / "tfds")),
        ModelConfig(width=4),
        TrainConfig(epochs=epochs, batch_size=8, learning_rate=1e-3, augment="dihedral", checkpoint_minutes=0.005),
    )


def outcome(workdir: Path) -> Outcome:
    """Fingerprint of the last weights, and the log without its timings."""
    last = step_directories(workdir)[-1]
    with (workdir / "log.csv").open(newline="") as file:
        rows = [tuple(v for name, v in row.items() if name != "patches_per_second") for row in csv.DictReader(file)]
    return fingerprint(load_predictor(last).variables), rows


def start(root: Path, workdir: Path, epochs: int) -> subprocess.Popen[str]:
    """The run in a process of its own, resumed if it had begun."""
    command = [sys.executable, "-m", "benchmarks.kill_resume", "--worker", str(root), str(workdir), str(epochs)]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(root / "xla")}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def work(root: Path, workdir: Path, epochs: int) -> None:
    """What the process does."""
    config = config_of(root, epochs)
    dataset = prepare(config.data)
    print("ready", file=sys.stderr, flush=True)
    train(config, dataset, workdir, resume=(workdir / "config.json").is_file())


def kill_once(root: Path, workdir: Path, epochs: int, longest: float, chance: random.Random) -> str:
    """Start, kill after up to ``longest`` seconds, and say what was hit: "", or "checkpoint", or "end" if too late."""
    process = start(root, workdir, epochs)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("ready"):
            break
    time.sleep(chance.uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode == 0:
        return "end"
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"a resumed run failed with exit status {process.returncode} in {workdir}")
    for directory in step_directories(workdir):
        read_metadata(directory)
        load_predictor(directory)
    folder = workdir / CHECKPOINTS
    unfinished = folder.is_dir() and any("tmp" in path.name for path in folder.iterdir())
    return "checkpoint" if unfinished else ""


def main() -> None:
    """Print a line per run and the count at the end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--what", choices=["train", "download", "predict"], default="train")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--per-run", type=int, default=5, help="kills of each run")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=12.0, help="a kill comes this long after the start at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.what == "download":
        sys.exit(not kill_download.survives(args.kills, seed=args.seed))
    if args.what == "predict":
        sys.exit(not kill_predict.survives(args.kills, seed=args.seed))
    if args.worker:
        root, workdir, epochs = args.worker
        work(Path(root), Path(workdir), int(epochs))
        return
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="kill-resume-") as folder:
        root = Path(folder)
        for period in range(6):
            date = datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * period)
            granule = simulate_granule(period, date=date, size=128, cloud_fraction=0.1)
            write_granule(granule, root / "granules", format="hdf4")
        begin = time.perf_counter()
        if start(root, root / "alone", args.epochs).wait():
            raise SystemExit("the run left alone failed")
        expected = outcome(root / "alone")
        print(f"left alone: {expected[0]}, {time.perf_counter() - begin:.0f} s", flush=True)
        kills = in_checkpoint = runs = wrong = 0
        while kills < args.kills:
            workdir, hits = root / f"run{runs}", []
            while len(hits) < args.per_run and (not hits or hits[-1] != "end"):
                hits.append(kill_once(root, workdir, args.epochs, args.seconds, chance))
            status = start(root, workdir, args.epochs).wait()
            same = status == 0 and outcome(workdir) == expected
            hits = [hit for hit in hits if hit != "end"]
            kills, in_checkpoint = kills + len(hits), in_checkpoint + hits.count("checkpoint")
            runs, wrong = runs + 1, wrong + (not same)
            print(f"run {runs}: {len(hits)} kills, {'the same' if same else 'ANOTHER END'}; {kills} so far", flush=True)
    print(f"{kills} kills of {runs} runs, {in_checkpoint} during a checkpoint: {wrong} runs ended differently")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
