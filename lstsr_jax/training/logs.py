"""Logs of a training run: TensorBoard event files (without TensorFlow) and a CSV beside them."""

import csv
import io
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboardX import SummaryWriter

from lstsr_jax.files import write_text


class EpochLog:
    """One row per epoch in ``W/log.csv`` and in ``W/tensorboard``; epochs count from 1, as on the console.

    A resumed run drops the rows of the epochs that it does again, so that no epoch stands twice.
    """

    def __init__(self, workdir: Path, epochs_done: int, *, active: bool = True) -> None:
        """Open the logs of a run that has done so many epochs; nothing is read or written unless ``active``."""
        self._active = active
        if not active:
            return
        self._path = workdir / "log.csv"
        self._rows: list[dict[str, str]] = []
        if epochs_done and self._path.is_file():
            with self._path.open(newline="") as file:
                self._rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= epochs_done]
        self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=epochs_done + 1)

    def write(self, epoch: int, values: dict[str, float]) -> None:
        """Add the row of ``epoch``, counted from 1."""
        if not self._active:
            return
        self._rows.append({"epoch": str(epoch), **{name: f"{value:.9g}" for name, value in values.items()}})
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._rows[-1]))
        writer.writeheader()
        writer.writerows(self._rows)
        write_text(self._path, text.getvalue())
        for name, value in values.items():
            self._board.add_scalar(name, value, epoch)

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the event file."""
        if self._active:
            self._board.close()
