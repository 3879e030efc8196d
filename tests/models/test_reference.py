"""The networks against what the authors' own code returned, with the same weights, forward and backward.

In float64 the two agree to rounding (1e-14 relative), which pins the architecture; in float32 they differ by what two
orders of summation differ by.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.models.torch_weights import NETWORKS, export_torch_state_dict, import_torch_state_dict

NAMES = {"MRUNet": "mrunet", "VDSR": "vdsr", "DMCN_prelu": "dmcn"}
CASES = {"MRUNet": ("MRUNet", 0.5), "VDSR": ("VDSR", 0.5), "VDSR_gain1": ("VDSR", 1.0)}
CASES |= {"DMCN_prelu": ("DMCN_prelu", 0.5), "DMCN_prelu_gain1": ("DMCN_prelu", 1.0)}
INPUTS = [(case, name) for case in CASES for name in "ac" if (case, name) != ("DMCN_prelu", "c")]
INPUTS.remove(("DMCN_prelu_gain1", "c"))  # the authors' DMCN refuses sides that are not multiples of 4
STAGES = {"inc": "input_block", "down1": "encoder1", "down2": "encoder2", "down3": "encoder3", "down4": "encoder4"}
STAGES |= {"resblocks": "bridge1", "up1": "decoder4", "up2": "decoder3", "up3": "decoder2", "up4": "decoder1"}
STAGES |= {"outc": "output"}
FIRST_CONV = {"MRUNet": "inc.double_conv.0", "VDSR": "input", "DMCN_prelu": "input1"}
LAST_CONV = {"MRUNet": "outc.conv", "VDSR": "output", "DMCN_prelu": "output"}
FIRST_NORMS = {"MRUNet": ("inc.double_conv.1", "inc.double_conv.4"), "VDSR": (), "DMCN_prelu": ("BN1", "BN2")}


@pytest.fixture(scope="module")
def imported(reference_models):
    """Module and variables of a case; the last one is kept, so that MRUNet's weights are made once."""

    @functools.lru_cache(maxsize=1)
    def make(case):
        model, gain = CASES[case]
        name = NAMES[model]
        return NETWORKS[name](), import_torch_state_dict(name, reference_models.tensors(model, gain))

    return make


def _promoted(tree, dtype):
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), dtype), tree)


def _relative(got, want):
    """Largest difference relative to the largest entry."""
    return float(np.abs(np.asarray(got, np.float64) - want).max() / np.abs(want).max())


@pytest.mark.parametrize(("case", "image"), INPUTS)
def test_evaluation_in_float32(reference_models, imported, case, image):
    module, variables = imported(case)
    x = jnp.asarray(reference_models.image(f"input_{image}"), jnp.float32)
    want = reference_models.image(f"{case}_eval_{image}_f32")
    got = np.asarray(jax.jit(module.apply)(variables, x))
    assert got.dtype == np.float32
    if case == "MRUNet":
        assert np.abs(got - want).max() < 2e-6
    assert _relative(got, want) < 1e-5


@pytest.mark.parametrize(("case", "image"), INPUTS)
def test_evaluation_in_float64(reference_models, imported, case, image):
    module, variables = imported(case)
    with jax.enable_x64(True):
        x = jnp.asarray(reference_models.image(f"input_{image}"))
        apply = functools.partial(module.apply, capture_intermediates=_is_stage, mutable=["intermediates"])
        got, state = jax.jit(apply)(_promoted(variables, jnp.float64), x)
        got, stages = np.asarray(got), jax.tree.map(np.asarray, state.get("intermediates", {}))
    assert got.dtype == np.float64
    assert _relative(got, reference_models.image(f"{case}_eval_{image}_f64")) < 1e-12
    residual = reference_models.image(f"{case}_eval_{image}_f64_lastconv")
    assert _relative(stages["output"]["__call__"][0], residual) < 1e-9
    for theirs, ours in STAGES.items() if case == "MRUNet" else ():
        stage = stages[ours]["__call__"][0]
        statistics = np.stack([stage.mean((0, 1, 2)), stage.std((0, 1, 2))])
        key = f"MRUNet_eval_{image}_stage_{theirs}"
        assert _relative(statistics, reference_models.arrays[f"{key}_mean_std"]) < 1e-12, theirs
        if key in reference_models.arrays:  # stored in float32
            assert _relative(stage, reference_models.image(key)) < 1e-7, theirs


