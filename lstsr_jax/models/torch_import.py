"""``python -m lstsr_jax.models.torch_import FILE.pth --out C``: published weights become a checkpoint."""

import argparse
import contextlib
import logging
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.models.torch_weights import (
    NETWORKS,
    export_torch_state_dict,
    guess_model,
    import_torch_state_dict,
    infer_sizes,
    unused_tensors,
)

__all__ = [
    "AUTHORS_MAX_K",
    "export_torch_state_dict",
    "guess_model",
    "import_torch_state_dict",
    "infer_sizes",
    "main",
    "read_torch_checkpoint",
    "unused_tensors",
]

AUTHORS_MAX_K = 333.32
"""The maximum of the authors' training set in kelvin, by which their networks' input is divided."""


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lstsr_jax.models.torch_import",
        description="Turn PyTorch weights of the paper's networks into a checkpoint directory.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.pth", help="state dict, or dict with model_state_dict")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint directory to write")
    parser.add_argument("--model", choices=list(NETWORKS), help="default: guessed from the tensors' names")
    parser.add_argument(
        "--max-value",
        type=float,
        default=AUTHORS_MAX_K,
        metavar="K",
        help="maximum of the training set, by which the network's input is divided (default: %(default)s)",
    )
    return parser


@contextlib.contextmanager
def _reports_on_stderr() -> Iterator[None]:
    """Show this package's messages, and not those that the libraries below it log at the same level."""
    package, handler = logging.getLogger("lstsr_jax"), logging.StreamHandler()
    before = package.level, package.propagate
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    package.propagate = False
    try:
        yield
    finally:
        package.setLevel(before[0])
        package.propagate = before[1]
        package.removeHandler(handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    from lstsr_jax.config import ModelConfig  # the predictor imports this package's networks
    from lstsr_jax.predictor import Normalization, Predictor, save_predictor

    options = _parser().parse_args(arguments)
    try:
        if not options.max_value > 0:
            raise InputError(f"--max-value {options.max_value}: must be positive")
        name, tensors = read_torch_checkpoint(options.file, options.model)
        sizes: dict[str, Any] = infer_sizes(name, tensors)
        try:
            with _reports_on_stderr():
                variables = import_torch_state_dict(name, tensors)
        except ValueError as error:
            raise InputError(f"{options.file}: {error}") from error
        network: Any = name
        config = ModelConfig(name=network, upsampling="bilinear", normalization="train_max", **sizes)
        normalization = Normalization("train_max", options.max_value)
        save_predictor(options.out, Predictor(variables, NETWORKS[name](**sizes), config, normalization))
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {name}, {', '.join(f'{field} {size}' for field, size in sizes.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
