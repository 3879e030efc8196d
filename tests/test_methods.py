"""Every method has one form, in tables and for maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax import SuperResolver, as_super_resolver, atprk, l4_pool, super_resolve_scene, tsharp, upsample
from lstsr_jax.errors import InputError
from lstsr_jax.methods import METHODS, method
from lstsr_jax.predictor import FunctionResolver, with_energy

RNG = np.random.default_rng(7)
LST = RNG.normal(295, 3, (12, 10)).astype(np.float32)
NDVI = RNG.uniform(0, 0.8, (48, 40)).astype(np.float32)


def single(field):
    return jnp.asarray(field)[None, ..., None]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_a_super_resolver(name):
    resolver = method(name, 2)
    assert isinstance(resolver, SuperResolver) and as_super_resolver(resolver) is resolver
    assert (resolver.factor, resolver.conserves_energy, resolver.name) == (2, True, name)
    fine = resolver(single(LST), single(NDVI[:24, :20])) if resolver.needs_ndvi else resolver(single(LST))
    assert fine.shape == (1, 24, 20, 1) and np.isfinite(fine).all()


@pytest.mark.parametrize(("name", "function"), [("tsharp", tsharp), ("atprk", atprk)])
def test_what_is_fitted_to_a_scene_sees_all_of_it_with_its_gaps(name, function):
    lst = LST.copy()
    lst[3:5, 2:7] = np.nan
    found = super_resolve_scene(method(name), lst, NDVI, conserve_energy=False, tile=6, overlap=5)
    np.testing.assert_allclose(found, function(lst[..., None], NDVI[..., None])[..., 0], atol=1e-4)
    corrected = super_resolve_scene(method(name), lst, NDVI)
    np.testing.assert_allclose(l4_pool(corrected[..., None])[..., 0], lst, atol=1e-3)


def test_options_reach_the_function():
    assert (
        np.abs(
            method("tsharp", ndvi_pool="l4")(single(LST), single(NDVI)) - method("tsharp")(single(LST), single(NDVI))
        ).max()
        > 0
    )
    with pytest.raises(InputError, match="`methods` magic: unknown; choose among nearest, bilinear, bicubic"):
        method("magic", setting="methods")


def test_a_function_answers_with_its_ensemble_and_as_asked():
    def leaning(coarse):
        return upsample(coarse, 4) + jnp.linspace(-1, 1, coarse.shape[2] * 4)[None, None, :, None]

    resolver = as_super_resolver(leaning, conserves_energy=False)
    mean, spread = resolver.ensemble(single(LST))
    np.testing.assert_allclose(mean, upsample(single(LST), 4), atol=1e-3)
    assert np.asarray(spread).max() > 0.3
    assert with_energy(resolver, None) is resolver and with_energy(resolver, False) is resolver
    np.testing.assert_allclose(l4_pool(with_energy(resolver, True).ensemble(single(LST))[0]), single(LST), atol=1e-3)


def test_a_super_resolver_of_ones_own_is_taken_as_it_is():
    class Nearest:
        factor, needs_ndvi, conserves_energy = 2, False, True

        def __call__(self, coarse, ndvi=None):
            return upsample(coarse, 2, "nearest")

        def ensemble(self, coarse, ndvi=None):
            return self(coarse), jnp.zeros((*coarse.shape[:1], *(2 * side for side in coarse.shape[1:3]), 1))

    own = Nearest()
    assert as_super_resolver(own) is own
    np.testing.assert_allclose(
        super_resolve_scene(own, LST, tile=8, overlap=5), LST.repeat(2, 0).repeat(2, 1), atol=1e-3
    )
    assert isinstance(with_energy(own, False), FunctionResolver)
    with pytest.raises(ValueError, match="factor 4: this super-resolver has factor 2"):
        as_super_resolver(own, 4)


def test_the_factor_of_a_function_is_its_own_or_four():
    class Twice:
        factor = 2

        def __call__(self, coarse):
            return upsample(coarse, 2)

    assert [as_super_resolver(f, n).factor for f, n in ((Twice(), None), (jax.jit(upsample), None), (abs, 3))] == [
        2,
        4,
        3,
    ]
