"""Flags of ``train.py``."""

import argparse
import dataclasses
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tyro

from lstsr_jax import config as configs
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig


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
