"""Kills of trainings."""

import csv
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.kills.campaign import Subject
from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig

NETWORKS = {
    "edsr": ModelConfig("edsr", width=4, blocks=2),
    "vdsr": ModelConfig("vdsr", width=4, depth=4),
    "mrunet": ModelConfig("mrunet", width=4),
}


def config_of(granules: Path, data_dir: Path, network: str) -> Config:
    """A run of ten steps that saves every 0.6 seconds."""
    return Config(
        "quickstart",
        DataConfig(granules=str(granules), patch_size=32, stride=32, data_dir=str(data_dir)),
        NETWORKS[network],
        TrainConfig(epochs=2, batch_size=8, learning_rate=1e-3, augment="dihedral", checkpoint_minutes=0.01),
    )


def work(ready: Callable[[], None], config: Config, dataset: Path, workdir: Path) -> None:
    """What a process does: the training, gone on with if it had begun."""
    from lstsr_jax.cli.door import start_jax
    from lstsr_jax.data import PreparedDataset
    from lstsr_jax.training import train

    start_jax()
    ready()
    train(config, PreparedDataset(dataset), workdir, resume="auto")


class Train(Subject):
    """Trainings of small networks: EDSR and VDSR in turns, every eighth run the Multi-residual U-Net."""

    name = "train"
    compared = "bits of the parameters and the log, every checkpoint readable, none lost"
    modules = (
        *(
            "lstsr_jax.training",
            "lstsr_jax.cli.door",
            "lstsr_jax.data",
            "lstsr_jax.predictor",
            "data_builders.preparation",
        ),
        *("orbax.checkpoint", "tensorstore", "optax", "grain", __name__),
    )
    per_run = 6
    variants = ("edsr", "vdsr", "edsr", "vdsr", "edsr", "vdsr", "edsr", "mrunet")
    work = staticmethod(work)

    def set_up(self, root: Path) -> None:
        """Simulate granules and prepare the dataset."""
        from data_builders import prepare
        from lstsr_jax.geo import simulate_granule, write_granule

        self._granules, self._data_dir = root / "granules", root / "tfds"
        for period in range(6):
            date = datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * period)
            granule = simulate_granule(period, date=date, size=128, cloud_fraction=0.1)
            write_granule(granule, self._granules, format="cog")
        self._dataset = prepare(config_of(self._granules, self._data_dir, "edsr").data).directory

    def arguments(self, place: Path, variant: str, turn: int) -> tuple[Any, ...]:
        """The same every time."""
        return config_of(self._granules, self._data_dir, variant), self._dataset, place / "workdir"

    def begin(self, place: Path) -> None:
        """No step is saved yet."""
        self._saved = -1

    def hit(self, place: Path) -> str:
        """Whether a checkpoint was half written."""
        from lstsr_jax.predictor.checkpoint import CHECKPOINTS

        folder = place / "workdir" / CHECKPOINTS
        unfinished = folder.is_dir() and any("tmp" in path.name for path in folder.iterdir())
        return "within a checkpoint" if unfinished else ""

    def examine(self, place: Path, variant: str) -> list[str]:
        """Checkpoints are whole, and the last one is no earlier than before."""
        from lstsr_jax.errors import InputError
        from lstsr_jax.predictor import load_predictor
        from lstsr_jax.predictor.checkpoint import step_directories

        faults, saved = [], -1
        for directory in step_directories(place / "workdir"):
            try:
                load_predictor(directory)
            except InputError as error:
                faults.append(str(error))
            saved = int(directory.name)
        if saved < self._saved:
            faults.append(f"the checkpoint of step {self._saved} is lost: the last one is of step {saved}")
        self._saved = saved
        return faults

    def outcome(self, place: Path, variant: str) -> Any:
        """Fingerprint of the last weights, and the log without its timings."""
        from lstsr_jax.predictor import load_predictor
        from lstsr_jax.predictor.checkpoint import fingerprint, step_directories

        last = step_directories(place / "workdir")[-1]
        with (place / "workdir" / "log.csv").open(newline="") as file:
            rows = [tuple(v for name, v in row.items() if name != "patches_per_second") for row in csv.DictReader(file)]
        return last.name, fingerprint(load_predictor(last).variables), rows
