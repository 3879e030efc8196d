"""Table I: fine LST is degraded, super-resolved again by every method, and compared with itself (paper, section IV)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from lstsr_jax import metrics
from lstsr_jax.data import evaluation_batches
from lstsr_jax.degradation import degrade
from lstsr_jax.evaluation.methods import Method
from lstsr_jax.evaluation.protocols import Protocol

METRICS = ("psnr", "ssim", "rmse")
BATCH = 32
PROVENANCE = ("granule", "date", "tile", "overpass", "row", "col")


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of every method on every image.

    Attributes:
        provenance: where each image comes from.
        range_k: dynamic range of each truth image, K.
        values: per method and metric one value per image; dB, 1 and K.
    """

    provenance: list[dict[str, Any]]
    range_k: np.ndarray
    values: dict[str, dict[str, np.ndarray]]

    def means(self) -> dict[str, dict[str, float]]:
        """Unweighted means over images."""
        return {
            method: {metric: float(np.mean(values)) for metric, values in rows.items()}
            for method, rows in self.values.items()
        }


def _crop(x: jax.Array, border: int) -> jax.Array:
    return x[:, border : x.shape[1] - border, border : x.shape[2] - border]


def score(methods: Sequence[Method], protocol: Protocol, source: Sequence[Any], factor: int) -> Scores:
    """Score every method on every image of ``source``.

    Args:
        methods: rows of the table.
        protocol: what is scored.
        source: examples of a prepared dataset.
        factor: fine = coarse x factor.
    """

    @jax.jit
    def compare(truth: jax.Array, mask: jax.Array, fine: jax.Array) -> dict[str, jax.Array]:
        return {name: getattr(metrics, name)(truth, fine, mask=mask) for name in METRICS}

    degraded = jax.jit(degrade, static_argnames="factor")
    provenance: list[dict[str, Any]] = []
    ranges: list[np.ndarray] = []
    parts: dict[str, list[dict[str, np.ndarray]]] = {method.name: [] for method in methods}
    batches = evaluation_batches(source, BATCH)
    total = -(-len(source) // BATCH)
    for truth, examples in tqdm(batches, total=total, desc="evaluating", unit="batch", disable=None):
        coarse, mask = degraded(truth, factor=factor)
        count = len(examples)
        provenance += [{key: _plain(example[key]) for key in PROVENANCE} for example in examples]
        ranges.append(np.nanmax(truth[:count], (1, 2, 3)) - np.nanmin(truth[:count], (1, 2, 3)))
        for method in methods:
            border = protocol.crop_learned if method.learned else protocol.crop
            fields = [_crop(x, border) for x in (truth, mask, method.apply(coarse))]
            scores = jax.device_get(compare(*fields))
            parts[method.name].append({name: values[:count] for name, values in scores.items()})
    values = {
        name: {metric: np.concatenate([part[metric] for part in rows]) for metric in METRICS}
        for name, rows in parts.items()
    }
    return Scores(provenance, np.concatenate(ranges), values)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else int(value)
