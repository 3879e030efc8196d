"""The networks and their layers without a reference: sizes, equivalences, statistics, starting values."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lstsr_jax.models.dmcn import DMCN, pixel_shuffle
from lstsr_jax.models.layers import BatchNorm, StridedConv, TransposedConv
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.models.vdsr import VDSR

SMALL = {"mrunet": MRUNet(width=2), "vdsr": VDSR(depth=4, width=3), "dmcn": DMCN(width=4)}
KEY = jax.random.key(0)


def _normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def _shapes(module, shape):
    return jax.eval_shape(module.init, KEY, jax.ShapeDtypeStruct(shape, jnp.float32))


@pytest.mark.parametrize(
    ("module", "count"),
    [(MRUNet(), 45_049_601), (VDSR(), 664_704), (DMCN(), 1_311_953)],
    ids=["mrunet", "vdsr", "dmcn"],
)
def test_parameter_count_is_the_authors(module, count):
    assert sum(leaf.size for leaf in jax.tree.leaves(_shapes(module, (1, 64, 64, 1))["params"])) == count


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 4, 7, 3), (1, 33, 18, 1), (1, 47, 65, 2), (3, 64, 32, 1)])
@pytest.mark.parametrize("train", [False, True])
def test_any_size_and_any_channels(name, shape, train):
    module = SMALL[name]
    variables = _shapes(module, (1, 32, 32, shape[-1]))
    apply = functools.partial(module.apply, train=train, mutable=["batch_stats"] if train else False)
    got = jax.eval_shape(apply, variables, jax.ShapeDtypeStruct(shape, jnp.float32))
    assert (got[0] if train else got).shape == (*shape[:3], 1)


@pytest.mark.parametrize("name", SMALL)
def test_untrained_network_returns_its_first_channel(name, randomize):
    module, x = SMALL[name], _normal((1, 19, 26, 2))
    last = jax.jit(lambda: module.init(KEY, x)["params"]["output"])()  # the rest is not compiled
    variables = randomize(_shapes(module, x.shape))
    variables["params"]["output"] = last
    np.testing.assert_array_equal(jax.jit(module.apply)(variables, x), x[..., :1])


@pytest.mark.parametrize("name", ["mrunet", "dmcn"])
def test_padding_is_by_the_edge_and_is_cropped(name, randomize):
    """What the network does with an odd size is what it does with the image padded by hand."""
    module, x = SMALL[name], _normal((1, 18, 25, 1))
    side = {"mrunet": (32, 32), "dmcn": (20, 28)}[name]
    padded = jnp.pad(x, ((0, 0), (0, side[0] - 18), (0, side[1] - 25), (0, 0)), mode="edge")
    variables = randomize(_shapes(module, x.shape))
    want = jax.jit(module.apply)(variables, padded)[:, :18, :25]
    np.testing.assert_allclose(jax.jit(module.apply)(variables, x), want, atol=1e-5)
    assert np.abs(want - x).max() > 1e-3


def test_vdsr_has_no_state_and_train_changes_nothing(randomize):
    module, x = SMALL["vdsr"], _normal((1, 9, 12, 1))
    variables = randomize(_shapes(module, x.shape))
    assert set(variables) == {"params"}
    np.testing.assert_array_equal(module.apply(variables, x, train=True), module.apply(variables, x))


@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (1, 5, 7, 3)])
def test_strided_conv_equals_flax_forward_and_backward(shape):
    x, ours = _normal(shape), StridedConv(4)
    flax = nn.Conv(4, (2, 2), strides=2, padding="VALID")  # drops an odd last row or column, as PyTorch does
    params = {"kernel": _normal((2, 2, 3, 4), 1), "bias": _normal((4,), 2)}
    _assert_equal_functions(ours, flax, params, params, x)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (1, 1, 5, 6)])
def test_transposed_conv_equals_flax_forward_and_backward(shape):
    x, ours = _normal(shape), TransposedConv(3)
    flax = nn.ConvTranspose(3, (2, 2), strides=(2, 2), padding="VALID", transpose_kernel=False)
    params = {"kernel": _normal((2, 2, 6, 3), 1), "bias": _normal((3,), 2)}
    mirrored = {**params, "kernel": params["kernel"][::-1, ::-1]}  # Flax correlates with the kernel as it stands
    _assert_equal_functions(ours, flax, params, mirrored, x)


def _assert_equal_functions(ours, flax, params, flax_params, x):
    def value(module, params, x):
        y = module.apply({"params": params}, x)
        return (y * jnp.cos(jnp.arange(float(y.size))).reshape(y.shape)).sum(), y

    run = {
        m: jax.jit(jax.value_and_grad(functools.partial(value, m), argnums=(0, 1), has_aux=True)) for m in (ours, flax)
    }
    (_, got), (got_params, got_x) = run[ours](params, x)
    (_, want), (want_params, want_x) = run[flax](flax_params, x)
    np.testing.assert_allclose(got, want, atol=1e-5)
    np.testing.assert_allclose(got_x, want_x, atol=1e-5)
    np.testing.assert_allclose(got_params["bias"], want_params["bias"], atol=1e-4)
    mirror = flax_params["kernel"] is not params["kernel"]
    kernel = want_params["kernel"][::-1, ::-1] if mirror else want_params["kernel"]
    np.testing.assert_allclose(got_params["kernel"], kernel, atol=1e-4)


def test_pixel_shuffle_order():
    """Channel ``c*f*f + i*f + j`` becomes pixel ``(i, j)`` of channel ``c``, as torch.nn.PixelShuffle does."""
    x = _normal((2, 3, 5, 12))
    got = pixel_shuffle(x, 2)
    assert got.shape == (2, 6, 10, 3)
    for c, i, j in [(0, 0, 1), (1, 1, 0), (2, 1, 1)]:
        np.testing.assert_array_equal(got[:, i::2, j::2, c], x[..., c * 4 + i * 2 + j])


def test_batch_norm_running_statistics_are_pytorch_s():
    """Normalised with the biased variance; the running one moves a tenth of the way to the unbiased one."""
    x, norm = 3 + 2 * _normal((2, 3, 5, 4)), BatchNorm(use_running_average=False)
    variables = norm.init(KEY, x)
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], 0)  # initialising counts no batch
    y, state = norm.apply(variables, x, mutable=["batch_stats"])
    values = np.asarray(x, np.float64).reshape(-1, 4)
    want = (values - values.mean(0)) / np.sqrt(values.var(0) + 1e-5)
    np.testing.assert_allclose(np.asarray(y).reshape(-1, 4), want, atol=1e-5)
    np.testing.assert_allclose(state["batch_stats"]["mean"], 0.1 * values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(state["batch_stats"]["var"], 0.9 + 0.1 * values.var(0, ddof=1), rtol=1e-5)
    frozen = BatchNorm(use_running_average=True).apply({"params": variables["params"], **state}, x)
    mean, var = (np.asarray(state["batch_stats"][key], np.float64) for key in ("mean", "var"))
    np.testing.assert_allclose(np.asarray(frozen).reshape(-1, 4), (values - mean) / np.sqrt(var + 1e-5), atol=1e-5)


def test_batch_norm_over_devices_sees_the_global_batch():
    if jax.device_count() < 2:
        pytest.skip("needs two devices")
    x = 3 + 2 * _normal((4, 3, 5, 2)) * jnp.arange(1.0, 5).reshape(4, 1, 1, 1)
    variables = BatchNorm(use_running_average=False).init(KEY, x)
    want, want_state = BatchNorm(use_running_average=False).apply(variables, x, mutable=["batch_stats"])
    norm = BatchNorm(use_running_average=False, axis_name="devices")
    run = jax.pmap(
        lambda image: norm.apply(variables, image, mutable=["batch_stats"]), "devices", devices=jax.devices()[:2]
    )
    got, state = run(x.reshape(2, 2, 3, 5, 2))
    np.testing.assert_allclose(got.reshape(x.shape), want, atol=1e-5)
    for mine, whole in zip(jax.tree.leaves(state), jax.tree.leaves(want_state), strict=True):
        np.testing.assert_allclose(mine, np.broadcast_to(whole, mine.shape), rtol=1e-5)


def test_dmcn_shares_one_slope_among_its_input_layers():
    slopes = [path for path, _ in jax.tree_util.tree_leaves_with_path(_shapes(DMCN(), (1, 8, 8, 1))["params"])]
    slopes = [jax.tree_util.keystr(path) for path in slopes if path[-1].key == "negative_slope"]
    assert len(slopes) == 17  # 14 memory blocks, 2 doublings, and the shared one
