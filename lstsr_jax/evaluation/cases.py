"""The images of a split, degraded: what every method is given, and what its answer is compared with.

The one place where a split is degraded for an evaluation: scores, the spread's reliability and figures read from here.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstsr_jax.config import GUIDES, SMALLEST_PATCH
from lstsr_jax.data import Example, PreparedDataset, evaluation_batches
from lstsr_jax.errors import InputError
from lstsr_jax.ops.degradation import coarsen, degrade

BATCH = 32
PROVENANCE = ("granule", "product", "date", "tile", "overpass", "row", "col")


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A batch of images, all of one shape; after the first ``len(provenance)`` it is filled up with NaN.

    Attributes:
        truth: ``(B, H, W, 1)`` K with NaN gaps.
        guides: ``(B, H, W, 1)`` with NaN gaps, by name: those that the dataset holds.
        coarse: ``(B, H/f, W/f, 1)`` K without gaps: the input.
        mask: ``(B, H, W, 1)``, True where pixels can be scored.
        provenance: granule, product, date, tile, overpass, row and col of each image.
    """

    truth: np.ndarray
    guides: dict[str, np.ndarray]
    coarse: jax.Array
    mask: jax.Array
    provenance: list[dict[str, Any]]


_degrade = jax.jit(degrade, static_argnames="factor")


def cases(
    dataset: PreparedDataset,
    split: str,
    *,
    factor: int,
    coarsen_by: int = 1,
    batch: int = BATCH,
    images: Sequence[int] | None = None,
) -> Iterator[Case]:
    """The images of a split in order, degraded.

    Args:
        dataset: prepared patches.
        split: ``train``, ``validation``, ``test`` or ``all``.
        factor: fine = coarse x factor.
        coarsen_by: pool the patches by this factor first: 2 gives 8 km to 2 km.
        batch: images per case.
        images: numbers of those of the split to take; None: all.

    Raises:
        InputError: if the split is empty or unknown, or its patches are too small for the factors.
    """
    source = dataset.source(split)
    side = source[0]["lst"].shape[0]
    if side % (coarsen_by * factor) or side // coarsen_by < SMALLEST_PATCH:
        raise InputError(
            f"`coarsen` {coarsen_by}: patches of {side} must divide by {coarsen_by * factor} and keep {SMALLEST_PATCH} "
            "pixels to be scored"
        )
    return _cases(source if images is None else [source[i] for i in images], factor, coarsen_by, batch)


def _cases(source: Sequence[Example], factor: int, coarsen_by: int, batch: int) -> Iterator[Case]:
    for images, examples in evaluation_batches(source, batch):
        # Not compiled as a whole, which would change the last bit of the truth.
        fine = jax.device_get(coarsen({name: jnp.asarray(image) for name, image in images.items()}, coarsen_by))
        coarse, mask = _degrade(fine["lst"], factor=factor)
        provenance = [{key: _plain(example[key]) for key in PROVENANCE} for example in examples]
        yield Case(fine["lst"], {name: fine[name] for name in GUIDES if name in fine}, coarse, mask, provenance)


def crop(x: Any, border: int) -> Any:
    """``(B, H, W, C)`` without ``border`` pixels on each side."""
    return x[:, border : x.shape[1] - border, border : x.shape[2] - border]


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else int(value)
