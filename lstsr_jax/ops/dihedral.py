"""The eight flips and rotations of a square image: the dihedral group, in one order for training and self-ensemble."""

from typing import Final, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

_Array = TypeVar("_Array", jax.Array, np.ndarray)

ORIENTATIONS: Final = tuple(range(8))
"""Orientation ``2 q + m``: mirrored left to right if ``m``, then turned by ``q`` quarter turns (as ``numpy.rot90``)."""
SUBGROUPS: Final = {"none": ORIENTATIONS[:1], "flip": ORIENTATIONS[:2], "dihedral": ORIENTATIONS}
"""Orientations by the name of the training augmentation that draws from them."""


def draw(rng: np.random.Generator, augmentation: str) -> int:
    """One of the orientations of :data:`SUBGROUPS`; takes the same from the generator for each of them."""
    orientations = SUBGROUPS[augmentation]
    return orientations[int(rng.integers(len(ORIENTATIONS))) % len(orientations)]


def transform(x: _Array, orientation: int) -> _Array:
    """Bring ``(..., H, W, C)`` into an orientation of :data:`ORIENTATIONS`; an odd number of turns swaps H and W."""
    quarter_turns, mirrored = divmod(orientation, 2)
    return _turn(x[..., ::-1, :] if mirrored else x, quarter_turns)


def transform_each(x: jax.Array, orientations: jax.Array) -> jax.Array:
    """Bring every image of ``(B, S, S, C)`` into an orientation of its own, ``(B,)``: :func:`transform` for each.

    >>> image = jnp.arange(4.0).reshape(2, 2, 1)
    >>> transform_each(jnp.stack([image, image]), jnp.array([0, 1]))[..., 0].tolist()
    [[[0.0, 1.0], [2.0, 3.0]], [[1.0, 0.0], [3.0, 2.0]]]
    """
    turns, mirrored = (part[:, None, None, None] for part in jnp.divmod(orientations, 2))
    x = jnp.where(mirrored == 1, x[:, :, ::-1], x)
    x = jnp.where(turns % 2 == 1, _turn(x, 1), x)
    return jnp.where(turns >= 2, _turn(x, 2), x)


def inverse(x: _Array, orientation: int) -> _Array:
    """Undo :func:`transform`."""
    quarter_turns, mirrored = divmod(orientation, 2)
    x = _turn(x, -quarter_turns % 4)
    return x[..., ::-1, :] if mirrored else x


def transform_places(
    rows: np.ndarray, columns: np.ndarray, side: int, orientation: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where places, fractional rows and columns, of a square image of ``side`` pixels lie after :func:`transform`."""
    quarter_turns, mirrored = divmod(orientation, 2)
    if mirrored:
        columns = side - 1 - columns
    for _ in range(quarter_turns):
        rows, columns = side - 1 - columns, rows
    return rows, columns


def _turn(x: _Array, quarter_turns: int) -> _Array:
    if quarter_turns == 2:
        return x[..., ::-1, ::-1, :]
    if quarter_turns == 1:
        return x[..., ::-1, :].swapaxes(-3, -2)
    return x.swapaxes(-3, -2)[..., ::-1, :] if quarter_turns == 3 else x
