"""The authors' state dicts to Flax variables and back: names, shapes, what is reported and what is refused."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.errors import InputError
from lstsr_jax.models.dmcn import DMCN
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.models.torch_names import torch_name
from lstsr_jax.models.torch_weights import (
    NETWORKS,
    export_torch_state_dict,
    guess_model,
    import_torch_state_dict,
    infer_sizes,
    unused_tensors,
)
from lstsr_jax.models.vdsr import VDSR

NAMES = {"MRUNet": "mrunet", "VDSR": "vdsr", "DMCN_prelu": "dmcn"}
MODULES = {
    "mrunet": [MRUNet(width=2), MRUNet(width=3, bridge_blocks=3)],
    "vdsr": [VDSR(width=3), VDSR(depth=23, width=2)],
    "dmcn": [DMCN(width=2)],
}
EVERY = [(name, module) for name, modules in MODULES.items() for module in modules]


@pytest.fixture
def small(randomize):
    """Random variables of a small network and their state dict."""

    def make(name, module=None, channels=1):
        module = module or MODULES[name][0]
        shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.ones((1, 32, 32, channels)))
        variables = randomize(shapes)
        return variables, export_torch_state_dict(name, variables)

    return make


@pytest.mark.parametrize(("name", "module"), EVERY)
@pytest.mark.parametrize("channels", [1, 2])
def test_round_trip(small, name, module, channels):
    variables, tensors = small(name, module, channels)
    back = import_torch_state_dict(name, tensors)
    assert jax.tree.structure(back) == jax.tree.structure(variables)
    for got, want in zip(jax.tree.leaves(back), jax.tree.leaves(variables), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    assert unused_tensors(name, tensors) == []
    assert guess_model(tensors) == name
    assert NETWORKS[name](**infer_sizes(name, tensors)) == module


@pytest.mark.parametrize("model", NAMES)
def test_names_and_shapes_are_the_authors(reference_models, model):
    """Every variable has its tensor in the authors' state dict, and what is left over is what they never use."""
    name, description = NAMES[model], reference_models.description[model]
    theirs = {entry["key"]: tuple(entry["shape"]) for entry in description["state_dict"]}
    tensors = {key: np.broadcast_to(np.float32(0), shape) for key, shape in theirs.items()}
    module = NETWORKS[name](**infer_sizes(name, tensors))
    assert module == NETWORKS[name]()
    left = unused_tensors(name, tensors)
    statistics = ("running_mean", "running_var")
    assert {key for key in left if not key.endswith(statistics)} == set(description["unused_parameters"])


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("mrunet", "params/input_block/block2/norm/scale", "inc.double_conv.4.weight"),
        ("mrunet", "batch_stats/encoder2/widen/norm/var", "down2.out_conv.1.running_var"),
        ("mrunet", "params/bridge2/conv2/kernel", "resblocks.1.conv_block.5.weight"),
        ("mrunet", "params/decoder4/up/kernel", "up1.up.weight"),
        ("mrunet", "params/decoder1/conv/block1/conv/bias", "up4.conv.double_conv.0.bias"),
        ("vdsr", "params/conv1/kernel", "input.weight"),
        ("vdsr", "params/conv19/kernel", "residual_layer.17.conv.weight"),
        ("dmcn", "batch_stats/norm2/mean", "BN1.running_mean"),
        ("dmcn", "params/memory4_5/conv2/bias", "resudial_layers2.4.conv_dw.3.bias"),
        ("dmcn", "params/up1/prelu/negative_slope", "up_sample1.relu.weight"),
        ("dmcn", "params/up2/choose/kernel", "choose2.weight"),
    ],
)
def test_some_names(name, path, expected):
    assert torch_name(name, path.split("/")) == expected


def test_kernels_change_layout(small):
    variables, tensors = small("mrunet")
    params = variables["params"]
    assert tensors["down1.in_conv.weight"].shape == (2, 2, 2, 2)
    np.testing.assert_array_equal(
        tensors["down1.out_conv.0.weight"][3, 1], params["encoder1"]["widen"]["conv"]["kernel"][:, :, 1, 3]
    )
    np.testing.assert_array_equal(tensors["up4.up.weight"][3, 1], params["decoder1"]["up"]["kernel"][:, :, 3, 1])


