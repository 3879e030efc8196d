"""What the tensors of the authors' PyTorch networks are called, given where they live in ours.

A path is the place of an array among the Flax variables, ``("params", "encoder1", "down", "kernel")``.
"""

import re
from collections.abc import Sequence

_LEAF = {
    "kernel": "weight",
    "scale": "weight",
    "negative_slope": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_DOUBLE_CONV = {("block1", "conv"): 0, ("block1", "norm"): 1, ("block2", "conv"): 3, ("block2", "norm"): 4}
_WIDEN = {"conv": 0, "norm": 1}
_BRIDGE = {"conv1": 1, "norm1": 2, "conv2": 5, "norm2": 6}
_MEMORY = {"conv1": 0, "norm": 1, "prelu": 2, "conv2": 3}
_MEMORY_STAGES = {
    "memory1_": "Conv_DW_layers1",
    "memory2_": "Conv_DW_layers2",
    "memory3_": "resudial_layers1",
    "memory4_": "resudial_layers2",
}

_NEVER_USED = {"mrunet": re.compile(r"(down[1-4]\.maxpool_conv|up|up_dc)\.")}


def _mrunet(stage: str, index: int, layer: tuple[str, ...]) -> str:
    match stage, layer:
        case "input_block", _:
            return f"inc.double_conv.{_DOUBLE_CONV[layer[0], layer[1]]}"
        case "encoder", ("down",):
            return f"down{index}.in_conv"
        case "encoder", ("residual", block, kind):
            return f"down{index}.mid_conv.double_conv.{_DOUBLE_CONV[block, kind]}"
        case "encoder", ("widen", kind):
            return f"down{index}.out_conv.{_WIDEN[kind]}"
        case "bridge", (kind,):
            return f"resblocks.{index - 1}.conv_block.{_BRIDGE[kind]}"
        case "decoder", ("up",):  # the authors count the decoder's stages upwards, we count levels
            return f"up{5 - index}.up"
        case "decoder", ("conv", block, kind):
            return f"up{5 - index}.conv.double_conv.{_DOUBLE_CONV[block, kind]}"
        case "output", ():
            return "outc.conv"
    raise KeyError(stage)


def _vdsr(stage: str, index: int, layer: tuple[str, ...]) -> str:
    match stage, layer:
        case "output", ():
            return "output"
        case "conv", ():
            return "input" if index == 1 else f"residual_layer.{index - 2}.conv"
    raise KeyError(stage)


def _dmcn(stage: str, index: int, layer: tuple[str, ...]) -> str:
    match stage, layer:
        case "input", ():
            return f"input{index}"
        case "norm", ():  # ours is numbered like the convolution before it
            return f"BN{index - 1}"
        case "prelu", ():
            return "relu"
        case "down", ():
            return f"down_sample{index}"
        case "up", ("choose",):
            return f"choose{index}"
        case "up", (kind,):
            return f"up_sample{index}.{'relu' if kind == 'prelu' else kind}"
        case "output", ():
            return "output"
    if stage in _MEMORY_STAGES:
        return f"{_MEMORY_STAGES[stage]}.{index - 1}.conv_dw.{_MEMORY[layer[0]]}"
    raise KeyError(stage)


_TRANSLATE = {"mrunet": _mrunet, "vdsr": _vdsr, "dmcn": _dmcn}


def torch_name(name: str, path: Sequence[str]) -> str:
    """Name in the authors' state dict of the variable at ``path`` (collection, modules, leaf).

    Args:
        name: ``"mrunet"``, ``"vdsr"`` or ``"dmcn"``.
        path: for example ``("batch_stats", "encoder1", "widen", "norm", "mean")``.

    Returns:
        For example ``"down1.out_conv.1.running_mean"``.

    Raises:
        ValueError: if the network has no such variable.
    """
    _, module, *layer, leaf = path
    stage, digits = re.fullmatch(r"(.*?)(\d*)", module).groups()  # type: ignore[union-attr]
    try:
        return f"{_TRANSLATE[name](stage, int(digits or 0), tuple(layer))}.{_LEAF[leaf]}"
    except (KeyError, IndexError):
        raise ValueError(f"{name} has no variable {'/'.join(path)} with a name in PyTorch") from None


def torch_axes(name: str, path: Sequence[str]) -> tuple[int, ...]:
    """Order in which PyTorch keeps the axes of the kernel at ``path``, ours being (row, column, in, out)."""
    transposed = name == "mrunet" and path[1].startswith("decoder") and path[2] == "up"
    return (2, 3, 0, 1) if transposed else (3, 2, 0, 1)


def is_never_used(name: str, key: str) -> bool:
    """Whether the authors' network holds this tensor without its forward pass ever using it."""
    return name in _NEVER_USED and _NEVER_USED[name].match(key) is not None


def is_counter(key: str) -> bool:
    """Whether this is a BatchNorm step counter, which our running statistics do not need."""
    return key.endswith(".num_batches_tracked")
