"""Batches of pairs: a pure function of the seed and the step, as those of patches."""

from collections.abc import Generator, Iterator, Sequence

import grain
import numpy as np

from lstsr_jax.config import GUIDES, Config
from lstsr_jax.data.augmentation import withhold
from lstsr_jax.errors import InputError
from lstsr_jax.ops.dihedral import draw, transform, transform_places
from lstsr_jax.training.pairs.examples import PairExample

_AHEAD = 4  # batches that are made before they are asked for: pairs are large


class AugmentPair(grain.transforms.RandomMap):  # type: ignore[misc]
    """Flips or rotations of what the network sees, where ASTER's pixels lie in it turned along; ASTER stays as it is.

    Besides guides that are withheld, and noise on the LST, where the configuration asks for them.
    """

    def __init__(self, config: Config) -> None:
        """As ``config.train`` says."""
        self._train = config.train

    def random_map(self, element: PairExample, rng: np.random.Generator) -> PairExample:
        """One pair, augmented."""
        train = self._train
        turn = draw(rng, train.augment)
        names = ("coarse", *(name for name in GUIDES if name in element))
        images = {name: np.ascontiguousarray(transform(element[name], turn)) for name in names}
        rows, columns = transform_places(element["rows"], element["columns"], element["ndvi"].shape[0], turn)
        element = {**element, **images, "rows": rows, "columns": columns}
        element = withhold(element, train.guide_dropout, rng)
        if train.pairs_noise_k:
            noise = rng.normal(0, rng.uniform(0, train.pairs_noise_k), element["coarse"].shape)
            element["coarse"] = element["coarse"] + noise.astype(np.float32)
        return element


class PairBatches:
    """The training batches of pairs; the counterpart of :class:`lstsr_jax.data.TrainingBatches`."""

    def __init__(
        self, pairs: Sequence[PairExample], config: Config, *, devices: int, process: int = 0, processes: int = 1
    ) -> None:
        """Shuffle anew every epoch, augment, and cut into full batches.

        Raises:
            InputError: if the batch does not divide over the devices and parts, or is larger than the set.
        """
        size, parts = config.train.pairs_batch_size, devices * processes * config.train.accumulate
        if size % parts:
            raise InputError(
                f"`train.pairs_batch_size` {size}: must be a multiple of {parts}, the devices times `train.accumulate`"
            )
        if len(pairs) < size:
            raise InputError(f"`train.pairs_batch_size` {size}: larger than the {len(pairs)} pairs to train on")
        self.steps_per_epoch = len(pairs) // size
        self._pairs, self._train, self._size = pairs, config.train, size
        fields = _fields(config)
        examples = self._shuffled(pairs).random_map(AugmentPair(config))
        examples = examples.map(lambda pair: {name: pair[name] for name in fields})
        examples = examples[: self.steps_per_epoch * size][process::processes]
        self._epoch = examples.batch(size // processes, drop_remainder=True)

    def _shuffled(self, pairs: Sequence[PairExample]) -> grain.MapDataset:
        return grain.MapDataset.source(pairs).seed(self._train.seed).shuffle()

    def steps(self, first: int, stop: int) -> Generator[dict[str, np.ndarray]]:
        """The batches of steps ``first`` (from 0) to ``stop - 1``."""
        options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=_AHEAD)
        yield from self._epoch.repeat()[first:stop].to_iter_dataset(options)

    def names(self, step: int) -> list[str]:
        """Of which pairs the batch of ``step`` (from 0) is made."""
        epoch, number = divmod(step, self.steps_per_epoch)
        first = epoch * len(self._pairs) + number * self._size
        order = self._shuffled(self._pairs)
        return [order[first + i]["name"] for i in range(self._size)]


def scoring_batches(
    pairs: Sequence[PairExample], config: Config, *, process: int = 0, processes: int = 1
) -> Iterator[dict[str, np.ndarray]]:
    """All pairs in order, in batches of one shape, the last filled up with pairs of which nothing is scored."""
    size, fields = config.train.pairs_batch_size, _fields(config)
    for start in range(0, len(pairs), size):
        taken = list(pairs[start : start + size])
        filler = {**pairs[0], "mask": np.zeros_like(pairs[0]["mask"])}
        taken = [*taken, *[filler] * (size - len(taken))][process::processes]
        yield {name: np.stack([pair[name] for pair in taken]) for name in fields}


def _fields(config: Config) -> tuple[str, ...]:
    """What the steps see of a pair."""
    return ("coarse", *config.model.guides, "aster", "mask", "rows", "columns")
