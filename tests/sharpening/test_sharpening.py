"""TsHARP and ATPRK: closed forms, invariances, gaps and degenerate images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.sharpening import atprk, kriging_weights, pool_ndvi, tsharp

METHODS = [tsharp, atprk]


def scene(*lead: int, size: int = 8, factor: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Coarse LST (K) that depends on NDVI, with a smooth residual of its own; fine NDVI."""
    rng = np.random.default_rng(seed)
    ndvi = rng.uniform(0.1, 0.9, (*lead, size * factor, size * factor, 1))
    coarse = block_mean(ndvi, factor)
    other = rng.standard_normal((*lead, size, size, 1)).cumsum(-3)
    return (305 - 20 * coarse + 0.5 * other).astype(np.float32), ndvi.astype(np.float32)


def block_mean(fine: np.ndarray, factor: int = 4) -> np.ndarray:
    *lead, height, width, _ = fine.shape
    blocks = np.asarray(fine, float).reshape(*lead, height // factor, factor, width // factor, factor)
    return blocks.mean((-3, -1))[..., None]


def test_tsharp_equals_a_fit_in_numpy():
    lst, ndvi = scene()
    coarse = block_mean(ndvi)
    slope, intercept = np.polyfit(coarse.ravel(), lst.ravel().astype(float), 1)
    expected = (
        slope * ndvi + intercept + np.kron((lst - slope * coarse - intercept)[..., 0], np.ones((4, 4)))[..., None]
    )
    np.testing.assert_allclose(tsharp(lst, ndvi), expected, atol=1e-4)


def test_fractional_cover_recovers_a_field_linear_in_cover():
    rng = np.random.default_rng(0)
    ndvi = np.kron(rng.uniform(-0.1, 0.9, (8, 8)), np.ones((4, 4)))[..., None]  # flat blocks: no mixing error
    cover = 1 - ((ndvi.max() - ndvi) / (ndvi.max() - ndvi.min())) ** 0.625
    truth = 310 - 15 * cover
    lst = truth[::4, ::4]
    lst[3, 3] = 200.0  # cloud: out of the fit, added back as a residual
    truth[12:16, 12:16] = 200.0
    np.testing.assert_allclose(tsharp(lst, ndvi, form="fractional_cover", min_lst=273), truth, atol=2e-4)


def test_atprk_equals_a_kriging_written_out():
    """Every fine pixel by its own ordinary kriging system, from distances between all fine pixels."""
    factor, size, reach = 2, 5, 2.5
    lst, ndvi = scene(size=size, factor=factor)
    coarse = block_mean(ndvi, factor)
    slope, intercept = np.polyfit(coarse.ravel(), lst.ravel().astype(float), 1)
    residual = (lst - slope * coarse - intercept)[..., 0]
    places = (np.stack(np.meshgrid(*[np.arange(size * factor)] * 2, indexing="ij"), -1) + 0.5) / factor
    expected = slope * ndvi[..., 0] + intercept
    for y in range(factor, (size - 1) * factor):
        for x in range(factor, (size - 1) * factor):
            i, j = y // factor, x // factor
            near = [(a, b) for a in range(i - 1, i + 2) for b in range(j - 1, j + 2)]
            areas = [
                places[a * factor : (a + 1) * factor, b * factor : (b + 1) * factor].reshape(-1, 2) for a, b in near
            ]
            system, known = np.ones((10, 10)), np.ones(10)
            system[9, 9] = 0
            for m, one in enumerate(areas):
                known[m] = np.mean(1 - np.exp(-3 * np.linalg.norm(one - places[y, x], axis=-1) / reach))
                for n, two in enumerate(areas):
                    apart = np.linalg.norm(one[:, None] - two[None], axis=-1)
                    system[m, n] = np.mean(1 - np.exp(-3 * apart / reach))
            weights = np.linalg.solve(system, known)[:9]
            expected[y, x] += sum(w * residual[p] for w, p in zip(weights, near, strict=True))
    ours = atprk(lst, ndvi, factor, window=3, border="paper", variogram=(1.0, reach), pixel_size=1.0)
    np.testing.assert_allclose(ours[..., 0], expected, atol=1e-4)  # the border too: bare regression


@pytest.mark.parametrize("window", [3, 5])
def test_atprk_is_coherent_up_to_the_edge_whatever_the_variogram(window):
    lst, ndvi = scene(6)
    reach = np.array([1e-3, 0.3, 1.0, 4.0, 50.0, 1e9])
    fine = atprk(lst, ndvi, window=window, variogram=(np.ones(6), reach), pixel_size=1.0)
    np.testing.assert_allclose(block_mean(fine), lst, atol=5e-5)
    assert np.abs(fine[0] - fine[3]).max() > 0.01  # though it is another field
    np.testing.assert_allclose(block_mean(atprk(lst, ndvi, window=window)), lst, atol=5e-5)


def test_tsharp_is_coherent():
    lst, ndvi = scene(3)
    np.testing.assert_allclose(block_mean(tsharp(lst, ndvi)), lst, atol=5e-5)


def test_given_variogram_equals_public_weights_on_a_spike():
    lst = np.full((9, 9, 1), 300.0)
    lst[4, 4] += 1.0  # flat NDVI: the residual is the spike
    fine = atprk(lst, np.full((36, 36, 1), 0.5), variogram=(2.0, 3000.0))
    weights = kriging_weights(2.0, 3000.0)
    np.testing.assert_allclose(np.asarray(fine[16:20, 16:20, 0]).ravel() - 300, weights[:, 12], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_leading_axes_are_free_and_images_independent(method):
    lst, ndvi = scene(2, 3)
    fine = method(lst, ndvi)
    assert fine.shape == (2, 3, 32, 32, 1) and fine.dtype == jnp.float32
    np.testing.assert_allclose(fine[1, 2], method(lst[1, 2], ndvi[1, 2]), atol=1e-4)
    np.testing.assert_allclose(jax.jit(jax.vmap(method))(lst[0], ndvi[0]), fine[0], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_equivariance(method):
    lst, ndvi = scene()
    fine = np.asarray(method(lst, ndvi))
    np.testing.assert_allclose(method(lst.swapaxes(0, 1), ndvi.swapaxes(0, 1)), fine.swapaxes(0, 1), atol=1e-3)
    np.testing.assert_allclose(method(lst[::-1], ndvi[::-1]), fine[::-1], atol=1e-3)
    np.testing.assert_allclose(method(lst + 10, 0.2 + 0.5 * ndvi), fine + 10, atol=1e-3)  # affine in both


def degenerate_cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    lst, ndvi = scene()
    rng = np.random.default_rng(3)
    gaps, one, dark = lst.copy(), np.full_like(lst, np.nan), ndvi.copy()
    gaps[rng.random(gaps.shape) < 0.4] = np.nan
    one[2, 5] = 301.0
    dark[:9, 3:14] = np.nan
    holes = np.where(rng.random(ndvi.shape) < 0.5, np.nan, ndvi)
    flat = np.full_like(ndvi, 0.3)
    line = (310 - 20 * block_mean(ndvi)).astype(np.float32)
    return {
        "flat ndvi": (lst, flat),
        "zero ndvi": (lst, 0 * ndvi),
        "constant lst": (np.full_like(lst, 299.98), ndvi),
        "both constant": (np.full_like(lst, 299.98), flat),
        "residual of one value": (line, ndvi),
        "gaps in lst": (gaps, ndvi),
        "one observed pixel": (one, ndvi),
        "gaps in ndvi": (lst, holes),
        "blocks without ndvi": (gaps, dark),
        "no ndvi": (lst, np.full_like(ndvi, np.nan)),
        "nothing observed": (np.full_like(lst, np.nan), ndvi),
        "colder than min_lst": (lst - 100, ndvi),
    }


@pytest.mark.parametrize("pool", ["mean", "l4"])
@pytest.mark.parametrize("method", METHODS)
def test_no_nan_where_lst_was_observed(method, pool):
    cases = degenerate_cases()
    lst, ndvi = (np.stack(arrays) for arrays in zip(*cases.values(), strict=True))
    fine = np.asarray(method(lst, ndvi, ndvi_pool=pool, min_lst=240.0))
    observed = np.kron(np.isfinite(lst[..., 0]), np.ones((1, 4, 4))) > 0
    for name, image, known, coarse in zip(cases, fine[..., 0], observed, lst, strict=True):
        np.testing.assert_array_equal(np.isfinite(image), known, err_msg=name)
        if known.any():
            margin = 30.0  # no value runs away either
            assert image[known].min() > np.nanmin(coarse) - margin, name
            assert image[known].max() < np.nanmax(coarse) + margin, name
    if pool == "mean":
        kept = np.isfinite(lst)
        np.testing.assert_allclose(block_mean(fine)[kept], lst[kept], atol=1e-4)
    for name in ("constant lst", "both constant", "one observed pixel"):
        index = list(cases).index(name)
        np.testing.assert_allclose(fine[index][observed[index]], np.nanmax(lst[index]), atol=1e-3, err_msg=name)


def test_linear_lst_is_recovered():
    lst, ndvi = degenerate_cases()["residual of one value"]
    for method in METHODS:
        np.testing.assert_allclose(method(lst, ndvi), 310 - 20 * ndvi, atol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_images_smaller_than_a_window(method):
    lst, ndvi = scene(size=1)
    np.testing.assert_allclose(method(lst, ndvi), np.full_like(ndvi, lst[0, 0, 0]), atol=1e-4)
    wide = np.array([[300.0, 301.0, 303.0]])[..., None]
    fine = method(wide, np.full((4, 12, 1), 0.5))
    np.testing.assert_allclose(block_mean(fine), wide, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"form": "fractional_cover"}, {"ndvi_pool": "l4"}, {"method": atprk}])
def test_gradients_are_finite(options):
    options = dict(options)
    method = options.pop("method", tsharp)
    lst, ndvi = (array.copy() for array in scene())
    lst[2, 3], ndvi[:6, :6], ndvi[8:12, 8:12] = np.nan, np.nan, 0.0

    def total(lst, ndvi):
        fine = method(lst, ndvi, **options)
        return jnp.where(jnp.isfinite(fine), fine, 0.0).var()

    by_lst, by_ndvi = jax.grad(total, (0, 1))(lst, ndvi)
    assert np.isfinite(by_lst).all() and np.isfinite(by_ndvi).all()
    assert by_lst[2, 3, 0] == 0 and np.abs(by_lst).max() > 0 and np.abs(by_ndvi).max() > 0


def test_atprk_gradient_is_that_of_a_linear_map_of_the_lst_given_flat_ndvi():
    lst, _ = scene()
    ndvi = np.full((32, 32, 1), 0.5)
    gradient = jax.grad(lambda lst: atprk(lst, ndvi, variogram=(1.0, 3000.0)).sum())(lst)
    np.testing.assert_allclose(gradient, 16.0, atol=1e-3)  # coherence: each coarse kelvin is on 16 fine pixels


def test_pooling_of_ndvi():
    ndvi = np.array([[0.2, -0.4], [0.6, np.nan]])[..., None]
    np.testing.assert_allclose(pool_ndvi(ndvi, 2).ravel(), 0.4 / 3, rtol=1e-6)
    expected = np.mean([0.2**4, 0.4**4, 0.6**4]) ** 0.25
    np.testing.assert_allclose(pool_ndvi(ndvi, 2, "l4").ravel(), expected, rtol=1e-6)
    assert np.isnan(pool_ndvi(np.full((2, 2, 1), np.nan), 2, "l4")).all()
    np.testing.assert_array_equal(pool_ndvi(np.zeros((2, 2, 1)), 2, "l4"), 0.0)


def test_coarse_ndvi_replaces_the_pooled_one():
    lst, ndvi = scene()
    for method in METHODS:
        given = method(lst, ndvi, coarse_ndvi=pool_ndvi(ndvi, 4))
        np.testing.assert_allclose(given, method(lst, ndvi), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_errors(method):
    lst, ndvi = scene()
    with pytest.raises(ValueError, match="channel axis"):
        method(lst[..., 0], ndvi[..., 0])
    with pytest.raises(ValueError, match="one channel"):
        method(np.concatenate([lst, lst], -1), ndvi)
    with pytest.raises(ValueError, match=r"2 times finer than lst \(8, 8, 1\)"):
        method(lst, ndvi, 2)
    with pytest.raises(ValueError, match="leading axes"):
        method(lst[None], ndvi)
    with pytest.raises(ValueError, match="factor"):
        method(lst, ndvi, 0)
    with pytest.raises(ValueError, match="ndvi_pool"):
        method(lst, ndvi, ndvi_pool="median")
    with pytest.raises(ValueError, match="coarse_ndvi"):
        method(lst, ndvi, coarse_ndvi=ndvi)


def test_errors_of_options():
    lst, ndvi = scene()
    with pytest.raises(ValueError, match="form"):
        tsharp(lst, ndvi, form="cubic")
    with pytest.raises(ValueError, match="border"):
        atprk(lst, ndvi, border="wrap")
    with pytest.raises(ValueError, match="window"):
        atprk(lst, ndvi, window=4)
    with pytest.raises(ValueError, match="one per image"):
        atprk(lst, ndvi, variogram=(np.ones(3), np.ones(3)))
