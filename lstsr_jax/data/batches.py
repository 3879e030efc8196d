"""Batches of high-resolution patches from a prepared TFDS directory, through grain.

Everything here is numpy; nothing imports TensorFlow. Patches are ``(S, S, 1)`` float32 K with NaN gaps.
"""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import grain
import numpy as np
import tensorflow_datasets as tfds

from lstsr_jax.config import GUIDES, Config
from lstsr_jax.data.augmentation import Augment
from lstsr_jax.data.described import check_checksums
from lstsr_jax.data.memory import images_by_number
from lstsr_jax.data.order import generators, shuffled
from lstsr_jax.errors import InputError, first_line

Example = dict[str, Any]
"""One patch with its provenance, as TFDS decodes it."""
Batch = dict[str, np.ndarray]
"""Images by name."""


SIMULATED = "simulated granules"
"""What a dataset names as its source if it was made of no granules of the user's."""


class PreparedDataset:
    """A prepared dataset directory: its splits and what its build recorded.

    Attributes:
        directory: the TFDS directory (``.../modis_lst/<config>/<version>``).
        metadata: what the builder recorded: source, split rule, counts, maximum per split.
    """

    def __init__(self, directory: str | Path) -> None:
        """Open ``directory``.

        Raises:
            InputError: if it holds no prepared dataset.
        """
        self.directory = Path(directory)
        if not self.directory.is_dir():
            raise InputError(f"{directory}: no prepared dataset; prepare one from granules")
        with _damage_is_bad_input(self.directory):
            check_checksums(self.directory)
            self._builder = tfds.builder_from_directory(self.directory)
            self.metadata: dict[str, Any] = dict(self._builder.info.metadata or {})
            counts = {name: split.num_examples for name, split in self._builder.info.splits.items()}
            if self.metadata["patches"] != counts or not {"source", "split_by", "max_k"} <= set(self.metadata):
                raise ValueError("metadata.json does not fit dataset_info.json")

    @property
    def splits(self) -> list[str]:
        """Names of the splits that hold patches."""
        return list(self._builder.info.splits)

    @property
    def granules(self) -> str | None:
        """The folder of granules it is made of; None: simulated ones."""
        source = self.metadata["source"]
        return None if source == SIMULATED else str(source)

    def source(self, split: str) -> Sequence[Example]:
        """Random access to the examples of ``split`` (``"all"``, ``"train+validation"``), decoded to numpy.

        Raises:
            InputError: if the split is empty or unknown.
        """
        if split != "all" and not set(split.split("+")) <= set(self.splits):
            raise InputError(
                f"split {split!r} of {self.metadata.get('source', self.directory)} is empty: "
                f"it holds {', '.join(self.splits)} (split by {self.metadata.get('split_by')}); "
                "add granules of more dates, take another rule, or evaluate them all (eval.py with `split` all)"
            )
        with _damage_is_bad_input(self.directory):
            return _Examples(self._builder.as_data_source(split), self.directory)


class _Examples(Sequence[Example]):
    """A data source of TFDS that says which dataset is damaged."""

    def __init__(self, source: Sequence[Example], directory: Path) -> None:
        """Read from ``source``, which lies in ``directory``."""
        self._source, self._directory = source, directory

    def __len__(self) -> int:
        """How many examples."""
        return len(self._source)

    def __getitem__(self, number: Any) -> Any:
        """One example, decoded."""
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        with _damage_is_bad_input(self._directory):
            return self._source[number]


@contextlib.contextmanager
def _damage_is_bad_input(directory: Path) -> Iterator[None]:
    """What TFDS, protobuf, array_record and Riegeli raise over a damaged dataset, as one line."""
    try:
        yield
    except (InputError, MemoryError, IndexError):
        raise
    except PermissionError as error:
        raise InputError(f"{error.filename or directory}: may not be read; check its permissions") from error
    except Exception as error:  # of many kinds, RuntimeError among them
        raise InputError(
            f"{directory}: the prepared dataset is damaged or incomplete ({first_line(error)}); remove it and run again"
        ) from error


