"""Shards: fixed groups of layers, each cut by one worker into a file per split, and put in order by the one who asked.

What a shard holds depends on its layers alone: whoever cuts it, and in whatever order, the dataset is the same.
"""

import contextlib
import dataclasses
import functools
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter

from lstsr_jax.data.cutting import cut
from lstsr_jax.data.index import CutRule
from lstsr_jax.data.patches import SPLITS
from lstsr_jax.data.summary import Summary
from lstsr_jax.errors import InputError
from lstsr_jax.files import replacing
from lstsr_jax.geo import LstLayer, NdviLibrary

LAYERS = 32
"""Layers in a shard: at 64 x 64 pixels at most 0.2 GB of patches."""
MOST = 1024
"""Shards of a dataset: more layers make larger shards, as readers open every file."""


class Shard(NamedTuple):
    """A group of layers that one worker cuts; it may be pickled."""

    number: int
    layers: Sequence[LstLayer]


class Cut(NamedTuple):
    """What became of a shard; it may be pickled.

    Attributes:
        summary: what was found in its layers.
        patches: their number by split, each split with patches in a file of its own.
        sizes: of the patches by split, in bytes.
        error: what makes no dataset.
    """

    summary: Summary
    patches: Mapping[str, int]
    sizes: Mapping[str, int]
    error: InputError | None = None


def shards_of(layers: Sequence[LstLayer]) -> list[Shard]:
    """Deal layers into shards, in their order; a function of the layers alone."""
    size = max(LAYERS, math.ceil(len(layers) / MOST))
    return [Shard(number, layers[first : first + size]) for number, first in enumerate(range(0, len(layers), size))]


@functools.cache
def features_of(side: int, guides: tuple[str, ...]) -> tfds.features.FeaturesDict:
    """The features of a patch with its guides, such as ``ndvi``."""
    image = tfds.features.Tensor(shape=(side, side, 1), dtype=np.float32)
    return tfds.features.FeaturesDict(
        {
            "lst": image,
            **dict.fromkeys(guides, image),
            "granule": tfds.features.Text(doc="granule id"),
            "product": tfds.features.Text(doc="short name, such as MOD11A1 or VNP21A1D"),
            "date": tfds.features.Text(doc="acquisition date, YYYY-MM-DD; of a mean of eight days the first"),
            "tile": tfds.features.Text(doc="tile of the MODIS sinusoidal grid, hHHvVV"),
            "overpass": tfds.features.Text(doc="day or night"),
            "row": tfds.features.Scalar(np.int32, doc="first row of the patch in the tile"),
            "col": tfds.features.Scalar(np.int32, doc="first column of the patch in the tile"),
            "view_time": tfds.features.Scalar(np.float32, doc="mean local solar hour; NaN if not known"),
            "view_angle": tfds.features.Scalar(np.float32, doc="mean view zenith angle, degrees; NaN likewise"),
        }
    )


@dataclasses.dataclass(frozen=True)
class Cutter:
    """Cuts shards, each layer read once, a patch in memory no longer than its layer. It may be pickled.

    Attributes:
        rule: how scenes are cut and split.
        library: NDVI to go with the LST.
        elevation: the DEM to go with it.
        directory: receives the files; the same folder for all workers.
    """

    rule: CutRule
    library: NdviLibrary | None
    elevation: Path | None
    directory: Path

    def __call__(self, shard: Shard) -> Cut:
        """Cut a shard. A second worker that is given the same shard writes the same files anew."""
        given = {"ndvi": self.library, "elevation": self.elevation}
        guides = tuple(name for name, source in given.items() if source is not None)
        features, summary, sizes = features_of(self.rule.patch_size, guides), Summary(), Counter[str]()
        with contextlib.ExitStack() as files:
            writers: dict[str, ArrayRecordWriter] = {}
            try:
                for layer in shard.layers:
                    for split, patch in cut(layer, self.rule, self.library, self.elevation, summary):
                        if split not in writers:
                            path = files.enter_context(replacing(self.path(shard.number, split)))
                            writers[split] = ArrayRecordWriter(os.fspath(path), "group_size:1")  # as TFDS has it
                            files.callback(writers[split].close)
                        record = features.serialize_example(patch)
                        writers[split].write(record)
                        sizes[split] += len(record)
            except InputError as error:
                return Cut(summary, {}, {}, error)
        return Cut(summary, dict(summary.patches), dict(sizes))

    def path(self, number: int, split: str) -> Path:
        """The file of one split of a shard."""
        return self.directory / f"{number:05d}.{split}.array_record"


def put_in_order(cuts: Sequence[Cut], cutter: Cutter, template_of: Callable[[str], Any]) -> list[tfds.core.SplitInfo]:
    """Give the files of all shards their names in the dataset, and remove the folder they were in.

    Args:
        cuts: of all shards, in order.
        cutter: that made them.
        template_of: TFDS's file names of a split.

    Returns:
        The splits that hold patches.
    """
    splits = []
    for split in SPLITS:
        kept = [number for number, made in enumerate(cuts) if made.patches.get(split)]
        template = template_of(split)
        for index, number in enumerate(kept):
            path = template.sharded_filepath(shard_index=index, num_shards=len(kept))
            os.replace(cutter.path(number, split), path)
        if kept:
            lengths, size = [cuts[n].patches[split] for n in kept], sum(cuts[n].sizes[split] for n in kept)
            splits.append(tfds.core.SplitInfo(split, lengths, size, template))
    shutil.rmtree(cutter.directory)
    return splits
