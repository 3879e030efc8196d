"""Self-ensemble: a network run in the eight flips and rotations of its input."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lstsr_jax.energy import conserve_energy

_correct = jax.jit(conserve_energy)


def _turn(x: jax.Array, quarter_turns: int, mirror: bool) -> jax.Array:
    x = jnp.rot90(x, quarter_turns, (1, 2))
    return x[:, :, ::-1] if mirror else x


def _turn_back(x: jax.Array, quarter_turns: int, mirror: bool) -> jax.Array:
    return jnp.rot90(x[:, :, ::-1] if mirror else x, -quarter_turns, (1, 2))


def mean_and_spread(
    predictor: Callable[..., Any], coarse: jax.Array, *ndvi: jax.Array, conserve: bool
) -> tuple[jax.Array, jax.Array]:
    """Mean and standard deviation over the dihedral group.

    Args:
        predictor: ``(B, h, w, 1)`` K (and ``(B, h*f, w*f, 1)`` NDVI) -> ``(B, h*f, w*f, 1)`` K.
        coarse: ``(B, h, w, 1)`` K without gaps.
        ndvi: fine NDVI, if the predictor takes it.
        conserve: correct each of the eight so that pooling it gives ``coarse``.

    Returns:
        Two arrays ``(B, h*f, w*f, 1)`` K.
    """
    members = []
    for turn in itertools.product(range(4), (False, True)):
        fine = _turn_back(predictor(*(_turn(x, *turn) for x in (coarse, *ndvi))), *turn)
        members.append(_correct(fine, coarse) if conserve else fine)
    every = jnp.stack(members)
    mean = every[0] + (every - every[:1]).mean(0)  # departures, so that float32 keeps its digits
    return mean, (every - mean[None]).std(0)
