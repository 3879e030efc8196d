"""The batches of a run: of patches, of pairs with ASTER, or one of each in every step."""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from lstsr_jax.config import Config
from lstsr_jax.data import Example, TrainingBatches
from lstsr_jax.errors import InputError
from lstsr_jax.training.pairs.batches import PairBatches
from lstsr_jax.training.pairs.examples import PairExample


class Origin(NamedTuple):
    """Where an example comes from: a granule and a place in it, or a pair."""

    granule: str
    row: int | str = ""
    col: int | str = ""


class Stream:
    """What the steps are fed with: a pure function of the seed and the step.

    Attributes:
        steps_per_epoch: steps of a pass over the pairs if there are any, else over the patches.
        unit: what is counted, ``"pairs"`` or ``"patches"``.
        batch_size: of these per step.
    """

    def __init__(
        self,
        config: Config,
        patches: Sequence[Example] | None,
        pairs: Sequence[PairExample],
        *,
        devices: int,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        """Of training patches, of pairs, or of both.

        Raises:
            InputError: if there is neither, or a batch does not divide or is larger than its set.
        """
        if patches is None and not pairs:
            raise InputError("nothing to train on; give `data.granules` or `data.pairs`")
        where = {"devices": devices, "process": process, "processes": processes}
        self._source = patches
        self._patches = None if patches is None else TrainingBatches(patches, config, **where)
        self._pairs = PairBatches(pairs, config, **where) if pairs else None
        counted = self._pairs or self._patches
        assert counted is not None
        self.steps_per_epoch = counted.steps_per_epoch
        self.unit = "pairs" if self._pairs else "patches"
        self.batch_size = config.train.pairs_batch_size if self._pairs else config.train.batch_size

    def steps(self, first: int, stop: int) -> Generator[dict[str, Any]]:
        """The batches of steps ``first`` (from 0) to ``stop - 1``, of this process; see the module :mod:`.step`."""
        if self._pairs is None and self._patches is not None:
            yield from self._patches.steps(first, stop)
        elif self._pairs is not None:
            patches = self._patches.steps(first, stop) if self._patches else ({} for _ in range(first, stop))
            for images, pairs in zip(patches, self._pairs.steps(first, stop), strict=True):
                yield {**images, "pairs": pairs}

    def origins(self, step: int) -> list[Origin]:
        """Where the whole batch of ``step`` (from 0) comes from, that of all processes."""
        origins = [Origin(name) for name in (self._pairs.names(step) if self._pairs else [])]
        if self._patches is not None and self._source is not None:
            origins += [_origin(self._source[i]) for i in self._patches.examples(step)]
        return origins


def _origin(example: Example) -> Origin:
    granule = example["granule"]
    name = granule.decode() if isinstance(granule, bytes) else str(granule)
    return Origin(name, int(example["row"]), int(example["col"]))
