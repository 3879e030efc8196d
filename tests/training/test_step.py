"""The pmapped step: two devices and one device must be the same computation."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from lstsr_jax.config import ModelConfig
from lstsr_jax.models import create_model
from lstsr_jax.models.dmcn import DMCN
from lstsr_jax.models.edsr import EDSR
from lstsr_jax.models.layers import BatchNorm, DoubleConv
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.models.vdsr import VDSR
from lstsr_jax.ops.metrics import rmse
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import Normalization
from lstsr_jax.training.placement import share_out
from lstsr_jax.training.state import create_state
from lstsr_jax.training.step import AXIS, make_eval_step, make_train_step, parallel_train_step
from lstsr_jax.training.task import Task

MODEL = ModelConfig(width=4)


class TwoLayers(nn.Module):
    """A network of seconds with everything that could depend on the number of devices: convolutions, BatchNorm."""

    axis_name: str | None = None
    dtype: jnp.dtype | None = None

    @nn.compact
    def __call__(self, x, train=False):
        norm = functools.partial(BatchNorm, use_running_average=not train, axis_name=self.axis_name)
        level = DoubleConv(6, norm, self.dtype, name="double")(x)
        return x + nn.Conv(1, (3, 3), dtype=x.dtype, kernel_init=nn.initializers.zeros, name="output")(level)


def task_of(module=None):
    return Task(module or TwoLayers(AXIS), MODEL, Normalization("anomaly", 3.0))


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    smooth = upsample(jnp.asarray(rng.normal(290, 4, (8, 4, 5, 1)), jnp.float32), 8)
    lst = np.array(smooth + rng.normal(0, 0.5, smooth.shape).astype(np.float32))
    lst[5, 3:9, 2:4] = np.nan  # gaps must not be shared out unevenly between devices
    lst[0, :20] = np.nan
    return lst


def run(devices, truth, module=None, steps=3):
    task = task_of(module)
    optimizer = optax.sgd(1e-2)
    state = create_state(task.module, optimizer, seed=1, shape=(32, 32, 1))
    # A network whose last layer is zero passes no gradient to the others.
    params = jax.tree.map(lambda p: p + 0.02 * jnp.cos(jnp.arange(p.size)).reshape(p.shape), state.params)
    state = state.replace(params=params)
    step = jax.pmap(make_train_step(task, optimizer), AXIS, in_axes=(None, 0), out_axes=(None, None), devices=devices)
    batch = share_out({"lst": truth}, len(devices))
    for _ in range(steps):
        state, metrics = step(state, batch)
    evaluate = jax.pmap(make_eval_step(task), AXIS, in_axes=(None, 0), out_axes=None, devices=devices)
    return jax.device_get((state, metrics, evaluate(state.variables, batch)))


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(TwoLayers(AXIS), id="tiny"),
        pytest.param(create_model(MODEL, axis_name=AXIS), id="mrunet", marks=pytest.mark.slow),
    ],
)
def test_two_devices_equal_one(truth, module):
    one = run(jax.devices()[:1], truth, module)
    two = run(jax.devices()[:2], truth, module)
    assert len(jax.devices()) >= 2
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, two)
    changed = jax.tree.map(lambda s: float(np.abs(s).max()), one[0].batch_stats)
    assert all(value > 0 for value in jax.tree.leaves(changed))


PENALTIES = {"mse": np.square, "l1": np.abs, "charbonnier": lambda error: np.sqrt(error**2 + 0.1**2)}


@pytest.mark.parametrize("loss", PENALTIES)
def test_loss_is_the_mean_over_observed_pixels(truth, loss):
    """Against numpy: with a learning rate of zero the first step's loss is that of the network's input."""
    task = dataclasses.replace(task_of(), loss=loss)
    optimizer = optax.sgd(0.0)
    state = create_state(task.module, optimizer, seed=1, shape=(32, 32, 1))
    step = jax.pmap(make_train_step(task, optimizer), AXIS, in_axes=(None, 0), out_axes=(None, None))
    clear = truth[1:5]
    _, metrics = step(state, share_out({"lst": clear}, 2))
    blocks = clear.astype(np.float64).reshape(4, 8, 4, 10, 4)
    coarse = ((blocks**4).mean((2, 4)) ** 0.25)[..., None]
    bicubic = np.asarray(upsample(coarse.astype(np.float32), 4))  # an untrained network returns its input
    assert float(metrics["loss"]) == pytest.approx(PENALTIES[loss](bicubic - clear).mean(), rel=1e-4)
    assert float(metrics["mse"]) == pytest.approx(np.square(bicubic - clear).mean(), rel=1e-4)


def first_loss(task, batch):
    optimizer = optax.sgd(0.0)
    state = create_state(task.module, optimizer, seed=1, shape=(32, 32, 1))
    step = jax.pmap(make_train_step(task, optimizer), AXIS, in_axes=(None, 0), out_axes=(None, None))
    return float(step(state, share_out(batch, 2))[1]["loss"])


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_a_loss_weighed_by_bicubic_is_a_share_of_that_of_bicubic(truth, loss):
    """An untrained network returns bicubic: a share of one, whatever the contrast; a flat patch adds nothing."""
    task = dataclasses.replace(task_of(), loss=loss, weigh_by="bicubic")
    clear = truth[1:5].copy()
    clear[0] = 290 + 10 * (clear[0] - 290)  # a rough sensor
    assert first_loss(task, {"lst": clear}) == pytest.approx(1, rel=1e-4)
    clear[1] = 290
    assert first_loss(task, {"lst": clear}) == pytest.approx(3 / 4, rel=1e-3)
    assert first_loss(dataclasses.replace(task, weigh_by="none"), {"lst": clear}) > 1.1
    clear[2] = np.nan  # an image without any observation is not counted
    assert first_loss(task, {"lst": clear}) == pytest.approx(2 / 3, rel=1e-3)


def test_noise_on_the_input_does_not_change_what_a_patch_is_weighed_by(truth):
    task = dataclasses.replace(task_of(), weigh_by="bicubic")
    noise = np.full((4, 8, 10, 1), 2.0, np.float32)  # a constant: bicubic's error is the same, moved by 2 K
    clear = truth[1:5]
    blocks = clear.astype(np.float64).reshape(4, 8, 4, 10, 4)
    bicubic = np.asarray(upsample(((blocks**4).mean((2, 4)) ** 0.25)[..., None].astype(np.float32), 4))
    own = np.square(bicubic - clear).mean((1, 2, 3))
    expected = (np.square(bicubic + 2 - clear).mean((1, 2, 3)) / own).mean()
    assert first_loss(task, {"lst": clear, "noise": noise}) == pytest.approx(expected, rel=1e-3)


def test_a_coarser_scale_is_training_on_pooled_patches(truth):
    clear = truth[1:5]
    pooled = (clear.astype(np.float64).reshape(4, 16, 2, 20, 2, 1) ** 4).mean((2, 4)) ** 0.25
    pooled = pooled[:, :, :16].astype(np.float32)  # sides that divide by the factor
    task = task_of()
    coarser = dataclasses.replace(task, coarsen=2)
    assert first_loss(coarser, {"lst": clear[:, :, :32]}) == pytest.approx(first_loss(task, {"lst": pooled}), rel=1e-4)


def test_what_the_sensor_saw_is_degraded_in_place_of_the_truth(truth):
    clear = truth[1:5]
    bicubic = upsample(l4_pool(clear + 2.0, 4), 4)  # an untrained network returns its input
    expected = float(((np.asarray(bicubic) - clear) ** 2).mean())
    assert first_loss(task_of(), {"lst": clear, "seen": clear + 2.0}) == pytest.approx(expected, rel=1e-4)


def test_padding_images_are_not_counted(truth):
    task = task_of()
    state = create_state(task.module, optax.sgd(0.0), seed=1, shape=(32, 32, 1))
    evaluate = jax.pmap(make_eval_step(task), AXIS, in_axes=(None, 0), out_axes=None)
    padded = np.concatenate([truth[1:4], np.full_like(truth[:3], np.nan)])
    sums = evaluate(state.variables, share_out({"lst": padded}, 2))
    bare = evaluate(state.variables, share_out({"lst": truth[1:5]}, 2))
    last = evaluate(state.variables, share_out({"lst": np.concatenate([truth[4:5], padded[3:4]])}, 2))
    assert (int(sums["images"]), int(bare["images"]), int(last["images"])) == (3, 4, 1)
    assert float(sums["rmse"]) == pytest.approx(float(bare["rmse"]) - float(last["rmse"]), rel=1e-5)


def test_the_average_is_that_of_the_parameters_so_far(truth):
    """Against numpy, which sees every step's parameters; the decay is smaller in the first steps."""
    task, optimizer, decay = task_of(), optax.sgd(1e-2), 0.3
    state = create_state(task.module, optimizer, seed=1, shape=(32, 32, 1), averaged=True)
    expected = jax.device_get(state.params)
    step = parallel_train_step(make_train_step(task, optimizer, average_decay=decay), devices=jax.devices()[:1])
    for number in range(4):
        state, _ = step(state, share_out({"lst": truth[1:5]}, 1))
        kept = min(decay, (1 + number) / (10 + number))
        expected = jax.tree.map(lambda a, p, k=kept: k * a + (1 - k) * p, expected, jax.device_get(state.params))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), state.average, expected)
    assert state.variables["params"] is state.average
    moved = jax.tree.map(lambda a, p: float(np.abs(a - p).max()), state.average, state.params)
    assert max(jax.tree.leaves(moved)) > 1e-5


