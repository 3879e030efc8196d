"""Overlapping tiles of one shape over a field without gaps, and the smooth blend of what a network makes of them.

Lengths are in coarse pixels unless said otherwise; fine = coarse x factor.
"""

import dataclasses
import itertools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

Refine = Callable[..., Any]
"""Coarse ``(B, h, w, 1)`` K without gaps, and by name the guides ``(B, h*f, w*f, 1)`` that there are -> fine
``(B, h*f, w*f, C)``."""
Progress = Callable[[int, int], None]
"""Told after every batch how many tiles are done, and of how many."""

DROP = 2
"""Pixels at a tile's inner borders that are never used: the reach of the bicubic kernel."""


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How a scene is cut.

    Attributes:
        tile: side of a tile.
        overlap: what neighbouring tiles share, or more where the size of the scene asks for it.
        batch: tiles per call of the network; None for 2 on a CPU, where more outgrow its caches, and 16 elsewhere.
    """

    tile: int = 64
    overlap: int = 8
    batch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be blended.

        Raises:
            ValueError: naming the value and the remedy.
        """
        least = 2 * DROP + 1
        if not least <= self.overlap < self.tile:
            raise ValueError(
                f"overlap must be {least} coarse pixels to less than the tile {self.tile}, got {self.overlap}"
            )
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"batch must be at least 1, got {self.batch}")

    @property
    def batch_size(self) -> int:
        """``batch``, or what suits the device."""
        return self.batch or (2 if jax.default_backend() == "cpu" else 16)


@dataclasses.dataclass(frozen=True)
class Span:
    """One tile along one axis.

    Attributes:
        origin: first coarse pixel of the tile.
        start: first fine pixel that it contributes to, at a border of coarse pixels.
        weights: of the fine pixels from there on.
    """

    origin: int
    start: int
    weights: NDArray[np.float32]


def layout(size: int, tiling: Tiling, factor: int) -> list[Span]:
    """Tiles spread evenly over an axis; their weights sum to one everywhere.

    Between neighbours the weight passes over by a raised cosine centred in their overlap, so no pixel closer to an
    inner border than ``DROP`` is used.

    Args:
        size: of the axis, at least a tile.
        tiling: how it is cut.
        factor: fine = coarse x factor.

    Returns:
        The tiles in order.
    """
    tile, overlap = tiling.tile, tiling.overlap
    count = 1 if size <= tile else -(-(size - overlap) // (tile - overlap))
    origins = np.rint(np.linspace(0, size - tile, count)).astype(int)
    ramp = (overlap - 2 * DROP) * factor
    position = np.arange(size * factor) + 0.5
    borders = (origins[1:] + origins[:-1] + tile) / 2 * factor
    passed = [0.5 - 0.5 * np.cos(np.pi * np.clip((position - at) / ramp + 0.5, 0, 1)) for at in borders]
    steps = [np.ones_like(position), *passed, np.zeros_like(position)]
    spans = []
    for origin, (entering, leaving) in zip(origins, itertools.pairwise(steps), strict=True):
        weights = entering - leaving
        used = np.flatnonzero(weights)
        start, stop = used[0] // factor * factor, -(-(used[-1] + 1) // factor) * factor
        spans.append(Span(int(origin), int(start), weights[start:stop].astype(np.float32)))
    return spans


def blend(
    refine: Refine,
    filled: NDArray[np.float32],
    wanted: NDArray[np.bool_],
    tiling: Tiling,
    *,
    factor: int,
    channels: int = 1,
    guides: Mapping[str, NDArray[np.float32]] = types.MappingProxyType({}),
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Refine a field tile by tile.

    Args:
        refine: called with ``(batch, tile, tile, 1)`` every time, so that it compiles once.
        filled: ``(H, W)`` in K without NaN; padded by its edge where smaller than a tile.
        wanted: ``(H, W)``, where a result is needed; tiles without any are left out.
        tiling: how the field is cut.
        factor: fine = coarse x factor.
        channels: C of what ``refine`` returns.
        guides: ``(H*f, W*f)`` each, what ``refine`` sees beside the field.
        progress: told after every batch.

    Returns:
        ``(C, H*f, W*f)``, arbitrary where nothing is wanted.

    Raises:
        ValueError: if ``refine`` returns another shape.
    """
    (height, width), tile, batch = filled.shape, tiling.tile, tiling.batch_size
    padding = [(0, max(0, tile - side)) for side in filled.shape]
    filled, wanted = np.pad(filled, padding, mode="edge"), np.pad(wanted, padding)
    finer = [(0, after * factor) for _, after in padding]
    guides = {name: np.pad(values, finer, mode="edge") for name, values in guides.items()}
    axes = [layout(side, tiling, factor) for side in filled.shape]
    places = [place for place in itertools.product(*axes) if wanted[_support(place, factor)].any()]
    fine = np.zeros((channels, filled.shape[0] * factor, filled.shape[1] * factor), np.float32)

    def add(group: Sequence[tuple[Span, ...]], result: Any) -> None:
        for place, values in zip(group, np.asarray(result), strict=False):
            inside = tuple(
                slice(span.start - span.origin * factor, span.start - span.origin * factor + span.weights.size)
                for span in place
            )
            weights = place[0].weights[:, None] * place[1].weights[None, :]
            fine[(slice(None), *_support(place))] += weights * np.moveaxis(values[inside], -1, 0)

    running: tuple[Sequence[tuple[Span, ...]], Any] = ([], np.empty(0))
    expected = (batch, tile * factor, tile * factor, channels)
    for first in range(0, len(places), batch):
        group = places[first : first + batch]
        full = [*group, *[group[-1]] * (batch - len(group))]
        coarse = _cut(filled, full, tile)
        result = refine(coarse, {name: _cut(values, full, tile, factor) for name, values in guides.items()})
        if np.shape(result) != expected:
            raise ValueError(f"predictor gave {np.shape(result)} for {coarse.shape}; {expected} is expected")
        add(*running)  # the device computes this batch while the host adds the one before
        running = group, result
        if progress is not None:
            progress(first + len(group), len(places))
    add(*running)
    return fine[:, : height * factor, : width * factor]


def _support(place: Sequence[Span], factor: int = 1) -> tuple[slice, ...]:
    """The pixels a tile contributes to: fine ones, or coarse ones with the factor given."""
    return tuple(slice(span.start // factor, (span.start + span.weights.size) // factor) for span in place)


def _cut(field: NDArray[np.float32], places: Sequence[Sequence[Span]], tile: int, scale: int = 1) -> jax.Array:
    """The tiles of a field ``scale`` times finer than the coarse one: ``(B, h, h, 1)``."""
    side = tile * scale
    corners = [(row.origin * scale, column.origin * scale) for row, column in places]
    return jnp.asarray(np.stack([field[top : top + side, left : left + side, None] for top, left in corners]))
