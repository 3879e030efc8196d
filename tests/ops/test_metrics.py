"""rmse, psnr and ssim against the authors' figures, scikit-image, and their definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops import metrics

rmse, psnr = jax.jit(metrics.rmse), jax.jit(metrics.psnr)
ssim = jax.jit(metrics.ssim, static_argnames="window")
WINDOWS = ("uniform7", "gaussian11", "global")
EVERY = {"rmse": rmse, "psnr": psnr, **{window: functools.partial(ssim, window=window) for window in WINDOWS}}
SLOPES = {name: jax.jit(jax.grad(function, argnums=1)) for name, function in EVERY.items()}


def _pair(shape=(24, 33, 1), seed=0):
    """A smooth truth with a gradient, and an estimate about 1 K off."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[-3], : shape[-2]]
    truth = 295 + 8 * np.sin(y / 5)[..., None] + 0.2 * x[..., None] + rng.normal(0, 1.5, shape)
    return truth.astype(np.float32), (truth + rng.normal(0.2, 1, shape)).astype(np.float32)


@pytest.mark.parametrize("factor", [4, 2])
@pytest.mark.parametrize("method", ["cubic", "linear"])
def test_equals_the_reference(reference, factor, method):
    """In float32: scores without unit to 1e-5; RMSE to 1e-5 K.

    PSNR is compared to 1e-5 of its value: its range, a difference of two numbers near 300 K, is only known to
    3e-5 K in float32, which is about 3e-5 dB.
    """
    arrays, table = np.load(reference / "degrade.npz"), np.load(reference / "metrics.npz")
    truth = arrays["dn"].astype(np.float64)[..., None] * 0.02
    estimate = arrays[f"x{factor}_cv2_{method}"][..., None]
    want = dict(zip(table["metric_names"], table[f"x{factor}_{method}"].T, strict=True))
    names = {
        "rmse": "rmse",
        "psnr": "psnr_skimage",
        "uniform7": "ssim_uniform7",
        "gaussian11": "ssim_gauss11",
        "global": "ssim_global_ddof0",
    }
    for name, column in names.items():
        got = np.asarray(EVERY[name](jnp.asarray(truth, jnp.float32), jnp.asarray(estimate, jnp.float32)))
        scale = want[column].max() if name == "psnr" else 1
        assert np.abs(got - want[column]).max() < 1e-5 * scale, name
        with jax.enable_x64(True):
            got = np.asarray(EVERY[name](jnp.asarray(truth), jnp.asarray(estimate)))
        assert np.abs(got - want[column]).max() < 1e-10, name
    np.testing.assert_allclose(want["psnr_notorch"], want["psnr_skimage"], atol=1e-9)
    np.testing.assert_allclose(want["ssim_notorch"], want["ssim_uniform7"], atol=1e-9)


@pytest.mark.parametrize("channels", [1, 2])
def test_equals_scikit_image(channels):
    skimage = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed (extra: test)")
    truth, estimate = _pair((24, 33, channels))
    exact = truth.astype(np.float64), estimate.astype(np.float64)
    ranged = {"data_range": np.ptp(exact[0])}
    similarity = functools.partial(skimage.structural_similarity, *exact, channel_axis=-1, **ranged)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    assert float(psnr(truth, estimate)) == pytest.approx(skimage.peak_signal_noise_ratio(*exact, **ranged), rel=1e-5)
    assert float(ssim(truth, estimate)) == pytest.approx(similarity(), abs=1e-5)
    assert float(ssim(truth, estimate, window="gaussian11")) == pytest.approx(similarity(**gaussian), abs=1e-5)


def test_global_window_is_the_paper_s_equation_3():
    truth, estimate = (image.astype(np.float64) for image in _pair())
    c1, c2 = (0.01 * np.ptp(truth)) ** 2, (0.03 * np.ptp(truth)) ** 2
    covariance = np.cov(truth.ravel(), estimate.ravel(), ddof=0)
    luminance = (2 * truth.mean() * estimate.mean() + c1) / (truth.mean() ** 2 + estimate.mean() ** 2 + c1)
    structure = (2 * covariance[0, 1] + c2) / (covariance[0, 0] + covariance[1, 1] + c2)
    got = ssim(*_pair(), window="global")
    assert float(got) == pytest.approx(luminance * structure, abs=1e-5)


def test_float32_at_300_k_loses_nothing_to_cancellation():
    """scikit-image's float32 path is off by up to 1e-3 here: it forms variances without taking the mean out."""
    truth, estimate = _pair()
    truth, estimate = 300 + (truth - 300) / 20, 300 + (estimate - 300) / 20  # a flat scene: range 1.5 K
    for window in WINDOWS:
        with jax.enable_x64(True):
            want = float(ssim(jnp.asarray(truth, float), jnp.asarray(estimate, float), window=window))
        assert float(ssim(truth, estimate, window=window)) == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_one_value_per_image(name):
    truth, estimate = _pair((2, 3, 16, 20, 1))
    got = EVERY[name](truth, estimate)
    assert got.shape == (2, 3)
    np.testing.assert_allclose(got[1, 2], EVERY[name](truth[1, 2], estimate[1, 2]), rtol=1e-5)
    ranges = np.ptp(truth, axis=(-3, -2, -1))
    np.testing.assert_allclose(EVERY[name](truth, estimate, data_range=ranges), got, rtol=1e-5)