def test_training_lowers_the_loss(truth):
    _, first, _ = run(jax.devices()[:1], truth, steps=1)
    _, last, scores = run(jax.devices()[:1], truth, steps=60)
    assert last["loss"] < 0.97 * first["loss"]
    assert np.isfinite(scores["rmse"])


def test_a_batch_without_any_observation_leaves_finite_parameters():
    state, metrics, scores = run(jax.devices()[:1], np.full((2, 32, 32, 1), np.nan, np.float32), steps=1)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    assert metrics["loss"] == 0 and scores["images"] == 0
    assert np.isnan(rmse(np.full((1, 8, 8, 1), np.nan), np.zeros((1, 8, 8, 1)))).all()


class NoBatchNorm(nn.Module):
    """What gradient accumulation must not change: a network whose images do not see each other."""

    @nn.compact
    def __call__(self, x, train=False):
        level = nn.relu(nn.Conv(6, (3, 3), name="first")(x))
        return x + nn.Conv(1, (3, 3), kernel_init=nn.initializers.zeros, name="output")(level)


def adam_run(truth, module, devices, steps=20, rate=1e-4, **how):
    """Twenty steps of Adam, each on the images in another order."""
    task, optimizer = task_of(module), optax.adam(rate)
    state = create_state(module, optimizer, seed=1, shape=(32, 32, 1))
    step = parallel_train_step(make_train_step(task, optimizer, **how), devices=devices)
    for number in range(steps):
        batch = share_out({"lst": np.roll(truth, number, axis=0)}, len(devices))
        state, metrics = step(state, batch)
    return jax.device_get((state.params, state.batch_stats, metrics))


