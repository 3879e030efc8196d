"""The command ``lstsr-export`` and its flags."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from lstsr_jax.cli.door import door, expand_home, start_jax
from lstsr_jax.cli.flags import program, speaking_flags
from lstsr_jax.predictor import shipped


@dataclasses.dataclass(frozen=True)
class ExportArguments:
    """Write a model as StableHLO for CPU, CUDA and TPU, with a JSON beside it that says what it is.

    lstsr_jax.load_exported reads it, with JAX and without Flax or the network's code (docs/export.md).
    """

    model: Annotated[
        str,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="MODEL", help=f"Workdir, checkpoint, or a shipped model: {', '.join(shipped.names())}."),
    ]
    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PATH.stablehlo")]
    """The file to write; PATH.stablehlo.json is written beside it."""
    shape: Annotated[tuple[int, int, int] | None, tyro.conf.arg(metavar="BATCH HEIGHT WIDTH")] = None
    """Of the coarse field; default any, as far as the network allows."""
    debug: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the traceback of an error."""


def export_arguments(argv: Sequence[str] | None = None) -> ExportArguments:
    """Parse the flags."""
    return expand_home(tyro.cli(ExportArguments, args=argv, prog=program("python -m lstsr_jax.cli.export")))


def main() -> None:
    """Export the model, and print what was written."""
    arguments = export_arguments()
    # Loaded after the flags, so that --help and bad flags need not wait for it.
    from lstsr_jax.export import export_predictor
    from lstsr_jax.predictor import load_predictor

    start_jax()
    with speaking_flags():
        about = export_predictor(load_predictor(arguments.model), arguments.path, shape=arguments.shape)
    sizes, platforms = about["sizes"], ", ".join(about["calling_convention"]["platforms"])
    seen = ", ".join(f"{one['name']} {_shape(one)}" for one in about["inputs"])
    multiple, least = sizes["multiple_of"], sizes["at_least"]
    rule = f", h and w multiples of {multiple} from {least} on" if multiple > 1 else ""
    size = arguments.path.stat().st_size / 1e6
    answer = f"{_shape(about['outputs'][0])} K{rule}"
    print(f"{arguments.path}: {arguments.model}, {seen} to {answer}; {platforms}; {size:.1f} MB")


def _shape(array: Mapping[str, Any]) -> str:
    return f"({', '.join(map(str, array['shape']))})"


if __name__ == "__main__":
    door(main)
