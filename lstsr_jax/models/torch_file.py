"""Reading ``.pth`` files of the paper's networks: names and tensors, nothing of them executed."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.models.torch_weights import guess_model


def _numpy_numbers() -> list[Any]:
    """What a pickled NumPy number is made of, under the names of NumPy 2 and 1."""
    scalar: Any = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int64)]
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *dtypes]


def read_torch_checkpoint(path: str | Path, model: str | None = None) -> tuple[str, dict[str, np.ndarray]]:
    """Read a ``.pth`` file of weights.

    It holds a state dict, or the dict with ``model_state_dict`` that the authors' trainer saves. Nothing in
    the file is executed (``torch.load(weights_only=True)``; plain NumPy numbers, which the trainer stores as
    losses, are let through). Half-precision tensors become float32.

    Args:
        path: the file.
        model: name of the network; guessed from the tensors' names if None.

    Returns:
        The network's name, and the tensors as arrays by name.

    Raises:
        InputError: if torch is not installed, the file is missing, damaged or holds no state dict, or its
            network is not to be guessed.
    """
    try:
        import torch
    except ImportError:
        remedy = 'python -m pip install "lstsr-jax[torch]"'
        raise InputError(f"{path}: reading .pth files needs PyTorch: {remedy}") from None
    try:
        with torch.serialization.safe_globals(_numpy_numbers()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"{path}: cannot be read as PyTorch weights: {reason}") from error
    state = content.get("model_state_dict", content) if isinstance(content, Mapping) else {}
    tensors = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise InputError(f"{path}: holds no state dict (tensors by name), nor one under model_state_dict")
    arrays = {key: (t if t.dtype == torch.float64 else t.float()).numpy() for key, t in tensors.items()}
    try:
        return model or guess_model(arrays), arrays
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
