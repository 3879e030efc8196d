"""Self-ensemble: a network run in the eight flips and rotations of its input."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lstsr_jax.ops.dihedral import ORIENTATIONS, SUBGROUPS, inverse, transform
from lstsr_jax.ops.energy import conserve_energy

_correct = jax.jit(conserve_energy)


def mean_and_spread(
    predictor: Callable[..., Any],
    coarse: jax.Array,
    *guides: jax.Array,
    conserve: bool,
    known: str = "dihedral",
    traced: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """Mean over the orientations that a network knows, and standard deviation over the dihedral group.

    A network trained without rotations has not seen a scene lit from another azimuth, so only the orientations of its
    training enter the mean.

    Args:
        predictor: ``(B, h, w, 1)`` K (and guides ``(B, h*f, w*f, 1)``) -> ``(B, h*f, w*f, 1)`` K.
        coarse: ``(B, h, w, 1)`` K without gaps.
        guides: fine NDVI and the like, if the predictor takes any: turned with the field.
        conserve: correct the mean, and for the spread each of the eight, so that pooling it gives ``coarse``.
        known: ``none``, ``flip`` (left-right) or ``dihedral``: the augmentation of its training.
        traced: trace the predictor once for all orientations of one shape (:func:`jax.lax.map`) in place of calling it
            eight times; for use under ``jax.jit``.

    Returns:
        Two arrays ``(B, h*f, w*f, 1)`` K.
    """
    every = _answers(predictor, (coarse, *guides), ORIENTATIONS, traced)
    mean = _mean(every[: len(SUBGROUPS[known])], coarse, conserve)
    if conserve:
        every = _correct(every, jnp.broadcast_to(coarse, (len(ORIENTATIONS), *coarse.shape)))
    return mean, (every - every[:1]).std(0)  # departures from one, so that float32 keeps its digits


def known_mean(
    predictor: Callable[..., Any],
    coarse: jax.Array,
    *guides: jax.Array,
    conserve: bool,
    known: str,
    traced: bool = False,
) -> jax.Array:
    """The mean of :func:`mean_and_spread` alone, from the orientations that a network knows."""
    return _mean(_answers(predictor, (coarse, *guides), SUBGROUPS[known], traced), coarse, conserve)


def _mean(answers: jax.Array, coarse: jax.Array, conserve: bool) -> jax.Array:
    """The mean of answers ``(count, B, h*f, w*f, 1)``, corrected as a whole: the one mean of every self-ensemble."""
    mean = answers[0] + (answers - answers[:1]).mean(0)
    return _correct(mean, coarse) if conserve else mean


def _answers(
    predictor: Callable[..., Any], inputs: tuple[jax.Array, ...], orientations: tuple[int, ...], traced: bool
) -> jax.Array:
    """``(count, B, h*f, w*f, 1)``: the answers to inputs in those orientations, turned back."""
    turned = {k: tuple(transform(x, k) for x in inputs) for k in orientations}
    if traced:
        answers: dict[int, Any] = {}
        for shape in dict.fromkeys(x[0].shape for x in turned.values()):  # two, unless the input is square
            alike = [k for k in orientations if turned[k][0].shape == shape]
            stacks = tuple(jnp.stack(parts) for parts in zip(*(turned[k] for k in alike), strict=True))
            answers.update(zip(alike, jax.lax.map(lambda x: predictor(*x), stacks), strict=True))
    else:
        answers = {k: predictor(*x) for k, x in turned.items()}
    return jnp.stack([inverse(answers[k], k) for k in orientations])
