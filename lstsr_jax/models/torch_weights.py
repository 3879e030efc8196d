"""The authors' PyTorch weights as Flax variables, and back. NumPy arrays only: PyTorch is not needed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from lstsr_jax.errors import InputError
from lstsr_jax.models.dmcn import DMCN
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.models.torch_names import is_counter, is_never_used, torch_axes, torch_name
from lstsr_jax.models.vdsr import VDSR

NETWORKS = {"mrunet": MRUNet, "vdsr": VDSR, "dmcn": DMCN}

_FIRST_CONV = {"mrunet": "inc.double_conv.0.weight", "vdsr": "input.weight", "dmcn": "input1.weight"}
_log = logging.getLogger(__name__)


def _require_known(name: str) -> None:
    if name not in NETWORKS:
        raise ValueError(f"name must be one of {', '.join(NETWORKS)}, got {name!r}")


def _plain(tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by name, without the ``module.`` that ``torch.nn.DataParallel`` puts in front of every name."""
    return {key.removeprefix("module."): np.asarray(value) for key, value in tensors.items()}


def _first_conv(name: str, arrays: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Output and input channels of the first convolution; the authors' if it is not there."""
    first = arrays.get(_FIRST_CONV[name])
    return first.shape[:2] if first is not None and first.ndim == 4 else (NETWORKS[name]().width, 1)


def _repeats(arrays: Mapping[str, np.ndarray], prefix: str) -> int:
    """How many numbered modules ``prefix0., prefix1., ...`` there are, going by the highest number."""
    numbers = [key.removeprefix(prefix).partition(".")[0] for key in arrays if key.startswith(prefix)]
    return 1 + max((int(n) for n in numbers if n.isdigit()), default=-1)


def infer_sizes(name: str, tensors: Mapping[str, Any]) -> dict[str, int]:
    """Sizes of the network that a state dict belongs to: fields of the module of that name.

    A size that cannot be read off, or is below the authors' (one bridge block, 20 convolutions in VDSR), is
    taken to be the authors', so that an incomplete state dict is not mistaken for that of a smaller network.
    """
    _require_known(name)
    arrays = _plain(tensors)
    sizes = {"width": _first_conv(name, arrays)[0]}
    if name == "mrunet":
        sizes["bridge_blocks"] = max(MRUNet.bridge_blocks, _repeats(arrays, "resblocks."))
    if name == "vdsr":
        sizes["depth"] = max(VDSR.depth, 2 + _repeats(arrays, "residual_layer."))
    return sizes


def _to_torch(name: str, path: Sequence[str], array: np.ndarray) -> np.ndarray:
    if path[-1] == "kernel":
        return array.transpose(torch_axes(name, path))
    return array.reshape(1) if path[-1] == "negative_slope" else array


def _to_flax(name: str, path: Sequence[str], tensor: np.ndarray) -> np.ndarray:
    if path[-1] == "kernel":
        return tensor.transpose(np.argsort(torch_axes(name, path)))
    return tensor.reshape(()) if path[-1] == "negative_slope" else tensor


def _correspondence(
    name: str, arrays: Mapping[str, np.ndarray], module: nn.Module | None
) -> Iterator[tuple[tuple[str, ...], str, tuple[int, ...]]]:
    """Path in Flax, name in PyTorch and shape in PyTorch of every variable of the network."""
    module = module or NETWORKS[name](**infer_sizes(name, arrays))
    image = jax.ShapeDtypeStruct((1, 32, 32, _first_conv(name, arrays)[1]), jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), image)
    for path, leaf in traverse_util.flatten_dict(variables).items():
        shape = _to_torch(name, path, np.broadcast_to(0.0, leaf.shape)).shape
        yield path, torch_name(name, path), shape


def unused_tensors(name: str, tensors: Mapping[str, Any], module: nn.Module | None = None) -> list[str]:
    """Names of the tensors that :func:`import_torch_state_dict` leaves out, step counters aside."""
    _require_known(name)
    arrays = _plain(tensors)
    used = {key for _, key, _ in _correspondence(name, arrays, module)}
    return [key for key in arrays if key not in used and not is_counter(key)]


def import_torch_state_dict(name: str, tensors: Mapping[str, Any], module: nn.Module | None = None) -> dict[str, Any]:
    """Turn a state dict of the authors' PyTorch networks into Flax variables.

    Tensors that the authors' forward pass never uses (18.9 million parameters of MRUNet) are reported at
    level INFO of this module's logger, others that have no place in the network as a WARNING, by name;
    :func:`unused_tensors` lists both. BatchNorm's step counters and a leading ``module.`` are ignored.

    Args:
        name: ``"mrunet"``, ``"vdsr"`` or ``"dmcn"``.
        tensors: arrays by their name in the state dict of ``MRUNet``, ``VDSR`` or ``DMCN_prelu``.
        module: the network to fill; by default one of the tensors' own sizes (:func:`infer_sizes`).

    Returns:
        Variables for ``module.apply``: ``{"params": ..., "batch_stats": ...}`` (VDSR has no batch
        statistics), of the tensors' data types.

    Raises:
        ValueError: if the name is unknown, or tensors are missing or of the wrong shape (all are named).
    """
    _require_known(name)
    arrays = _plain(tensors)
    flat: dict[tuple[str, ...], jax.Array] = {}
    wrong = []
    for path, key, shape in _correspondence(name, arrays, module):
        if key not in arrays:
            wrong.append(f"{key} is missing")
        elif arrays[key].shape != shape:
            wrong.append(f"{key} has shape {arrays[key].shape}, not {shape}")
        else:
            flat[path] = jnp.asarray(_to_flax(name, path, arrays[key]))
    if wrong:
        raise ValueError(f"not a complete state dict of {name}: {'; '.join(wrong)}")
    _report(name, arrays, unused_tensors(name, arrays, module))
    result: dict[str, Any] = traverse_util.unflatten_dict(flat)
    return result


def _report(name: str, arrays: Mapping[str, np.ndarray], unused: Sequence[str]) -> None:
    expected = [key for key in unused if is_never_used(name, key)]
    unknown = [key for key in unused if key not in expected]
    if expected:
        sizes = [arrays[key].size for key in expected if not key.endswith(("running_mean", "running_var"))]
        message = "%s: left out %d tensors (%s parameters) that its forward pass never uses"
        _log.info(message, name, len(expected), f"{sum(sizes):,}")
    if unknown:
        message = "%s: left out %d tensors that have no place in it: %s"
        _log.warning(message, name, len(unknown), ", ".join(unknown))


def export_torch_state_dict(name: str, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Inverse of :func:`import_torch_state_dict`: arrays named as in the authors' PyTorch networks.

    What our networks do not have (step counters, MRUNet's unused layers) is not there either: load the result
    with ``load_state_dict(..., strict=False)``.

    Raises:
        ValueError: if the name is unknown or the variables are of another network.
    """
    _require_known(name)
    return {
        torch_name(name, path): np.ascontiguousarray(_to_torch(name, path, np.asarray(leaf)))
        for path, leaf in traverse_util.flatten_dict(variables).items()
    }


def guess_model(tensors: Mapping[str, Any]) -> str:
    """Name of the network whose first convolution is among the tensors.

    Raises:
        InputError: if there is none.
    """
    keys = {key.removeprefix("module.") for key in tensors}
    for name, first in _FIRST_CONV.items():
        if first in keys:
            return name
    sample = ", ".join(sorted(keys)[:3])
    raise InputError(f"not the weights of {', '.join(NETWORKS)}: no first convolution among {sample}, ...")
