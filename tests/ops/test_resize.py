"""upsample against the arrays of OpenCV and PyTorch, OpenCV itself, and what the kernels must do to polynomials."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops import resize

upsample = jax.jit(resize.upsample, static_argnames=("factor", "method"))
CV2_METHODS = {"bicubic": "INTER_CUBIC", "bilinear": "INTER_LINEAR", "nearest": "INTER_NEAREST"}


def _field(shape, seed=0):
    return np.random.default_rng(seed).uniform(250, 330, shape)


@pytest.mark.parametrize("factor", [4, 2])
@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("bicubic", "cv2_cubic"),
        ("bicubic", "torch_bicubic"),
        ("bilinear", "cv2_linear"),
        ("bilinear", "paper_upsampling"),  # the authors' "bicubic" call interpolates linearly
    ],
)
def test_equals_the_reference_arrays(reference, factor, method, key):
    arrays = np.load(reference / "degrade.npz")
    coarse, want = arrays[f"x{factor}_down_paper"][..., None], arrays[f"x{factor}_{key}"][..., None]
    got = upsample(jnp.asarray(coarse, jnp.float32), factor, method)
    assert got.dtype == jnp.float32
    assert np.abs(np.asarray(got) - want).max() < 2e-4
    with jax.enable_x64(True):
        assert np.abs(np.asarray(upsample(jnp.asarray(coarse), factor, method)) - want).max() < 1e-10


def test_rectangle_keeps_its_orientation(reference):
    arrays = np.load(reference / "degrade.npz")
    with jax.enable_x64(True):
        got = np.asarray(upsample(jnp.asarray(arrays["rect_down4"])[..., None]))
    assert np.abs(got[..., 0] - arrays["rect_cv2_cubic_correct"]).max() < 1e-10


@pytest.mark.parametrize("method", CV2_METHODS)
@pytest.mark.parametrize(("shape", "factor"), [((13, 9), 4), ((3, 11), 2), ((6, 5), 3), ((1, 4), 4), ((2, 2), 8)])
def test_equals_opencv(method, shape, factor):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed (extra: test)")
    coarse = _field(shape)
    size = (shape[1] * factor, shape[0] * factor)
    want = cv2.resize(coarse, size, interpolation=getattr(cv2, CV2_METHODS[method]))
    got = upsample(jnp.asarray(coarse, jnp.float32)[..., None], factor, method)[..., 0]
    assert np.abs(np.asarray(got) - want).max() < 2e-4
    with jax.enable_x64(True):
        got = np.asarray(upsample(jnp.asarray(coarse)[..., None], factor, method))[..., 0]
    exact = method != "bicubic" or factor != 3  # OpenCV keeps its weights in float32: thirds are rounded
    assert np.abs(got - want).max() < (1e-10 if exact else 2e-4)


def test_leading_axes_and_channels_are_independent():
    x = jnp.asarray(_field((2, 3, 5, 7, 2)), jnp.float32)
    got = upsample(x, 4)
    assert got.shape == (2, 3, 20, 28, 2)
    np.testing.assert_array_equal(got[1, 2, :, :, 1], upsample(x[1, 2, :, :, 1:], 4)[..., 0])


@pytest.mark.parametrize("method", CV2_METHODS)
@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_constants_stay_exactly(method, factor):
    np.testing.assert_array_equal(upsample(jnp.full((4, 3, 1), 287.31), factor, method), np.float32(287.31))


@pytest.mark.parametrize("method", CV2_METHODS)
def test_factor_one_changes_nothing(method):
    x = jnp.asarray(_field((4, 3, 1)), jnp.float32)
    np.testing.assert_array_equal(upsample(x, 1, method), x)


@pytest.mark.parametrize("axis", [0, 1])
def test_ramps(axis):
    """Bilinear is exact on ramps inside; the cubic kernel is off by -(2a + 1) t (1 - t) (1 - 2t), a = -0.75."""
    factor, n = 4, 10
    positions = (np.arange(n * factor) + 0.5) / factor - 0.5
    t = positions % 1
    inside = slice(2 * factor, -2 * factor)
    for method, departure in {"bilinear": 0 * t, "bicubic": 0.5 * t * (1 - t) * (1 - 2 * t)}.items():
        with jax.enable_x64(True):
            ramp = jnp.broadcast_to(jnp.arange(float(n))[:, None], (n, 5))
            ramp = (ramp if axis == 0 else ramp.T)[..., None]
            fine = np.asarray(upsample(ramp, factor, method)).take(2, axis=1 - axis)[:, 0]
        np.testing.assert_allclose((fine - positions)[inside], departure[inside], atol=1e-13)


def test_edges_are_replicated():
    x = jnp.asarray(_field((3, 4, 1)), jnp.float32)
    padded = jnp.pad(x, ((2, 2), (2, 2), (0, 0)), mode="edge")
    for method in CV2_METHODS:
        got = upsample(padded, 4, method)[8:-8, 8:-8]
        np.testing.assert_array_equal(upsample(x, 4, method), got)


def test_commutes_with_flips_and_transposition():
    x = jnp.asarray(_field((5, 8, 1)), jnp.float32)
    want = upsample(x)
    np.testing.assert_allclose(upsample(x[::-1])[::-1], want, atol=1e-4)
    np.testing.assert_allclose(upsample(x.transpose(1, 0, 2)).transpose(1, 0, 2), want, atol=1e-4)


@pytest.mark.parametrize(("method", "reach"), [("bicubic", 2), ("bilinear", 1), ("nearest", 0)])
def test_a_gap_spreads_no_further_than_the_kernel(method, reach):
    x = jnp.ones((9, 11, 1)).at[4, 5, 0].set(jnp.nan)
    gap = np.isnan(upsample(x, 4, method))[..., 0]
    coarse = gap.reshape(9, 4, 11, 4).any((1, 3))
    rows, columns = np.nonzero(coarse)
    assert (np.abs(rows - 4).max(), np.abs(columns - 5).max()) == (reach, reach)


def test_gradient_is_the_adjoint():
    with jax.enable_x64(True):
        x, y = jnp.asarray(_field((5, 7, 1))), jnp.asarray(_field((20, 28, 1), 1))
        fine, pull = jax.vjp(upsample, x)
        assert abs(float((fine * y).sum() / (x * pull(y)[0]).sum()) - 1) < 1e-13


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        upsample(jnp.zeros((4, 4)))
    with pytest.raises(ValueError, match="positive integer"):
        upsample(jnp.zeros((4, 4, 1)), 0.25)
    with pytest.raises(ValueError, match="nearest, bilinear, bicubic, got 'cubic'"):
        upsample(jnp.zeros((4, 4, 1)), 4, "cubic")