def test_data_range_is_what_psnr_is_relative_to():
    truth, estimate = _pair()
    want = 20 * np.log10(40 / float(rmse(truth, estimate)))
    assert float(psnr(truth, estimate, data_range=40.0)) == pytest.approx(want, rel=1e-6)
    assert float(ssim(truth, estimate, data_range=40.0)) > float(ssim(truth, estimate, data_range=10.0))


def test_perfect_estimate():
    truth, _ = _pair()
    assert float(rmse(truth, truth)) == 0
    assert float(psnr(truth, truth)) == np.inf
    for window in WINDOWS:
        assert float(ssim(truth, truth, window=window)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("by_nan", [False, True])
def test_mask_scores_as_if_the_image_were_cropped(name, by_nan):
    truth, estimate = _pair()
    inside = np.zeros(truth.shape, bool)
    inside[3:20, 5:29] = True
    cropped = EVERY[name](truth[3:20, 5:29], estimate[3:20, 5:29])
    masked = (
        EVERY[name](np.where(inside, truth, np.nan), estimate) if by_nan else EVERY[name](truth, estimate, mask=inside)
    )
    np.testing.assert_allclose(masked, cropped, rtol=1e-5)


def test_one_mask_for_all_images():
    truth, estimate = _pair((3, 16, 20, 2))
    mask = np.zeros((1, 16, 20, 1), bool)
    mask[:, 2:15, 1:12] = True
    np.testing.assert_allclose(
        rmse(truth, estimate, mask=mask), rmse(truth[:, 2:15, 1:12], estimate[:, 2:15, 1:12]), rtol=1e-5
    )


@pytest.mark.parametrize("name", EVERY)
def test_gap_in_an_estimate_cannot_raise_its_score(name):
    truth, estimate = _pair()
    holed = estimate.copy()
    holed[10, 20] = np.nan
    assert np.isnan(EVERY[name](truth, holed))
    observed = truth.copy()
    observed[10, 20] = np.nan
    assert np.isfinite(EVERY[name](observed, holed))


@pytest.mark.parametrize("name", EVERY)
def test_nothing_to_score_is_nan(name):
    truth, estimate = _pair()
    assert np.isnan(EVERY[name](np.full_like(truth, np.nan), estimate))
    assert np.isnan(EVERY[name](truth, estimate, mask=np.zeros(truth.shape, bool)))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("case", ["usual", "flat", "flat truth", "gap"])
def test_gradients_are_finite(name, case):
    truth, estimate = _pair()
    if case.startswith("flat"):
        truth = np.full_like(truth, 300)
    if case == "flat":
        estimate = truth.copy()
    if case == "gap":
        truth[4, 7] = np.nan
    assert np.isfinite(SLOPES[name](jnp.asarray(truth), jnp.asarray(estimate))).all()


@pytest.mark.parametrize("function", [metrics.rmse, metrics.psnr, metrics.ssim])
def test_jit_and_vmap_change_nothing(function):
    truth, estimate = _pair((3, 10, 12, 1))
    np.testing.assert_allclose(jax.jit(jax.vmap(function))(truth, estimate), function(truth, estimate), rtol=1e-5)


@pytest.mark.parametrize("function", [metrics.rmse, metrics.psnr, metrics.ssim])
def test_wrong_shapes_are_refused(function):
    image = jnp.zeros((16, 12, 1))
    with pytest.raises(ValueError, match=r"truth must be .*\(16, 12\).*\[\.\.\., None\]"):
        function(image[..., 0], image[..., 0])
    with pytest.raises(ValueError, match=r"one shape, got \(16, 12, 1\) and \(8, 12, 1\)"):
        function(image, image[:8])
    with pytest.raises(ValueError, match=r"mask must have the rank"):
        function(image, image, mask=jnp.ones((16, 12), bool))


def test_wrong_windows_and_ranges_are_refused():
    image = jnp.zeros((2, 6, 12, 1))
    with pytest.raises(ValueError, match="uniform7, gaussian11 or global, got 'box'"):
        metrics.ssim(image, image, window="box")
    with pytest.raises(ValueError, match=r"\(2, 6, 12, 1\) are smaller than the 7x7"):
        metrics.ssim(image, image)
    with pytest.raises(ValueError, match="a number or one per image"):
        metrics.psnr(image, image, data_range=jnp.ones((2, 1, 1, 1)))
