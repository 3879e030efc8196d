"""``python -m lstsr_jax.models.torch_import FILE.pth --out C``: published weights become a checkpoint."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lstsr_jax.config import ModelConfig
from lstsr_jax.errors import InputError
from lstsr_jax.models.torch_file import read_torch_checkpoint
from lstsr_jax.models.torch_weights import NETWORKS, import_torch_state_dict, infer_sizes
from lstsr_jax.predictor import Normalization, Predictor, save_predictor

AUTHORS_MAX_K = 333.32
"""The maximum of the authors' training set in kelvin, by which their networks' input is divided."""


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
