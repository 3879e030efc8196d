"""Batches of high-resolution patches from a prepared TFDS directory, through grain.

Everything here is numpy; nothing imports TensorFlow. Patches are ``(S, S, 1)`` float32 K with NaN gaps.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grain
import numpy as np
import tensorflow_datasets as tfds

from lstsr_jax.errors import InputError

Batch = dict[str, Any]


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
        try:
            self._builder = tfds.builder_from_directory(self.directory)
        except (FileNotFoundError, ValueError) as error:
            raise InputError(f"{directory}: no prepared dataset; run train.py --granules DIR") from error
        self.metadata: dict[str, Any] = dict(self._builder.info.metadata or {})

    @property
    def splits(self) -> list[str]:
        """Names of the splits that hold patches."""
        return list(self._builder.info.splits)

    def source(self, split: str) -> Sequence[Batch]:
        """Random access to the examples of ``split`` (or ``"all"``), decoded to numpy.

        Raises:
            InputError: if the split is empty or unknown.
        """
        if split != "all" and split not in self.splits:
            raise InputError(
                f"split {split!r} of {self.metadata.get('source', self.directory)} is empty: "
                f"it holds {', '.join(self.splits)} (split by {self.metadata.get('split_by')}); "
                "use --split all, another --data.split-by, or more granules"
            )
        return self._builder.as_data_source(split)


class _Augment(grain.transforms.RandomMap):
    """Random flips, or the eight flips and rotations, of a square patch."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def random_map(self, element: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        code = int(rng.integers(8)) if self.kind == "dihedral" else int(rng.integers(2))
        if code & 1:
            element = element[:, ::-1]
        return np.ascontiguousarray(np.rot90(element, code >> 1))


def _lst(example: Batch) -> np.ndarray:
    return example["lst"]


class TrainingBatches:
    """The training batches of a run: a pure function of the seed and the step, so a run resumes from its step alone."""

    def __init__(self, source: Sequence[Batch], *, batch_size: int, devices: int, augment: str, seed: int) -> None:
        """Shuffle anew every epoch, augment, and cut into full batches.

        Raises:
            InputError: if the batch does not divide over the devices or is larger than the split.
        """
        if batch_size % devices:
            raise InputError(f"--train.batch-size {batch_size}: must be a multiple of the {devices} devices")
        if len(source) < batch_size:
            raise InputError(f"--train.batch-size {batch_size}: larger than the {len(source)} training patches")
        dataset = grain.MapDataset.source(source).map(_lst).seed(seed).shuffle()
        if augment != "none":
            dataset = dataset.random_map(_Augment(augment))
        self._epoch = dataset.batch(batch_size, drop_remainder=True)
        self.steps_per_epoch = len(self._epoch)
        self._devices = devices

    def epoch(self, number: int, start: int = 0) -> Iterator[np.ndarray]:
        """Batches ``(devices, b, S, S, 1)`` of epoch ``number`` (from 0), from batch ``start`` of it on."""
        first = number * self.steps_per_epoch
        dataset = self._epoch.repeat()[first + start : first + self.steps_per_epoch]
        for batch in dataset.to_iter_dataset():
            yield batch.reshape(self._devices, -1, *batch.shape[1:])


def evaluation_batches(source: Sequence[Batch], batch_size: int) -> Iterator[tuple[np.ndarray, list[Batch]]]:
    """All patches in order, in batches of one shape.

    Yields:
        lst ``(batch_size, S, S, 1)`` K, the last batch filled up with NaN images; and the examples in it.
    """
    for start in range(0, len(source), batch_size):
        examples = [source[i] for i in range(start, min(start + batch_size, len(source)))]
        lst = np.stack([example["lst"] for example in examples])
        missing = batch_size - len(examples)
        if missing:
            lst = np.concatenate([lst, np.full((missing, *lst.shape[1:]), np.nan, lst.dtype)])
        yield lst, examples
