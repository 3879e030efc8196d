"""super_resolve_scene: no seams, no spreading gaps, energy kept, one shape for the network."""

import dataclasses
import datetime
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from lstsr_jax import l4_pool, load_predictor, rmse, super_resolve_scene, super_resolve_spread, upsample
from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, to_kelvin
from lstsr_jax.predictor import Predictor, SpreadCalibration, as_super_resolver
from lstsr_jax.scene import SceneSteps
from lstsr_jax.scene.tiling import DROP, Tiling, layout

bicubic = jax.jit(functools.partial(upsample, factor=4))


def field(height, width, seed=0):
    """LST with structure at several scales, no two rows or columns alike."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for scale in (1, 4, 16):
        noise = rng.standard_normal((height, width))
        total += scale * scipy.ndimage.gaussian_filter(noise, scale) * 3
    return (295 + total + 0.02 * np.arange(width)).astype(np.float32)


def blobs(shape, share, seed=0, size=4):
    """True in a share of the pixels, in blobs."""
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), size)
    return noise > np.quantile(noise, 1 - share)


def refined(mask):
    return mask.repeat(4, 0).repeat(4, 1)


@pytest.fixture(scope="module")
def predictor(trained):
    return load_predictor(trained)


@jax.jit
def restless(coarse):
    """A stand-in for a strong network: it looks in one direction, and at the mean of what it is given."""
    fine = upsample(coarse, 4)
    return fine + 0.2 * (jnp.roll(fine, 3, 2) - fine) + 0.1 * (fine - fine.mean((1, 2), keepdims=True))


@pytest.fixture(scope="module", params=["trained", "restless"])
def network(request, predictor):
    return predictor if request.param == "trained" else restless


@pytest.fixture(scope="module")
def simulated():
    granule = simulate_granule(4, date=datetime.date(2020, 6, 1), size=96, cloud_fraction=0.0)
    return to_kelvin(granule.lst_day), granule.truth_day


@pytest.mark.parametrize("size", [(64, 64), (100, 173), (20, 31), (65, 64), (1, 90), (300, 300)])
@pytest.mark.parametrize(("tile", "overlap"), [(64, 16), (48, 9), (20, 5)])
def test_tiled_bicubic_is_untiled_bicubic(size, tile, overlap):
    lst = field(*size)
    got = super_resolve_scene(bicubic, lst, conserve_energy=False, tile=tile, overlap=overlap, batch=16)
    np.testing.assert_allclose(got, np.asarray(bicubic(lst[None, ..., None]))[0, ..., 0], atol=2e-4)


@pytest.mark.slow
def test_a_whole_granule():
    """1200 is no multiple of the tile; gaps included."""
    lst = field(1200, 1200)
    got = super_resolve_scene(bicubic, lst, conserve_energy=False)
    np.testing.assert_allclose(got, np.asarray(bicubic(lst[None, ..., None]))[0, ..., 0], atol=2e-4)
    lst[blobs(lst.shape, 0.4)] = np.nan
    got = super_resolve_scene(bicubic, lst)
    np.testing.assert_array_equal(np.isnan(got), refined(np.isnan(lst)))
    pooled = np.asarray(l4_pool(got[..., None]))[..., 0]
    assert np.nanmax(np.abs(pooled - lst)) < 1e-3


@pytest.mark.parametrize("size", [20, 48, 49, 70, 95, 96, 97, 130, 1200])
@pytest.mark.parametrize(("tile", "overlap"), [(48, 16), (48, 47), (20, 5)])
def test_weights_sum_to_one_and_stay_off_borders(size, tile, overlap):
    size = max(size, tile)
    total = np.zeros(size * 4)
    for span in layout(size, Tiling(tile, overlap), 4):
        stop = span.start + span.weights.size
        total[span.start : stop] += span.weights
        assert span.weights.min() >= 0
        assert span.start == 0 or span.start >= (span.origin + DROP) * 4
        assert stop == size * 4 or stop <= (span.origin + tile - DROP) * 4
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_inside_a_tile_the_result_is_the_network_on_that_tile(network):
    lst = field(80, 80)
    got = super_resolve_scene(network, lst, conserve_energy=False, tile=32, overlap=8)
    origin = 24  # tiles start at 0, 24, 48
    alone = np.asarray(network(lst[None, origin : origin + 32, origin : origin + 32, None]))[0, ..., 0]
    np.testing.assert_allclose(
        got[(origin + 8) * 4 : (origin + 24) * 4, (origin + 8) * 4 : (origin + 24) * 4], alone[32:96, 32:96], atol=1e-3
    )


def test_a_scene_of_one_tile_is_the_network(network):
    lst = field(64, 64)
    got = super_resolve_scene(network, lst, conserve_energy=False, batch=1)
    np.testing.assert_allclose(got, np.asarray(network(lst[None, ..., None]))[0, ..., 0], atol=1e-3)


def test_gaps_are_masked_and_do_not_spread(predictor):
    lst = field(70, 50)
    lst[blobs(lst.shape, 0.4)] = np.nan
    lst[5, 7] = np.inf
    got = super_resolve_scene(predictor, lst, tile=32, overlap=8)
    np.testing.assert_array_equal(np.isnan(got), refined(~np.isfinite(lst)))
    pooled = np.asarray(l4_pool(got[..., None]))[..., 0]
    seen = np.isfinite(lst)
    assert np.abs(pooled - lst)[seen].max() < 1e-3


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_clouds_do_not_reach_far(predictor, simulated, share):
    lst, _ = simulated
    cloudy = np.where(blobs(lst.shape, share, size=5), np.float32(np.nan), lst)
    far = refined(scipy.ndimage.distance_transform_edt(np.isfinite(cloudy)) > 3)
    change = np.abs(super_resolve_scene(predictor, cloudy) - super_resolve_scene(predictor, lst))[far]
    assert np.median(change) < 0.02
    assert np.percentile(change, 99) < 0.2


def test_an_empty_scene_needs_no_network():
    def never(coarse):
        raise AssertionError("called")

    lst = np.full((30, 20), np.nan, np.float32)
    assert np.isnan(super_resolve_scene(never, lst)).all()
    assert [np.isnan(band).all() for band in super_resolve_spread(never, lst)] == [True, True]


def test_one_compilation_and_no_empty_tile():
    shapes, calls = [], []

    @jax.jit
    def traced(coarse):
        shapes.append(coarse.shape)
        return upsample(coarse, 4)

    def counted(coarse):
        calls.append(None)
        return traced(coarse)

    lst = field(200, 200)
    lst[:, 60:] = np.nan
    told = []
    super_resolve_scene(counted, lst, tile=32, overlap=8, batch=4, progress=lambda *state: told.append(state))
    assert shapes == [(4, 32, 32, 1)]
    assert told[-1] == (24, 24) and len(calls) == 6  # 8 x 3 of 8 x 8 tiles


def test_numpy_functions_and_other_factors_work():
    class Twice:
        factor = 2

        def __call__(self, coarse):
            return np.repeat(np.repeat(np.asarray(coarse), 2, 1), 2, 2)

    lst = field(33, 41)
    np.testing.assert_allclose(super_resolve_scene(Twice(), lst), lst.repeat(2, 0).repeat(2, 1), atol=1e-3)


def test_energy_conservation_helps_bicubic(simulated):
    lst, truth = simulated
    truth = np.where(refined(np.isfinite(lst)), truth, np.nan)[..., None]
    plain, conserved = (super_resolve_scene(bicubic, lst, conserve_energy=on)[..., None] for on in (False, True))
    assert rmse(truth, conserved) < rmse(truth, plain)


def test_spread_is_over_the_eight_orientations(network):
    lst = field(32, 32)
    mean, spread = super_resolve_spread(network, lst, conserve_energy=False, tile=32, overlap=8, batch=1)
    members = []
    for turns in range(4):
        for mirrored in (False, True):
            x = np.rot90(lst, turns)
            x = x[:, ::-1] if mirrored else x
            y = np.asarray(network(x[None, ..., None].copy()))[0, ..., 0]
            members.append(np.rot90(y[:, ::-1] if mirrored else y, -turns))
    np.testing.assert_allclose(mean, np.mean(members, 0), atol=1e-3)
    np.testing.assert_allclose(spread, np.std(members, 0), atol=1e-3)
    assert spread.max() > (0.1 if network is restless else 0)


def test_a_calibrated_spread_is_a_standard_deviation(network):
    lst = field(32, 32)
    _, spread = super_resolve_spread(network, lst, tile=32, overlap=8)

    if isinstance(network, Predictor):
        calibrated = dataclasses.replace(network, calibration=SpreadCalibration(0.3, 2.0))
    else:
        calibrated = as_super_resolver(network, calibration=SpreadCalibration(0.3, 2.0))
    _, sigma = super_resolve_spread(calibrated, lst, tile=32, overlap=8)
    np.testing.assert_allclose(sigma, np.hypot(0.3, 2 * spread), atol=1e-5)
    if not isinstance(network, Predictor):
        return
    against_aster = dataclasses.replace(calibrated, product_calibration=SpreadCalibration(0.7, 4.0))
    _, sigma = super_resolve_spread(against_aster, lst, tile=32, overlap=8)  # goes before that of training
    np.testing.assert_allclose(sigma, np.hypot(0.7, 4 * spread), atol=1e-5)


def test_spread_conserves_energy_and_vanishes_for_what_has_no_direction():
    lst = field(50, 40)
    lst[10:20, 5:15] = np.nan
    mean, spread = super_resolve_spread(bicubic, lst, tile=32, overlap=8)
    np.testing.assert_allclose(mean, super_resolve_scene(bicubic, lst, tile=32, overlap=8), atol=1e-3)
    np.testing.assert_array_equal(np.isnan(spread), refined(np.isnan(lst)))
    assert np.nanmax(spread) < 1e-3


def test_ndvi_goes_along_tile_by_tile():
    ndvi = (field(200, 280, seed=1) - 295) / 100

    def guided(coarse, guide):
        return upsample(coarse, 4) + guide

    lst = field(50, 70)
    got = super_resolve_scene(guided, lst, ndvi, conserve_energy=False, tile=32, overlap=8)
    np.testing.assert_allclose(got, np.asarray(bicubic(lst[None, ..., None]))[0, ..., 0] + ndvi, atol=1e-3)
    mean, _ = super_resolve_spread(guided, lst, ndvi, conserve_energy=False, tile=32, overlap=8)
    np.testing.assert_allclose(mean, got, atol=1e-3)
    with pytest.raises(ValueError, match=r"ndvi \(200, 280\)"):
        super_resolve_scene(guided, lst[1:], ndvi)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"overlap": 4}, "overlap"), ({"tile": 16, "overlap": 16}, "overlap"), ({"batch": 0}, "batch")],
)
def test_impossible_tilings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        super_resolve_scene(bicubic, field(20, 20), **options)


def test_wrong_shapes_and_values_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 20, 20\)"):
        super_resolve_scene(bicubic, np.zeros((2, 20, 20), np.float32))
    with pytest.raises(ValueError, match="predictor gave"):
        super_resolve_scene(lambda coarse: coarse, field(20, 20))
    with pytest.raises(InputError, match="finite"):
        super_resolve_scene(lambda coarse: jnp.full((3, 256, 256, 1), jnp.nan), field(20, 20), batch=3)


def test_gaps_of_a_part_are_filled_as_those_of_the_whole_where_it_is_said_to_lie():
    lst = field(96, 400)
    lst[20:70, 190:250] = np.nan  # on both sides of column 208
    gaps = np.isnan(lst)[:, 208:]
    whole, part, elsewhere = (
        SceneSteps.begin(bicubic, values, origin=origin).filled
        for values, origin in ((lst, (0, 0)), (lst[:, 144:], (0, 144)), (lst[:, 144:], (0, 0)))
    )
    off, far_off = (np.abs(filled[:, 64:] - whole[:, 208:])[gaps].max() for filled in (part, elsewhere))
    assert off < 0.05 < 0.2 < far_off
    np.testing.assert_array_equal(part[:, 64:][~gaps], lst[:, 208:][~gaps])
