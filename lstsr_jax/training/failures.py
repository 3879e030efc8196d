"""What to say when a loss, a gradient or a score is not finite."""

import csv
import io
from pathlib import Path

from lstsr_jax.errors import InputError
from lstsr_jax.files import write_text
from lstsr_jax.training.stream import Origin, Stream


def not_finite(stream: Stream, step: int, table: Path, last: Path | None, *, write: bool) -> InputError:
    """Name the step, where its patches or pairs came from, and what to do.

    Args:
        stream: of the training batches.
        step: the step, counted from 0.
        table: where all its patches are listed (granule, row, column; the name of a pair).
        last: the last good checkpoint.
        write: whether this process writes the table.
    """
    origins = stream.origins(step)
    if write:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Origin._fields)
        writer.writerows(origins)
        write_text(table, text.getvalue())
    named = ", ".join(
        f"pair {granule}" if row == "" else f"{granule} row {row} col {col}" for granule, row, col in origins[:3]
    )
    kept = f"the last good checkpoint is {last}" if last else "there is no good checkpoint"
    return InputError(
        f"the loss or its gradient is not finite at step {step + 1} (epoch {step // stream.steps_per_epoch + 1}), "
        f"whose {stream.unit} are {named}, ... (all in {table}); look at them or lower `train.learning_rate`; {kept}"
    )


def validation_not_finite(epoch: int, last: Path | None) -> InputError:
    """The network's answers are not finite after ``epoch``, counted from 1; ``last`` is the last good checkpoint."""
    return InputError(
        f"the validation RMSE is not finite after epoch {epoch}; lower `train.learning_rate`; "
        f"the last good checkpoint is {last}"
    )