def test_data_parallel_prefix_and_step_counters_are_ignored(small, caplog):
    variables, tensors = small("dmcn")
    tensors["BN1.num_batches_tracked"] = np.array(7)
    with caplog.at_level(logging.INFO):
        back = import_torch_state_dict("dmcn", {f"module.{key}": value for key, value in tensors.items()})
    jax.tree.map(np.testing.assert_array_equal, back, variables)
    assert caplog.text == ""


def test_unused_tensors_are_reported(small, caplog):
    _, tensors = small("mrunet")
    tensors["down1.maxpool_conv.1.double_conv.0.weight"] = np.zeros((4, 2, 3, 3), np.float32)
    tensors["up_dc.double_conv.1.running_mean"] = np.zeros(2, np.float32)
    tensors["head.weight"] = np.zeros(3, np.float32)
    with caplog.at_level(logging.INFO):
        import_torch_state_dict("mrunet", tensors)
    expected, unknown = caplog.records
    assert expected.levelno == logging.INFO
    assert "2 tensors (72 parameters)" in expected.getMessage()
    assert unknown.levelno == logging.WARNING
    assert "head.weight" in unknown.getMessage()
    assert len(unused_tensors("mrunet", tensors)) == 3


@pytest.mark.parametrize("name", MODULES)
def test_any_missing_tensor_is_named(small, name):
    _, tensors = small(name)
    for key in list(tensors)[:: 9 if name == "vdsr" else 23]:
        rest = {other: value for other, value in tensors.items() if other != key}
        with pytest.raises(ValueError, match=f"state dict of {name}: {key} is missing$".replace(".", r"\.")):
            import_torch_state_dict(name, rest, MODULES[name][0])


@pytest.mark.parametrize(("name", "last"), [("vdsr", "residual_layer.17."), ("mrunet", "resblocks.0.")])
def test_a_missing_last_layer_is_not_taken_for_a_smaller_network(small, name, last):
    _, tensors = small(name)
    rest = {key: value for key, value in tensors.items() if not key.startswith(last)}
    assert len(rest) < len(tensors)
    with pytest.raises(ValueError, match=f"{last}.* is missing"):
        import_torch_state_dict(name, rest)


def test_every_problem_is_named_in_one_line(small):
    _, tensors = small("dmcn")
    del tensors["relu.weight"], tensors["BN3.running_var"]
    tensors["choose1.weight"] = tensors["choose1.weight"][:, :3]
    tensors["up_sample1.relu.weight"] = np.zeros(8, np.float32)
    with pytest.raises(ValueError, match="not a complete state dict of dmcn") as caught:
        import_torch_state_dict("dmcn", tensors)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "relu.weight is missing",
        "BN3.running_var is missing",
        "choose1.weight has shape (2, 3, 1, 1), not (2, 4, 1, 1)",
        "up_sample1.relu.weight has shape (8,), not (1,)",
    ):
        assert part in message


def test_a_shallower_vdsr_is_imported_when_it_is_asked_for(small):
    module = VDSR(depth=5, width=2)
    variables, tensors = small("vdsr", module)
    jax.tree.map(np.testing.assert_array_equal, import_torch_state_dict("vdsr", tensors, module), variables)
    with pytest.raises(ValueError, match="is missing"):
        import_torch_state_dict("vdsr", tensors)


def test_data_types_are_kept(small):
    _, tensors = small("vdsr")
    with jax.enable_x64(True):
        back = import_torch_state_dict("vdsr", {key: value.astype(np.float64) for key, value in tensors.items()})
        assert {leaf.dtype for leaf in jax.tree.leaves(back)} == {np.dtype("float64")}


def test_unknown_networks_are_refused(small):
    variables, tensors = small("vdsr")
    for call in (import_torch_state_dict, export_torch_state_dict, unused_tensors, infer_sizes):
        with pytest.raises(ValueError, match="mrunet, vdsr, dmcn, got 'unet'"):
            call("unet", tensors)
    with pytest.raises(ValueError, match="mrunet has no variable params/conv1/kernel"):
        export_torch_state_dict("mrunet", {"params": {"conv1": variables["params"]["conv1"]}})
    with pytest.raises(InputError, match=r"not the weights of mrunet, vdsr, dmcn.*fc\.weight"):
        guess_model({"fc.weight": np.zeros(1)})
