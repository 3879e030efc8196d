"""Table I: fine LST is degraded, super-resolved again by every method, and compared with itself (paper, section IV)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lstsr_jax.data import evaluation_batches
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.methods import Method
from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.ops import metrics
from lstsr_jax.ops.degradation import coarsen, degrade

METRICS = ("psnr", "ssim", "rmse")
BATCH = 32
SMALLEST_NDVI_SHARE = 0.5
"""An image with less of its NDVI known is left out by the methods that need it."""
PROVENANCE = ("granule", "product", "date", "tile", "overpass", "row", "col")


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of every method on every image.

    Attributes:
        provenance: where each image comes from.
        range_k: dynamic range of each truth image, K.
        values: per method and metric one value per image; dB, 1 and K.
        counted: per method, whether it was scored on each image: methods that need NDVI leave images without out.
    """

    provenance: list[dict[str, Any]]
    range_k: np.ndarray
    values: dict[str, dict[str, np.ndarray]]
    counted: dict[str, np.ndarray]

    @property
    def common(self) -> np.ndarray:
        """Images that every method was scored on."""
        return np.logical_and.reduce(list(self.counted.values()))

    def means(self, images: np.ndarray | None = None) -> dict[str, dict[str, Any]]:
        """Unweighted means over the images each method was scored on, or over ``images`` of them; and how many."""
        rows = {}
        for method, values in self.values.items():
            chosen = self.counted[method] if images is None else self.counted[method] & images
            row = {metric: float(np.mean(values[metric][chosen])) if chosen.any() else None for metric in METRICS}
            rows[method] = {**row, "n_images": int(chosen.sum())}
        return rows


def crop(x: Any, border: int) -> Any:
    """``(B, H, W, C)`` without ``border`` pixels on each side."""
    return x[:, border : x.shape[1] - border, border : x.shape[2] - border]


@jax.jit
def scorable_images(mask: jax.Array) -> jax.Array:
    """Images ``(B,)`` of whose mask ``(B, H, W, 1)`` at least one whole SSIM window can be scored."""
    return jnp.isfinite(metrics.ssim(jnp.where(mask, 1.0, jnp.nan), jnp.where(mask, 1.0, 0.0)))


def score(
    methods: Sequence[Method], protocol: Protocol, source: Sequence[Any], factor: int, *, coarsen_by: int = 1
) -> Scores:
    """Score every method on every image of ``source``.

    Args:
        methods: rows of the table.
        protocol: what is scored.
        source: examples of a prepared dataset.
        factor: fine = coarse x factor.
        coarsen_by: pool the patches by this factor first.

    Raises:
        InputError: if a method needs NDVI and the dataset holds none.
    """
    if "ndvi" not in source[0]:
        needy = [method.name for method in methods if method.needs_ndvi]
        if needy:
            raise InputError(f"{', '.join(needy)}: needs NDVI, which the dataset does not hold; add --ndvi DIR")

    @jax.jit
    def compare(truth: jax.Array, mask: jax.Array, fine: jax.Array) -> dict[str, jax.Array]:
        return {name: getattr(metrics, name)(truth, fine, mask=mask) for name in METRICS}

    degraded = jax.jit(degrade, static_argnames="factor")
    provenance: list[dict[str, Any]] = []
    ranges: list[np.ndarray] = []
    parts: dict[str, list[dict[str, np.ndarray]]] = {method.name: [] for method in methods}
    has_ndvi: list[np.ndarray] = []
    scorable: list[np.ndarray] = []
    batches = evaluation_batches(source, BATCH)
    total = -(-len(source) // BATCH)
    for batch, examples in tqdm(batches, total=total, desc="evaluating", unit="batch", disable=None):
        fine_images = jax.device_get(coarsen(batch, coarsen_by))
        truth, ndvi = fine_images["lst"], fine_images.get("ndvi")
        coarse, mask = degraded(truth, factor=factor)
        count = len(examples)
        provenance += [{key: _plain(example[key]) for key in PROVENANCE} for example in examples]
        ranges.append(np.nanmax(truth[:count], (1, 2, 3)) - np.nanmin(truth[:count], (1, 2, 3)))
        inside = crop(mask, max(protocol.crop, protocol.crop_learned))
        scorable.append(np.asarray(scorable_images(inside))[:count])
        known = np.zeros(count) if ndvi is None else np.isfinite(ndvi[:count]).mean((1, 2, 3))
        has_ndvi.append(known >= SMALLEST_NDVI_SHARE)
        for method in methods:
            border = protocol.crop_learned if method.crop_as_learned else protocol.crop
            fields = [crop(x, border) for x in (truth, mask, method.apply(coarse, ndvi))]
            scores = jax.device_get(compare(*fields))
            parts[method.name].append({name: values[:count] for name, values in scores.items()})
    values = {
        name: {metric: np.concatenate([part[metric] for part in rows]) for metric in METRICS}
        for name, rows in parts.items()
    }
    everywhere = np.concatenate(scorable)
    with_ndvi = everywhere & np.concatenate(has_ndvi)
    counted = {method.name: with_ndvi if method.needs_ndvi else everywhere for method in methods}
    return Scores(provenance, np.concatenate(ranges), values, counted)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else int(value)
