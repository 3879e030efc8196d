"""The flags of the commands, and how bad input ends them."""

import argparse
import dataclasses
import datetime
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro
from absl import logging

from lstsr_jax import config as configs
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.errors import InputError


def door(command: Callable[[], None]) -> None:
    """Run a command; bad input ends it with one line on stderr and exit status 1."""
    logging.set_verbosity(logging.ERROR)  # TFDS and orbax warn of what is meant here
    try:
        command()
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


@dataclasses.dataclass(frozen=True)
class TrainArguments:
    """Train a network on MODIS LST and evaluate it: granules -> TFDS dataset -> checkpoints -> table."""

    preset: Literal["quickstart", "paper", "authors-code", "recommended"] = "quickstart"
    """quickstart: simulated granules, minutes on a CPU. paper: what the paper says. authors-code: what its code does
    (learning rate 1e-3 constant, batch 24, bilinear input). recommended: ours."""
    workdir: Path | None = None
    """Where checkpoints, logs and the report go; default runs/<preset>-<date>-<time>."""
    resume: bool = False
    """Go on from the last checkpoint of the workdir."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    @property
    def config(self) -> Config:
        """The configuration without what is not part of the run."""
        return Config(self.preset, self.data, self.model, self.train)

    def resolved_workdir(self) -> Path:
        """The workdir, named after preset and time if none was given."""
        return self.workdir or Path("runs") / f"{self.preset}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def train_arguments(argv: Sequence[str] | None = None) -> TrainArguments:
    """Parse the flags of ``train.py``: the preset gives the defaults, every field of the config is a flag.

    Raises:
        InputError: if the preset is unknown or a value cannot be used.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--preset", default="quickstart")
    name = finder.parse_known_args(argv)[0].preset
    chosen = configs.preset(name)
    default = TrainArguments(preset=name, data=chosen.data, model=chosen.model, train=chosen.train)  # type: ignore[arg-type]
    arguments = tyro.cli(TrainArguments, args=argv, default=default, prog="train.py")
    configs.check(arguments.config)
    return arguments


@dataclasses.dataclass(frozen=True)
class EvalArguments:
    """Evaluate checkpoints beside classical methods: fine LST is degraded, super-resolved and compared with itself."""

    checkpoint: Annotated[tuple[str, ...], tyro.conf.arg(metavar="C"), tyro.conf.UseAppendAction] = ()
    """Training workdir or checkpoint directory; may be given several times."""
    granules: str | None = None
    """Directory of granules; default: the data of the first checkpoint."""
    split: Literal["train", "validation", "test", "all"] = "test"
    """Which patches; all for granules never used in training."""
    split_by: Literal["date", "place", "random", "year"] | None = None
    """Rule of the splits; default: that of the first checkpoint."""
    protocol: Literal["strict", "paper"] = "strict"
    """strict: every method on the same pixels. paper: as the authors ran it."""
    methods: str = "bilinear,bicubic"
    """Classical methods, separated by commas."""
    report_dir: Path = Path("report")
    """Receives metrics.json, per_image.csv, table.md and figures."""
    data_dir: str | None = None
    """Where prepared datasets are kept; default as TFDS."""

    def data_config(self, trained_on: DataConfig) -> DataConfig:
        """The patches to score: those of the first checkpoint with what was asked for changed."""
        return dataclasses.replace(
            trained_on,
            granules=self.granules or trained_on.granules,
            split_by=self.split_by or trained_on.split_by,
            data_dir=self.data_dir or trained_on.data_dir,
        )

    @property
    def method_names(self) -> tuple[str, ...]:
        """``methods`` as a tuple."""
        return tuple(name.strip() for name in self.methods.split(",") if name.strip())


def eval_arguments(argv: Sequence[str] | None = None) -> EvalArguments:
    """Parse the flags of ``eval.py``.

    Raises:
        InputError: if there is nothing to evaluate.
    """
    arguments = tyro.cli(EvalArguments, args=argv, prog="eval.py")
    if not arguments.checkpoint and not arguments.method_names:
        raise InputError("--checkpoint: give at least one checkpoint or one of --methods")
    return arguments