_AHEAD = 16  # batches that are made before they are asked for
FIELDS = ("lst", *GUIDES)
"""Features of an example that are images; guides only in datasets built with them."""


def images(example: Example) -> Batch:
    """The image features of an example, by name."""
    return {name: example[name] for name in FIELDS if name in example}


class TrainingBatches:
    """The training batches of a run: a pure function of the seed and the step, so a run resumes from its step alone.

    With several processes each reads its own part of every batch; together they make the batch of a single process.
    """

    def __init__(
        self, source: Sequence[Example], config: Config, *, devices: int, process: int = 0, processes: int = 1
    ) -> None:
        """Shuffle anew every epoch, augment, and cut into full batches.

        Args:
            source: the training examples.
            config: batch size, seed and augmentation.
            devices: devices of this process, over which its part must divide; the others have as many.
            process: number of this process.
            processes: how many share the batch.

        Raises:
            InputError: if the batch does not divide over the devices, is larger than the split, or lacks a guide.
        """
        size, parts = config.train.batch_size, devices * processes * config.train.accumulate
        if size % (devices * processes):
            raise InputError(f"`train.batch_size` {size}: must be a multiple of the {devices * processes} devices")
        if size % parts:
            raise InputError(
                f"`train.accumulate` {config.train.accumulate}: `train.batch_size` {size} must be a multiple of "
                f"{parts}, this times the number of devices"
            )
        if len(source) < size:
            raise InputError(f"`train.batch_size` {size}: larger than the {len(source)} training patches")
        for guide, text in (("ndvi", "NDVI"), ("elevation", "elevation")):
            if guide in config.model.guides and guide not in source[0]:
                raise InputError(f"`model.guide` {guide}: the dataset holds no {text}; give `data.{guide}`")
        names = ("lst", *config.model.guides)
        self.steps_per_epoch = len(source) // size
        self._count, self._size, self._seed = len(source), size, config.train.seed
        self._examples = shuffled(self._seed, len(source))
        self._augment = Augment(config)
        self._images = images_by_number(source, names, config.data.in_memory)
        self._own = slice(process, size, processes)

    def steps(self, first: int, stop: int) -> Generator[Batch]:
        """The batches of steps ``first`` (from 0) to ``stop - 1``, as arrays ``(batch_size / processes, S, S, 1)``.

        Beside the images a batch holds what :class:`~lstsr_jax.data.augmentation.Augment` adds, such as ``turn``.
        """
        # One thread: more of them take the interpreter from one another.
        ahead = grain.ReadOptions(num_threads=1, prefetch_buffer_size=_AHEAD)
        yield from grain.MapDataset.range(first, stop).map(self._batch).to_iter_dataset(ahead)

    def examples(self, step: int) -> list[int]:
        """Which examples of the source the whole batch of ``step`` (from 0) is made of, those of all processes."""
        return [int(number) for number in self._examples(self._places(step))]

    def _places(self, step: int) -> np.ndarray:
        """Of the examples of a step in the stream of all epochs, those that an epoch leaves over included."""
        epoch, number = divmod(step, self.steps_per_epoch)
        first = epoch * self._count + number * self._size
        return np.arange(first, first + self._size)

    def _batch(self, step: int) -> Batch:
        places, random = self._places(step)[self._own], generators(self._seed)
        return self._augment(self._images(self._examples(places)), map(random, places.tolist()))


def evaluation_batches(
    source: Sequence[Example], batch_size: int, *, process: int = 0, processes: int = 1
) -> Iterator[tuple[Batch, list[Example]]]:
    """All patches in order, in batches of one shape; with several processes, this one's part of each batch.

    Yields:
        images ``(batch_size / processes, S, S, 1)`` by name, the last batch filled up with NaN; and the examples in it.
    """
    for start in range(0, len(source), batch_size):
        stop = min(start + batch_size, len(source))
        examples = [source[i] for i in range(start + process, stop, processes)]
        batch = {}
        for name, like in images(examples[0] if examples else source[0]).items():
            filler = np.full((batch_size // processes - len(examples), *like.shape), np.nan, like.dtype)
            batch[name] = np.stack([*(example[name] for example in examples), *filler])
        yield batch, examples
