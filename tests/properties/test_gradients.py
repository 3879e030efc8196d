"""Gradients are finite everywhere: on constant fields, beside gaps, at 200 K and 340 K, where nothing is observed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstsr_jax import (
    ModelConfig,
    Normalization,
    coarse_to_fine,
    conserve_energy,
    create_model,
    l4_pool,
    psnr,
    rmse,
    ssim,
)
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.pooling import mean_pool, pool_ndvi
from lstsr_jax.ops.resize import upsample
from lstsr_jax.training.task import PENALTIES

SIDE = 16
KINDS = ("constant", "two", "rough", "tiny")


@st.composite
def fields(draw):
    """``(1, 16, 16, 1)`` K with gaps."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level, kind = draw(st.sampled_from([200.0, 273.15, 300.0, 340.0])), draw(st.sampled_from(KINDS))
    shape = (1, SIDE, SIDE, 1)
    noise = {"constant": 0.0, "rough": 10.0, "tiny": 1e-4}.get(kind, 0.0) * random.standard_normal(shape)
    field = np.clip(level + noise, 200, 340)
    if kind == "two":
        field = random.choice([200.0, 340.0], shape)
    gaps = random.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.9, 1.0]))
    return np.where(gaps, np.nan, field).astype(np.float32)


CONSTANT = np.full((1, SIDE, SIDE, 1), 300, np.float32)


def seen(values):
    """The sum of what is finite of a result: the rest is no observation."""
    return jnp.where(jnp.isfinite(values), values, 0).sum()


@jax.jit
def of_fields(field, other):
    """Gradients with respect to a field that may hold gaps."""
    functions = {
        "l4_pool": lambda x: seen(l4_pool(x)),
        "mean_pool": lambda x: seen(mean_pool(x)),
        "ndvi": lambda x: seen(pool_ndvi(x / 400, 4, "l4")),
        "conserve (fine)": lambda x: seen(conserve_energy(x, l4_pool(other))),
        "conserve (coarse)": lambda x: seen(conserve_energy(other, l4_pool(x))),
        "upsample": lambda x: seen(upsample(x, 2)),
        "rmse (estimate)": lambda x: seen(rmse(other, jnp.where(jnp.isfinite(x), x, 280))),
        "rmse (truth)": lambda x: seen(rmse(x, jnp.where(jnp.isfinite(other), other, 280))),
        "ssim (estimate)": lambda x: seen(ssim(other, jnp.where(jnp.isfinite(x), x, 280))),
        "ssim, global": lambda x: seen(ssim(other, jnp.where(jnp.isfinite(x), x, 280), window="global")),
        "ssim, data_range": lambda x: seen(ssim(other, jnp.where(jnp.isfinite(x), x, 280), data_range=20.0)),
        "psnr": lambda x: seen(psnr(other, jnp.where(jnp.isfinite(x), x, 280))),
    }
    return {name: jax.grad(function)(field) for name, function in functions.items()}


@pytest.mark.slow  # compiles much
@settings(max_examples=12)
@given(fields(), fields() | st.none())
@example(CONSTANT, None)
@example(CONSTANT, CONSTANT + np.float32(1))
@example(np.full_like(CONSTANT, np.nan), None)
@example(np.full_like(CONSTANT, np.nan), CONSTANT)  # a fine field with gaps where its coarse one has none
@example(CONSTANT, np.full_like(CONSTANT, np.nan))
def test_gradients_of_pooling_conservation_and_scores_are_finite(field, other):
    found = of_fields(field, field if other is None else other)
    assert {name for name, gradient in found.items() if not np.isfinite(gradient).all()} == set()


@jax.jit
def of_losses(error):
    return {name: jax.vmap(jax.grad(penalty))(error) for name, penalty in PENALTIES.items()}


@settings(max_examples=20)
@given(st.lists(st.floats(-400, 400, width=32), min_size=4, max_size=4))
@example([0.0, -0.0, 1e-30, 400.0])
def test_gradients_of_losses_are_finite(errors):
    found = of_losses(np.array(errors, np.float32))
    assert all(np.isfinite(gradient).all() for gradient in found.values())


CONFIG = ModelConfig("edsr", width=4, blocks=1, conserve_energy=True)


@functools.cache
def network():
    module = create_model(CONFIG)
    return module, module.init(jax.random.key(0), jnp.zeros((1, SIDE, SIDE, 1)))


@jax.jit
def of_the_path(variables, field, truth):
    """Gradients of a score of the whole path, by what goes in and by the weights."""

    def loss(variables, coarse):
        def answer(x):
            return network()[0].apply(variables, x)

        fine = coarse_to_fine(answer, fill_gaps(coarse), CONFIG, Normalization("anomaly", 3.0))
        return seen(rmse(truth, fine)) + seen(ssim(truth, fine)) + seen(fine)

    return jax.grad(loss, (0, 1))(variables, field[:, ::4, ::4])


@pytest.mark.slow  # compiles much
@settings(max_examples=6)
@given(fields(), fields() | st.none())
@example(CONSTANT, None)
def test_gradients_of_the_whole_path_are_finite(field, truth):
    weights, coarse = of_the_path(network()[1], field, field if truth is None else truth)
    if np.isfinite(field[:, ::4, ::4]).any():  # an image without any observation stays NaN
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights))
        assert np.isfinite(coarse).all()
