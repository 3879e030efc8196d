"""Each guide is a channel and a mask; a guided network answers with any subset of its guides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax import super_resolve_scene, super_resolve_spread
from lstsr_jax.config import GUIDES, ModelConfig, parse_guides
from lstsr_jax.errors import InputError
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, Predictor, as_super_resolver, guide_channels, input_channels
from lstsr_jax.predictor.guides import CHANNELS, relief

channels_of = jax.jit(guide_channels, static_argnames=("guide", "factor"))
RNG = np.random.default_rng(3)
COARSE = jnp.asarray(RNG.normal(290, 2, (1, 6, 6, 1)), jnp.float32)
NDVI = jnp.asarray(RNG.uniform(0, 0.9, (1, 24, 24, 1)), jnp.float32)
HEIGHT = jnp.asarray(RNG.uniform(0, 900, (1, 24, 24, 1)), jnp.float32)
NOWHERE = jnp.full((1, 24, 24, 1), jnp.nan)


@pytest.fixture(scope="module")
def predictor():
    config = ModelConfig(name="edsr", width=8, blocks=1, guide="ndvi,elevation")
    module = create_model(config)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 16, 16, input_channels(config))))
    noise = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: x + 0.1 * noise.normal(size=x.shape).astype(np.float32), variables)
    return Predictor(variables, module, config, Normalization("anomaly", 3.0))


def test_guides_are_named_in_any_order_and_stored_in_one():
    assert ModelConfig(guide="elevation, ndvi").guide == "ndvi,elevation"
    assert [ModelConfig(guide=guide).guides for guide in ("none", "ndvi", "elevation")] == [
        (),
        ("ndvi",),
        ("elevation",),
    ]
    assert tuple(CHANNELS) == GUIDES == parse_guides(",".join(GUIDES))
    for text in ("dem", "", "none,ndvi", "ndvi,"):
        with pytest.raises(InputError, match=r"`model\.guide`.*choose none or one or more of ndvi, elevation"):
            ModelConfig(guide=text)


def test_relief_is_what_pooling_takes_away_and_knows_no_absolute_height():
    rows, columns = np.mgrid[:32, :32].astype(np.float32)
    steps = np.where((rows + columns) % 2, 40.0, -40.0).astype(np.float32)
    plane = 0.05 * rows + 0.03 * columns
    found = jax.jit(relief, static_argnums=1)(jnp.asarray(plane + steps + 3000)[None, ..., None], 4)[0, ..., 0]
    np.testing.assert_allclose(found[8:-8, 8:-8], steps[8:-8, 8:-8], atol=0.02)  # bicubic nearly gives a plane back


def test_gaps_in_elevation_are_zero_and_masked_and_leave_the_rest_as_it_is():
    height = HEIGHT.at[0, :4, :4].set(jnp.nan).at[0, 5, 5].set(jnp.nan)
    channels = channels_of(height, "elevation")
    gaps = np.isnan(height[..., 0])
    assert (channels[..., 0][gaps] == 0).all() and np.array_equal(channels[..., 1] == 0, gaps)
    assert bool(jnp.isfinite(channels).all())
    whole = channels_of(HEIGHT, "elevation")
    np.testing.assert_allclose(channels[0, 16:, 16:], whole[0, 16:, 16:], atol=1e-6)
    assert not bool(channels_of(NOWHERE, "elevation").any())


@pytest.mark.parametrize("given", [{}, {"elevation": HEIGHT}])
def test_a_guide_that_is_not_given_is_one_that_is_known_nowhere(predictor, given):
    answer = predictor(COARSE, **given)
    np.testing.assert_array_equal(answer, predictor(COARSE, **{"ndvi": NOWHERE, "elevation": NOWHERE, **given}))
    assert bool(jnp.isfinite(answer).all())
    for name in set(GUIDES) - set(given):
        other = predictor(COARSE, **given, **{name: {"ndvi": NDVI, "elevation": HEIGHT}[name]})
        assert float(jnp.abs(other - answer).max()) > 1e-3


def test_the_self_ensemble_turns_every_guide_with_the_field(predictor):
    def turn(x):
        return jnp.rot90(x, 1, (1, 2))

    mean, spread = predictor.ensemble(COARSE, elevation=HEIGHT)
    turned = predictor.ensemble(turn(COARSE), elevation=turn(HEIGHT))
    for before, after in zip((mean, spread), turned, strict=True):
        np.testing.assert_allclose(turn(before), after, atol=2e-4)
    assert float(spread.max()) > 1e-2


def test_what_does_not_fit_is_refused(predictor):
    lst = COARSE[0, ..., 0]
    plain = as_super_resolver(lambda coarse: jnp.zeros((1, 24, 24, 1)))
    with pytest.raises(ValueError, match="not guided by elevation: leave elevation out"):
        super_resolve_scene(plain, lst, elevation=HEIGHT[0, ..., 0])
    only_ndvi = predictor.replace(config=ModelConfig(name="edsr", width=8, blocks=1, guide="ndvi"))
    with pytest.raises(ValueError, match="not guided by elevation: leave elevation out"):
        only_ndvi(COARSE, elevation=HEIGHT)
    with pytest.raises(ValueError, match=r"elevation .* must be lst .* times the factor 4"):
        super_resolve_scene(predictor, lst, elevation=HEIGHT[0, :8, :8, 0])
    with pytest.raises(ValueError, match=r"elevation must be in metres, -500 to 9000.*-32768"):
        super_resolve_scene(predictor, lst, elevation=np.full((24, 24), -32768.0))


def test_a_function_that_names_its_guides_is_given_them():
    class Lapse:
        factor, needs_ndvi, conserves_energy, guides = 4, False, True, ("elevation",)

        def __call__(self, coarse, ndvi=None, *, elevation):
            assert ndvi is None
            return jnp.repeat(jnp.repeat(coarse, 4, 1), 4, 2) - 0.0065 * elevation

        def ensemble(self, coarse, ndvi=None, *, elevation):
            fine = self(coarse, elevation=elevation)
            return fine, jnp.zeros_like(fine)

    lst, height = np.full((40, 32), 290.0), RNG.uniform(0, 2000, (160, 128)).astype(np.float32)
    seen = {"elevation": height, "conserve_energy": False, "tile": 16, "overlap": 8}  # many tiles, each its own part
    np.testing.assert_allclose(super_resolve_scene(Lapse(), lst, **seen), 290 - 0.0065 * height, atol=1e-3)
    mean, _ = super_resolve_spread(Lapse(), lst, **seen)
    np.testing.assert_allclose(mean, 290 - 0.0065 * height, atol=1e-3)


def test_a_model_guided_by_ndvi_is_what_it_was_before_there_were_others():
    """The fingerprint covers the configuration as it is stored: products that were made with it stay finished."""
    config = ModelConfig(name="edsr", width=8, blocks=1, guide="ndvi")
    variables = {"params": {"a": jnp.arange(3, dtype=jnp.float32)}}
    before = Predictor(variables, create_model(config), config, Normalization("anomaly", 3.0))
    assert before.fingerprint == "1942a84698e7" and before.guides == ("ndvi",) and before.needs_ndvi
