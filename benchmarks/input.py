"""Time the input pipeline alone, without a network: ``python -m benchmarks.input``.

Patches per second of the training batches of a prepared dataset: as grain's own pipeline makes them (decoding every
patch in every epoch, 16 threads), ours decoding in every epoch, and ours from memory. The three take turns, each over a
whole epoch; a first epoch is not counted. Patches are repeated up to ``--patches``: grain's shuffle, which gives the
order, costs the more per patch the fewer there are (5 us of 21,650, 240 us of 300).
"""

import argparse
import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import grain
import numpy as np

from data_builders import prepare
from lstsr_jax import config as configs
from lstsr_jax.config import Config
from lstsr_jax.data import TrainingBatches
from lstsr_jax.ops.dihedral import draw, transform


class Repeated(Sequence[Any]):
    """The examples of a source over and over, up to a number of them."""

    def __init__(self, source: Sequence[Any], count: int) -> None:
        """Of ``count`` examples."""
        self._source, self._count = source, count

    def __len__(self) -> int:
        """How many."""
        return self._count

    def __getitem__(self, number: Any) -> Any:
        """One of them, decoded."""
        return self._source[number % len(self._source)]


class Flip(grain.transforms.RandomMap):
    """What preset ``paper`` does to a patch, on the host."""

    def random_map(self, element: Any, rng: np.random.Generator) -> Any:
        """One example, mirrored or not."""
        return {"lst": transform(element["lst"], draw(rng, "flip"))}


def by_grain(source: Any, config: Config) -> Iterator[Iterable[Any]]:
    """Epoch after epoch as grain alone makes them: the same batches."""
    size = config.train.batch_size
    examples = grain.MapDataset.source(source).map(lambda example: {"lst": example["lst"]})
    examples = examples.seed(config.train.seed).shuffle().random_map(Flip())
    steps = len(source) // size
    epochs = examples[: steps * size].batch(size, drop_remainder=True).repeat()
    for epoch in range(1_000_000):
        yield epochs[epoch * steps : (epoch + 1) * steps].to_iter_dataset()


def ours(source: Any, config: Config) -> Iterator[Iterable[Any]]:
    """Epoch after epoch of the training batches."""
    batches = TrainingBatches(source, config, devices=1)
    for epoch in range(1_000_000):
        yield batches.steps(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)


def main() -> None:
    """Print patches per second and CPU time per patch of each, and the ratio to the first."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--granules", help="simulated granules if left out")
    parser.add_argument("--data-dir")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--patches", type=int, default=2240)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    config = configs.preset("paper")
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, granules=args.granules, data_dir=args.data_dir),
        train=dataclasses.replace(config.train, batch_size=args.batch),
    )
    source = Repeated(prepare(config.data).source("train"), args.patches)

    def keeping(in_memory: Any) -> Config:
        return dataclasses.replace(config, data=dataclasses.replace(config.data, in_memory=in_memory))

    ways = {
        "grain alone": by_grain(source, config),
        "decoded again": ours(source, keeping("no")),
        "in memory": ours(source, keeping("yes")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(args.rounds + 1):
        for name, epochs in ways.items():
            begin, used, patches = time.perf_counter(), time.process_time(), 0
            for batch in next(epochs):
                patches += len(batch["lst"])
            if turn:
                seconds[name].append((time.perf_counter() - begin) / patches)
                cpu[name].append((time.process_time() - used) / patches)
    print(f"{len(source)} patches, batch {args.batch}, numpy {np.__version__}, grain {grain.__version__}")
    print(f"{'':16}{'patches/s':>12}{'median':>10}{'CPU us/patch':>14}{'ratio':>8}")
    first = min(seconds["grain alone"])
    for name, times in seconds.items():
        best, median = min(times), float(np.median(times))
        print(f"{name:16}{1 / best:12.0f}{1 / median:10.0f}{1e6 * min(cpu[name]):14.1f}{first / best:8.1f}")


if __name__ == "__main__":
    main()
