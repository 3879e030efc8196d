"""Table I: fine LST is degraded, super-resolved again by every method, and compared with itself (paper, section IV)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.cases import Case, crop
from lstsr_jax.evaluation.methods import ScoredMethod
from lstsr_jax.evaluation.protocols import Protocol
from lstsr_jax.ops import metrics

METRICS = ("psnr", "ssim", "rmse")
SMALLEST_NDVI_SHARE = 0.5
"""An image with less of its NDVI known is left out by the methods that need it."""
_SSIM_WINDOW = 7


@dataclasses.dataclass(frozen=True, eq=False)
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
        result: np.ndarray = np.logical_and.reduce(list(self.counted.values()))
        return result

    def means(self, images: np.ndarray | None = None) -> dict[str, dict[str, Any]]:
        """Unweighted means over the images each method was scored on, or over ``images`` of them; and how many."""
        rows = {}
        for method, values in self.values.items():
            chosen = self.counted[method] if images is None else self.counted[method] & images
            row = {metric: float(np.mean(values[metric][chosen])) if chosen.any() else None for metric in METRICS}
            rows[method] = {**row, "n_images": int(chosen.sum())}
        return rows


@jax.jit
def scorable_images(mask: jax.Array) -> jax.Array:
    """Images ``(B,)`` of whose mask ``(B, H, W, 1)`` at least one whole SSIM window can be scored."""
    window = (1, _SSIM_WINDOW, _SSIM_WINDOW, 1)
    whole = jax.lax.reduce_window(mask, True, jax.lax.bitwise_and, window, (1, 1, 1, 1), "VALID")
    result: jax.Array = whole.any((1, 2, 3))
    return result


@jax.jit
def _compare(truth: jax.Array, mask: jax.Array, fine: jax.Array) -> dict[str, jax.Array]:
    return {name: getattr(metrics, name)(truth, fine, mask=mask) for name in METRICS}


class Scoring:
    """Scores methods on one case after the other."""

    def __init__(self, methods: Sequence[ScoredMethod], protocol: Protocol) -> None:
        """Score ``methods`` as ``protocol`` says."""
        self._methods, self._protocol = methods, protocol
        self._parts: dict[str, list[dict[str, np.ndarray]]] = {method.name: [] for method in methods}
        self._provenance: list[dict[str, Any]] = []
        self._ranges: list[np.ndarray] = []
        self._scorable: list[np.ndarray] = []
        self._with_ndvi: list[np.ndarray] = []

    def add(self, case: Case) -> None:
        """Score every method on a case.

        Raises:
            InputError: if a method can do nothing without NDVI and there is none, or answers in another shape or with
                what is not finite.
        """
        count = len(case.provenance)
        ndvi = case.guides.get("ndvi")
        if ndvi is None:
            needing = [method.name for method in self._methods if method.requires_ndvi]
            if needing:
                raise InputError(f"{', '.join(needing)}: needs NDVI, which the dataset does not hold; give `ndvi`")
        truth = case.truth[:count]
        self._provenance += case.provenance
        self._ranges.append(np.nanmax(truth, (1, 2, 3)) - np.nanmin(truth, (1, 2, 3)))
        inside = crop(case.mask, max(self._protocol.crop, self._protocol.crop_learned))
        scorable = np.asarray(scorable_images(inside))[:count]
        share = np.ones(count) if ndvi is None else np.isfinite(ndvi[:count]).mean((1, 2, 3))
        self._scorable.append(scorable)
        self._with_ndvi.append(scorable & (share >= SMALLEST_NDVI_SHARE))
        for method in self._methods:
            found = {name: values[:count] for name, values in self._scores(method, case).items()}
            broken = np.flatnonzero(np.isnan(found["rmse"]) & self._counted(method)[-1])
            if broken.size:
                granule = case.provenance[broken[0]]["granule"]
                raise InputError(f"{method.name}: not finite on a patch of {granule}; retrain it or leave it out")
            self._parts[method.name].append(found)

    def _scores(self, method: ScoredMethod, case: Case) -> dict[str, np.ndarray]:
        fine = jnp.asarray(method.apply(case.coarse, case.guides))
        if fine.shape != case.truth.shape:
            raise InputError(
                f"{method.name}: answers {fine.shape} to {case.coarse.shape}, not {case.truth.shape}; give its factor"
            )
        border = self._protocol.crop_learned if method.crop_as_learned else self._protocol.crop
        scores: dict[str, np.ndarray] = jax.device_get(
            _compare(*(crop(field, border) for field in (case.truth, case.mask, fine)))
        )
        return scores

    def _counted(self, method: ScoredMethod) -> list[np.ndarray]:
        return self._with_ndvi if method.needs_ndvi else self._scorable

    def scores(self) -> Scores:
        """The scores of all cases so far."""
        return Scores(
            self._provenance,
            np.concatenate(self._ranges),
            {
                name: {metric: np.concatenate([part[metric] for part in parts]) for metric in METRICS}
                for name, parts in self._parts.items()
            },
            {method.name: np.concatenate(self._counted(method)) for method in self._methods},
        )
