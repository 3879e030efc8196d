"""Hold an epoch of a run against the sum of its steps: ``python -m benchmarks.epoch``.

The steps alone: the same training and validation steps on batches that are in memory already. The epoch: data pipeline,
steps, validation, log and checkpoint, as ``train.py`` does them. The two take turns.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from data_builders import prepare
from lstsr_jax import config as configs
from lstsr_jax.data import evaluation_batches, share_out
from lstsr_jax.training.logs import EpochLog
from lstsr_jax.training.placement import Placement
from lstsr_jax.training.run import Run


def main() -> None:
    """Print seconds of both, their ratio, and where the difference goes."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--stride", type=int, default=64)
    parser.add_argument("--granules", help="simulated granules if left out")
    parser.add_argument("--data-dir")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    config = configs.preset("quickstart")
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, granules=args.granules, stride=args.stride, data_dir=args.data_dir),
        model=dataclasses.replace(config.model, width=args.width),
        train=dataclasses.replace(
            config.train, batch_size=args.batch, epochs=2 * args.rounds + 2, checkpoint_minutes=0
        ),
    )
    dataset = prepare(config.data)
    with tempfile.TemporaryDirectory(prefix="epoch-") as folder:
        workdir, placement = Path(folder), Placement.of()
        run = Run(config, dataset, workdir, placement)
        devices = len(placement.local)
        begin = time.perf_counter()
        training = list(run.batches.epoch(0))
        read = time.perf_counter() - begin
        validation = [share_out(b, devices) for b, _ in evaluation_batches(dataset.source("validation"), args.batch)]
        with run, EpochLog(workdir, 0) as log:
            result = run.epoch(0, 0, [])  # compiles
            log.write(0, result.row)
            run.finish_epoch(0, result)
            steps, epochs, parts, cpu = [], [], [], []
            for turn in range(args.rounds):
                run.store.latest()  # no checkpoint in the background
                begin, used = time.perf_counter(), time.process_time()
                for batch in training:
                    run.state, metrics = run._train_step(run.state, batch)
                jax.block_until_ready(metrics)
                trained = time.perf_counter()
                jax.block_until_ready([run._eval_step(run.state.variables, batch) for batch in validation])
                steps.append(time.perf_counter() - begin)
                used_by_steps = time.process_time() - used
                number = 2 * turn + 2
                begin_epoch = time.perf_counter()
                result = run.epoch(number, 0, [])
                logged = time.perf_counter()
                log.write(number, result.row)
                run.finish_epoch(number, result)
                ended = time.perf_counter()
                epochs.append(ended - begin_epoch)
                cpu.append((time.process_time() - used - used_by_steps) / used_by_steps)
                in_steps = len(training) * args.batch / result.row["patches_per_second"]
                parts.append((in_steps - (trained - begin), logged - begin_epoch - in_steps, ended - logged))
    patches = len(training) * args.batch
    print(f"width {args.width}, batch {args.batch}: {patches} patches, {len(training)} + {len(validation)} steps")
    print(f"steps alone {min(steps):.2f} s, epoch {min(epochs):.2f} s: {min(epochs) / min(steps):.3f}", end=" ")
    print(f"(median {np.median(epochs) / np.median(steps):.3f}; CPU time {min(cpu):.3f})")
    fed, validated, saved = np.median(parts, axis=0)
    print(f"reading all batches alone {read:.2f} s; fed by the pipeline the steps take {fed:+.2f} s more")
    print(f"validation {validated:.2f} s, log and start of a checkpoint {saved:.2f} s")


if __name__ == "__main__":
    main()