def _is_stage(module, _):
    return len(module.path) == 1 and module.name in STAGES.values()


@pytest.mark.parametrize(
    ("case", "precision", "tolerance"),
    [
        # Relative to the largest entry. In float32 the first convolution's gradient is a sum over all pixels that
        # nearly cancels, and units near zero switch: rounding MRUNet's input to float32 moves it by 9e-4 in float64.
        ("VDSR_gain1", "f32", {"output": 1e-5, "first": 5e-4, "last": 1e-5, "norms": 1e-4}),
        pytest.param(
            "DMCN_prelu", "f32", {"output": 2e-5, "first": 2e-3, "last": 1e-5, "norms": 2e-4}, marks=pytest.mark.slow
        ),
        pytest.param(
            "MRUNet", "f32", {"output": 1e-5, "first": 3e-3, "last": 1e-5, "norms": 3e-4}, marks=pytest.mark.slow
        ),
        ("VDSR_gain1", "f64", dict.fromkeys(("output", "first", "last", "norms"), 1e-11)),
        pytest.param(
            "DMCN_prelu", "f64", dict.fromkeys(("output", "first", "last", "norms"), 1e-11), marks=pytest.mark.slow
        ),
        pytest.param(
            "MRUNet", "f64", dict.fromkeys(("output", "first", "last", "norms"), 1e-11), marks=pytest.mark.slow
        ),
    ],
)
def test_one_training_step(reference_models, imported, case, precision, tolerance):
    model = CASES[case][0]
    module, variables = imported(case)
    with jax.enable_x64(precision == "f64"):
        dtype = jnp.float64 if precision == "f64" else jnp.float32
        variables = _promoted(variables, dtype)
        x, target = (jnp.asarray(reference_models.image(key), dtype) for key in ("input_a", "target_a"))

        def loss(params):
            output, state = module.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
            return jnp.square(output * 333.32 - target).mean(), (output, state)

        (value, (output, state)), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])
        value, output = float(value), np.asarray(output)
        state = export_torch_state_dict(NAMES[model], state)
        gradient = export_torch_state_dict(NAMES[model], {"params": gradient})
    arrays, key = reference_models.arrays, f"{case}_train_a_{precision}"
    rounding = 1e-12 if precision == "f64" else 1e-6
    assert _relative(output, reference_models.image(key)) < tolerance["output"]
    assert value == pytest.approx(float(arrays[f"{key}_loss"]), rel=rounding)
    first, last = gradient[f"{FIRST_CONV[model]}.weight"], gradient[f"{LAST_CONV[model]}.weight"]
    assert _relative(first, arrays[f"{key}_grad_first_conv"]) < tolerance["first"]
    assert _relative(last, arrays[f"{key}_grad_output_conv"]) < tolerance["last"]
    # Parameters without a gradient there are the ones without a place here.
    norms = dict(zip(reference_models.description[model]["parameter_order"], arrays[f"{key}_grad_l2"], strict=True))
    assert {name for name, norm in norms.items() if not np.isnan(norm)} == set(gradient)
    ours, theirs = np.transpose([(np.linalg.norm(g.astype(float)), norms[name]) for name, g in gradient.items()])
    assert _relative(ours, theirs) < tolerance["norms"]
    for i, norm in enumerate(FIRST_NORMS[model]):
        for statistic in ("running_mean", "running_var"):
            assert _relative(state[f"{norm}.{statistic}"], arrays[f"{key}_bn{i}_{statistic}"]) < rounding
