"""A scene in three steps: before the device's work, that work, and after it. Many scenes may overlap them.

Fields are ``(H, W)`` in kelvin; NaN means no observation.
"""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.ops.energy import conserve_energy as _conserve
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.observed import require_kelvin, with_gaps
from lstsr_jax.predictor import Calibrated, FunctionResolver, SuperResolver, as_super_resolver, with_energy
from lstsr_jax.predictor.guides import CHANNELS, Guides, call_guided, guides_of
from lstsr_jax.scene.tiling import Progress, Tiling, blend

Field = NDArray[np.float32]
_STRIP = 64  # coarse rows corrected at a time
_fill = jax.jit(fill_gaps)
_correct = jax.jit(_conserve)
_CELL = 128
"""Pixels of a cell of the fill's pyramid up to which fills of parts agree; larger ones matter deep in large gaps."""


@dataclasses.dataclass(frozen=True, eq=False)
class SceneSteps:
    """A scene and a method, checked; ``finish(compute())`` is what the method makes of it.

    Attributes:
        resolver: the method.
        field: ``(H, W)`` K with gaps.
        filled: the same without, as a method that works tile by tile sees it; None for one that takes the field in one
            piece, with its gaps, and where nothing is observed.
        guides: ``(H*f, W*f)`` each, by name, if the method is guided.
        spread: whether the spread is asked for.
        tiling: how the scene is cut.
    """

    resolver: SuperResolver
    field: Field
    filled: Field | None
    guides: Mapping[str, Field]
    spread: bool
    tiling: Tiling

    @classmethod
    def begin(
        cls,
        predictor: SuperResolver | Callable[..., Any],
        lst: ArrayLike,
        guides: Guides = types.MappingProxyType({}),
        *,
        conserve_energy: bool | None = None,
        spread: bool = False,
        tiling: Tiling = Tiling(),
        origin: tuple[int, int] = (0, 0),
    ) -> "SceneSteps":
        """Check what is asked for, fill the gaps; arguments as :func:`lstsr_jax.super_resolve_scene`, guides by name.

        ``origin`` is row and column of the first pixel in a larger field, as which its gaps are to be filled.

        Raises:
            ValueError: as there.
        """
        resolver = with_energy(as_super_resolver(predictor), conserve_energy)
        field = with_gaps("lst", lst).astype(np.float32)
        if field.ndim != 2 or field.size == 0:
            raise ValueError(
                f"lst must be (H, W) in kelvin, not empty, got {field.shape}: select one overpass and channel"
            )
        factor = resolver.factor
        fields = {name: with_gaps(name, values).astype(np.float32) for name, values in guides.items()}
        for name, values in fields.items():
            if values.shape != (field.shape[0] * factor, field.shape[1] * factor):
                raise ValueError(f"{name} {values.shape} must be lst {field.shape} times the factor {factor}")
            if name != "ndvi" and name not in guides_of(resolver):
                raise ValueError(f"this method is not guided by {CHANNELS[name].text}: leave {name} out")
        require_kelvin("lst", field)
        for name, values in fields.items():
            CHANNELS[name].require(name, values)
        observed = np.isfinite(field)
        field = np.where(observed, field, np.float32(np.nan))
        in_one_piece = isinstance(resolver, FunctionResolver) and resolver.whole_field
        filled = None if in_one_piece or not observed.any() else _fill_from(field, origin)
        return cls(resolver, field, filled, fields, spread, tiling)

    def compute(self, progress: Progress | None = None) -> Field:
        """The device's work.

        Args:
            progress: told after every batch how many tiles are done, and of how many.

        Returns:
            ``(C, H*f, W*f)`` for ``finish``; LST comes first.

        Raises:
            ValueError: if the method returns another shape.
        """
        factor, channels = self.resolver.factor, 2 if self.spread else 1
        observed = np.isfinite(self.field)
        if not observed.any():
            return np.full((channels, self.field.shape[0] * factor, self.field.shape[1] * factor), np.nan, np.float32)
        refine: Callable[..., Any] = self._mean_and_spread if self.spread else self.resolver
        if self.filled is None:
            if isinstance(self.resolver, FunctionResolver) and self.resolver.reports_progress and not self.spread:
                refine = functools.partial(self.resolver.function, progress=progress)
            return self._in_one_piece(refine, channels)
        return blend(
            functools.partial(call_guided, refine),
            self.filled,
            observed,
            self.tiling,
            factor=factor,
            channels=channels,
            guides=self.guides,
            progress=progress,
        )

    def finish(self, fine: Field) -> tuple[Field, Field | None]:
        """Conserve energy, mask and calibrate what ``compute`` has returned, which is used up by that.

        Returns:
            LST and, if asked for, spread: ``(H*f, W*f)`` float32 in K, NaN exactly where the scene is not observed.

        Raises:
            InputError: if the method gave temperatures that are not finite.
        """
        if np.isfinite(self.field).any():
            _conserve_and_mask(fine, self.field, self.resolver.factor, self.resolver.conserves_energy)
        if not self.spread:
            return fine[0], None
        calibration = self.resolver.map_calibration if isinstance(self.resolver, Calibrated) else None
        return fine[0], fine[1] if calibration is None else calibration.sigma(fine[1])

    def _mean_and_spread(self, coarse: jax.Array, *ndvi: jax.Array, **others: jax.Array) -> jax.Array:
        return jnp.concatenate(self.resolver.ensemble(coarse, *ndvi, **others), axis=-1)

    def _in_one_piece(self, refine: Callable[..., Any], channels: int) -> Field:
        """``(C, H*f, W*f)`` of a method that fits something to the scene, and takes it with its gaps."""
        coarse = jnp.asarray(self.field)[None, ..., None]
        seen = {name: jnp.asarray(values)[None, ..., None] for name, values in self.guides.items()}
        result = np.array(call_guided(refine, coarse, seen), np.float32)
        expected = (1, *(side * self.resolver.factor for side in self.field.shape), channels)
        if result.shape != expected:
            raise ValueError(f"predictor gave {result.shape} for {coarse.shape}; {expected} is expected")
        return np.moveaxis(result[0], -1, 0)


