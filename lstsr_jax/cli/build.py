"""The command ``python -m data_builders.build`` and its flags."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import tyro

from lstsr_jax.cli.door import expand_home, quieten
from lstsr_jax.cli.flags import program, speaking_flags
from lstsr_jax.cli.train import DataFlags
from lstsr_jax.config import DataConfig


@dataclasses.dataclass(frozen=True)
class _BuildFlags(DataFlags):
    fine: tyro.conf.Suppress[str | None] = None
    pairs: tyro.conf.Suppress[str | None] = None
    pairs_fold: tyro.conf.Suppress[str | None] = None
    pairs_shift: tyro.conf.Suppress[tuple[float, float] | None] = None
    data_dir: Annotated[str | None, tyro.conf.arg(prefix_name=False)] = None
    """Where prepared datasets are kept; default as TFDS: $TFDS_DATA_DIR or ~/tensorflow_datasets."""


@dataclasses.dataclass(frozen=True)
class BuildArguments:
    """Cut LST at 1 km into patches: granules -> TFDS dataset, whose directory is the last line of stdout.

    The same granules cut by the same rule are prepared once: train.py and eval.py find the dataset again.
    """

    data: _BuildFlags = dataclasses.field(default_factory=_BuildFlags)
    verify: bool = False
    """Compare every granule with the checksum in the manifest.csv beside it before anything else; sizes always are."""
    debug: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the traceback of an error."""

    @property
    def config(self) -> DataConfig:
        """The dataset asked for.

        Raises:
            InputError: if a value cannot be used.
        """
        return DataConfig(**vars(self.data))


def build_arguments(argv: Sequence[str] | None = None) -> BuildArguments:
    """Parse the flags.

    Raises:
        InputError: if a value cannot be used.
    """
    arguments = expand_home(tyro.cli(BuildArguments, args=argv, prog=program("lstsr-build")))
    with speaking_flags():
        arguments.config  # noqa: B018 (checks itself)
    return arguments


def main() -> None:
    """Prepare the dataset, and say where it is."""
    arguments = build_arguments()
    from data_builders import prepare

    quieten()
    with speaking_flags():
        print(prepare(arguments.config, verify=arguments.verify).directory)
