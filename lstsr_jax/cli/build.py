"""The command ``python -m data_builders.build`` and its flags."""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from lstsr_jax.cli.door import expand_home, quieten
from lstsr_jax.cli.flags import flag, program, speaking_flags
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
    jobs: int | None = None
    """Processes that read granules; default: one per processor, where there is work for them."""
    runner: str | None = None
    """Instead, read them on Apache Beam by this runner: DirectRunner, FlinkRunner, SparkRunner, DataflowRunner or the
    full name of a class (extra beam; docs/scale.md). Its workers share this file system."""
    beam_options: tuple[str, ...] = ()
    """Options of the runner as NAME=VALUE, such as direct_num_workers=2; dashes before it may stay."""
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
    argv = _without_dashes(sys.argv[1:] if argv is None else argv)
    arguments = expand_home(tyro.cli(BuildArguments, args=argv, prog=program("lstsr-build")))
    with speaking_flags():
        arguments.config  # noqa: B018 (checks itself)
    return arguments


def _without_dashes(argv: Sequence[str]) -> list[str]:
    """The arguments with all behind ``--beam-options`` that is no flag of this command as plain words.

    >>> _without_dashes(["--beam-options", "--region=europe-west1", "--streaming", "--data_dir", "D"])
    ['--beam-options', 'region=europe-west1', 'streaming', '--data_dir', 'D']
    >>> _without_dashes(["--beam-options=--region=europe-west1", "--beam-options=streaming"])
    ['--beam-options', 'region=europe-west1', 'streaming']
    """
    own = _own_flags()
    words: list[str] = []
    within = False
    for word in argv:
        name, equals, value = word.partition("=")
        name = name.replace("_", "-")
        if name == "--beam-options":
            words += [] if within else [name]
            words += [value.removeprefix("--")] if equals else []
            within = True
            continue
        within = within and name not in own
        words.append(word.removeprefix("--") if within else word)
    return words


def _own_flags() -> set[str]:
    """The flags of this command, with those that turn a switch off."""
    names = [flag(f"data.{field.name}") for field in dataclasses.fields(_BuildFlags)]
    names += [flag(field.name) for field in dataclasses.fields(BuildArguments)]
    off = [f"{part}{dot}no-{last}" for part, dot, last in (name[2:].rpartition(".") for name in names)]
    return {"-h", "--help", "--data-dir", *names, *(f"--{name}" for name in off)}


def main() -> None:
    """Prepare the dataset, and say where it is."""
    arguments = build_arguments()
    from data_builders import prepare

    quieten()
    with speaking_flags():
        built = prepare(
            arguments.config,
            verify=arguments.verify,
            jobs=arguments.jobs,
            runner=arguments.runner,
            beam_options=arguments.beam_options,
        )
        print(built.directory)