def _conserve_and_mask(fine: NDArray[np.float32], lst: NDArray[np.float32], factor: int, conserve: bool) -> None:
    """Conserve energy and mask, in place, strip by strip of whole coarse pixels.

    Args:
        fine: ``(C, H*f, W*f)``; the first channel is LST in K.
        lst: ``(H, W)`` in K with NaN gaps.
        factor: f.
        conserve: correct the first channel so that pooling it gives ``lst``.

    Raises:
        InputError: if ``fine`` is NaN where ``lst`` is not.
    """
    height, strip = lst.shape[0], min(_STRIP, lst.shape[0])
    for start in range(0, height, strip):
        first = min(start, height - strip)  # the last strip reaches back: one shape, one compilation
        part, coarse = fine[:, first * factor : (first + strip) * factor], lst[first : first + strip]
        if conserve:
            part[0] = np.asarray(_correct(part[0][..., None], coarse[..., None]))[..., 0]
        gaps = np.isnan(coarse).repeat(factor, 0).repeat(factor, 1)
        part[:, gaps] = np.nan
        if np.isnan(part[:, ~gaps]).any():
            raise InputError("the method gives temperatures that are not finite; take another checkpoint or method")


def _fill_from(field: Field, origin: tuple[int, int]) -> Field:
    """A field without its gaps, with the cells of the fill where a larger field has them."""
    north, west = (at % _CELL for at in origin)
    padded = np.pad(field, ((north, 0), (west, 0)), constant_values=np.nan)
    filled: Field = np.asarray(_fill(padded[..., None]))[north:, west:, 0]
    return filled
