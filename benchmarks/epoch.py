"""Hold an epoch of a run against the sum of its steps: ``python -m benchmarks.epoch``.

The steps alone: the same training and validation steps on batches that are in memory already. The epoch: a run of one
epoch as ``train.py`` does it: restored, fed by the data pipeline, validated, logged, saved. The two take turns.
"""

import argparse
import dataclasses
import tempfile
import time

import jax
import numpy as np

from data_builders import prepare
from lstsr_jax import config as configs
from lstsr_jax.data import TrainingBatches, evaluation_batches
from lstsr_jax.predictor import normalization_for
from lstsr_jax.training import build_program, train
from lstsr_jax.training.placement import share_out


def main() -> None:
    """Print seconds of both and their ratio."""
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
        train=dataclasses.replace(config.train, batch_size=args.batch, schedule="step", checkpoint_minutes=0),
    )
    dataset = prepare(config.data)
    source = dataset.source("train")
    devices = jax.local_device_count()
    batches = TrainingBatches(source, config, devices=devices)
    normalization = normalization_for(config.model, dataset.metadata["max_k"]["train"])
    program = build_program(config, normalization, batches.steps_per_epoch)
    begin = time.perf_counter()
    training = [share_out(batch, devices) for batch in batches.steps(0, batches.steps_per_epoch)]
    read = time.perf_counter() - begin
    validation = [share_out(b, devices) for b, _ in evaluation_batches(dataset.source("validation"), args.batch)]

    def run(epochs: int) -> None:
        longer = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=epochs))
        train(longer, dataset, folder, program=program, resume="auto")

    with tempfile.TemporaryDirectory(prefix="epoch-") as folder:
        run(1)  # compiles
        state = program.initial_state(config)
        steps, epochs, cpu = [], [], []
        for turn in range(args.rounds):
            begin, used = time.perf_counter(), time.process_time()
            for batch in training:
                state, metrics = program.train_step(state, batch)
            jax.block_until_ready([metrics, *(program.eval_step(state.variables, batch) for batch in validation)])
            steps.append(time.perf_counter() - begin)
            used_by_steps = time.process_time() - used
            begin, used = time.perf_counter(), time.process_time()
            run(turn + 2)
            epochs.append(time.perf_counter() - begin)
            cpu.append((time.process_time() - used) / used_by_steps)
    patches = len(training) * args.batch
    print(f"width {args.width}, batch {args.batch}: {patches} patches, {len(training)} + {len(validation)} steps")
    print(f"steps alone {min(steps):.2f} s, epoch {min(epochs):.2f} s: {min(epochs) / min(steps):.3f}", end=" ")
    print(f"(median {np.median(epochs) / np.median(steps):.3f}; CPU time {min(cpu):.3f})")
    print(f"reading all batches alone {read:.2f} s")


if __name__ == "__main__":
    main()
