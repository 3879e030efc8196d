"""Self-ensemble: a network run in the eight flips and rotations of its input."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lstsr_jax.ops.energy import conserve_energy

_correct = jax.jit(conserve_energy)

_TURNS = tuple(itertools.product(range(4), (False, True)))
KNOWN = {"none": 1, "flip": 2, "dihedral": 8}
"""How many of the eight, in their order, a network has seen, by the name of its training's augmentation."""


def _turn(x: jax.Array, quarter_turns: int, mirror: bool) -> jax.Array:
    x = jnp.rot90(x, quarter_turns, (1, 2))
    return x[:, :, ::-1] if mirror else x


def _turn_back(x: jax.Array, quarter_turns: int, mirror: bool) -> jax.Array:
    return jnp.rot90(x[:, :, ::-1] if mirror else x, -quarter_turns, (1, 2))


def mean_and_spread(
    predictor: Callable[..., Any], coarse: jax.Array, *ndvi: jax.Array, conserve: bool, known: str = "dihedral"
) -> tuple[jax.Array, jax.Array]:
    """Mean over the orientations that a network knows, and standard deviation over the dihedral group.

    A turned scene is lit from elsewhere: to a network trained on the scene as it lies it is another ground.

    Args:
        predictor: ``(B, h, w, 1)`` K (and ``(B, h*f, w*f, 1)`` NDVI) -> ``(B, h*f, w*f, 1)`` K.
        coarse: ``(B, h, w, 1)`` K without gaps.
        ndvi: fine NDVI, if the predictor takes it.
        conserve: correct the mean, and for the spread each of the eight, so that pooling it gives ``coarse``.
        known: ``none``, ``flip`` (left-right) or ``dihedral``: the augmentation of its training.

    Returns:
        Two arrays ``(B, h*f, w*f, 1)`` K.
    """
    every = _answers(predictor, (coarse, *ndvi), len(_TURNS))
    mean = _mean(every[: KNOWN[known]], coarse, conserve)
    if conserve:
        every = jnp.stack([_correct(fine, coarse) for fine in every])
    return mean, (every - every[:1]).std(0)  # departures from one, so that float32 keeps its digits


def known_mean(
    predictor: Callable[..., Any], coarse: jax.Array, *ndvi: jax.Array, conserve: bool, known: str
) -> jax.Array:
    """The mean of :func:`mean_and_spread` alone, from the orientations that a network knows."""
    return _mean(_answers(predictor, (coarse, *ndvi), KNOWN[known]), coarse, conserve)


def _mean(answers: jax.Array, coarse: jax.Array, conserve: bool) -> jax.Array:
    """The mean of answers ``(count, B, h*f, w*f, 1)``, corrected as a whole: the one mean of every self-ensemble."""
    mean = answers[0] + (answers - answers[:1]).mean(0)
    return _correct(mean, coarse) if conserve else mean


def _answers(predictor: Callable[..., Any], inputs: tuple[jax.Array, ...], count: int) -> jax.Array:
    """``(count, B, h*f, w*f, 1)``: the answers to the first orientations, turned back."""
    turned = (_turn_back(predictor(*(_turn(x, *turn) for x in inputs)), *turn) for turn in _TURNS[:count])
    return jnp.stack(list(turned))
