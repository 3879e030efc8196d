"""What a network sees of each guide beside the coarse LST: normalised values and a mask, for whatever is known of it.

A new guide is a name in :data:`lstsr_jax.config.GUIDES` and a line of :data:`CHANNELS`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.observed import PLAUSIBLE_M, require_elevation, require_ndvi
from lstsr_jax.ops.pooling import mean_pool
from lstsr_jax.ops.resize import upsample

NDVI_CENTRE, NDVI_SCALE = 0.5, 0.25
"""What a guided network sees of NDVI: zero at the centre, one unit per scale; zero also where there is none."""
RELIEF_SCALE_M = 100.0
"""What it sees of elevation: the relief within coarse pixels, one unit per scale; zero also where there is none."""

Guides = Mapping[str, Any]
"""Fine fields ``(B, h*f, w*f, 1)`` with NaN gaps by the name of their guide; one that is not there is known nowhere."""


def relief(elevation: jax.Array, factor: int) -> jax.Array:
    """Elevation less what is left of it after pooling by its mean and bicubic interpolation, in m; 0 in gaps.

    The coarse LST tells the cooling by height at its own scale. What it cannot tell is the relief within its pixels,
    which is of one size all over the Earth, so that a network meets no height that its training did not hold.

    Args:
        elevation: ``(B, h*f, w*f, 1)`` m with NaN gaps.
        factor: f.
    """
    known = jnp.isfinite(elevation)
    coarse = fill_gaps(mean_pool(elevation, factor))
    smooth = upsample(jnp.where(jnp.isfinite(coarse), coarse, 0), factor, "bicubic")
    return jnp.where(known, jnp.where(known, elevation, 0) - smooth, 0)


def _ndvi(ndvi: jax.Array, factor: int) -> jax.Array:
    del factor
    known = jnp.isfinite(ndvi)
    return jnp.where(known, (jnp.where(known, ndvi, 0) - NDVI_CENTRE) / NDVI_SCALE, 0)


def _elevation(elevation: jax.Array, factor: int) -> jax.Array:
    return relief(elevation, factor) / RELIEF_SCALE_M


@dataclasses.dataclass(frozen=True)
class GuideKind:
    """What is done with a guide.

    Attributes:
        values: ``(fine field, factor)`` -> what the network sees of it; 0 in gaps.
        require: ``(name of the argument, values)``: raises ValueError where the numbers cannot be this.
        text: what to call it in a sentence.
        units: of its numbers.
        bounds: of what they may be.
    """

    values: Callable[[jax.Array, int], jax.Array]
    require: Callable[[str, Any], None]
    text: str
    units: str
    bounds: tuple[float, float]


CHANNELS = {
    "ndvi": GuideKind(_ndvi, require_ndvi, "NDVI", "1", (-1.0, 1.0)),
    "elevation": GuideKind(_elevation, require_elevation, "elevation", "m", PLAUSIBLE_M),
}
"""By name, in the order of the channels."""


def guide_channels(field: jax.Array, guide: str = "ndvi", factor: int = 4) -> jax.Array:
    """A guide ``(B, H, W, 1)`` with NaN gaps as a network sees it: normalised values and a mask, ``(B, H, W, 2)``.

    Args:
        field: NDVI as a fraction, or elevation in m.
        guide: which of :data:`CHANNELS` it is.
        factor: fine = coarse x factor.
    """
    values = CHANNELS[guide].values(field, factor)
    return jnp.concatenate([values, jnp.isfinite(field).astype(values.dtype)], axis=-1)


@runtime_checkable
class Guided(Protocol):
    """A super-resolver that takes other guides than NDVI, each by its name, and does without those that are missing."""

    @property
    def guides(self) -> tuple[str, ...]:
        """The names, of :data:`lstsr_jax.config.GUIDES`."""


def guides_of(resolver: Any) -> tuple[str, ...]:
    """The guides that a super-resolver takes: those it names, or NDVI if it needs it."""
    if isinstance(resolver, Guided):
        return resolver.guides
    return ("ndvi",) if resolver.needs_ndvi else ()


def taken(resolver: Any, guides: Guides) -> dict[str, Any]:
    """Those of the guides that a super-resolver takes, in the order of the channels."""
    return {name: guides[name] for name in guides_of(resolver) if name in guides}


def given(**guides: Any) -> dict[str, Any]:
    """Those of the guides that are not None, in the order of the channels."""
    return {name: guides[name] for name in CHANNELS if guides.get(name) is not None}


def call_guided(function: Callable[..., Any], coarse: jax.Array, guides: Guides) -> Any:
    """Call with NDVI as the second argument, as every super-resolver takes it, and the other guides by name."""
    others = {name: field for name, field in guides.items() if name != "ndvi"}
    return function(coarse, *(guides[name] for name in ("ndvi",) if name in guides), **others)