@pytest.mark.parametrize("accumulate", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_accumulated_gradients_are_those_of_the_whole_batch(truth, accumulate):
    devices = jax.devices()[:2]
    module = NoBatchNorm()
    whole = adam_run(truth, module, devices)
    parts = adam_run(truth, module, devices, accumulate=accumulate)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), whole, parts)


NETWORKS = {
    "edsr": EDSR(2, 4),
    "vdsr": VDSR(7, 4),
    "dmcn": DMCN(4, axis_name=AXIS),
    "mrunet": MRUNet(4, axis_name=AXIS),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_rematerialisation_is_the_same_function(truth, name):
    runs = [run(jax.devices()[:1], truth, NETWORKS[name].clone(remat=remat)) for remat in (False, True)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *runs)


def test_bfloat16_is_for_convolutions_only(truth):
    """Variables and output stay float32, and the result is near that of float32 without being it."""
    exact = run(jax.devices()[:1], truth, TwoLayers(AXIS))
    mixed = run(jax.devices()[:1], truth, TwoLayers(AXIS, jnp.bfloat16))
    assert {leaf.dtype for leaf in jax.tree.leaves(mixed[0])} == {np.dtype("float32"), np.dtype("int32")}
    assert 0 < abs(float(exact[1]["loss"]) - float(mixed[1]["loss"])) < 0.02 * float(exact[1]["loss"])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_convolves_in_bfloat16_and_ends_in_float32(name):
    x, network = jax.ShapeDtypeStruct((1, 32, 32, 1), jnp.float32), NETWORKS[name]
    variables = jax.eval_shape(network.init, jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    jaxpr = str(jax.make_jaxpr(network.clone(dtype=jnp.bfloat16).apply)(variables, x))
    kinds = re.findall(r":(\w+)\[[\d,]+\] = conv_general_dilated", jaxpr)
    assert len(kinds) > 6 and set(kinds[:-1]) == {"bf16"} and kinds[-1] == "f32"


def test_a_bias_that_batch_normalisation_takes_away_has_no_gradient(truth):
    """Else Adam would walk it at random, and differently on another number of devices."""
    module, x = TwoLayers(), jnp.asarray(np.nan_to_num(truth, nan=290.0)) / 300
    variables = module.init(jax.random.key(0), x)

    def loss(params):
        y, _ = module.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
        return (y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)).sum()

    gradient = jax.grad(loss)(jax.tree.map(lambda p: p + 0.1, variables["params"]))
    for block in ("block1", "block2"):
        assert (gradient["double"][block]["conv"]["bias"] == 0).all()
        assert (gradient["double"][block]["conv"]["kernel"] != 0).any()
    assert (gradient["output"]["bias"] != 0).all()
