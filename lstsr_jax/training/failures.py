"""What to say when a loss, a gradient or a score is not finite."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from lstsr_jax.data import Example, TrainingBatches
from lstsr_jax.errors import InputError
from lstsr_jax.files import write_text


def not_finite(
    source: Sequence[Example], batches: TrainingBatches, step: int, table: Path, last: Path | None, *, write: bool
) -> InputError:
    """Name the step, where its patches came from, and what to do.

    Args:
        source: the training examples.
        batches: how they are drawn.
        step: the step, counted from 0.
        table: where all its patches are listed (granule, row, column).
        last: the last good checkpoint.
        write: whether this process writes the table.
    """
    examples = [source[i] for i in batches.examples(step)]
    if write:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("granule", "row", "col"))
        writer.writerows(map(_provenance, examples))
        write_text(table, text.getvalue())
    named = ", ".join("{} row {} col {}".format(*_provenance(example)) for example in examples[:3])
    kept = f"the last good checkpoint is {last}" if last else "there is no good checkpoint"
    return InputError(
        f"the loss or its gradient is not finite at step {step + 1} (epoch {step // batches.steps_per_epoch + 1}), "
        f"whose patches are {named}, ... (all in {table}); look at them or lower `train.learning_rate`; {kept}"
    )


def validation_not_finite(epoch: int, last: Path | None) -> InputError:
    """The network's answers are not finite after ``epoch``, counted from 1; ``last`` is the last good checkpoint."""
    return InputError(
        f"the validation RMSE is not finite after epoch {epoch}; lower `train.learning_rate`; "
        f"the last good checkpoint is {last}"
    )


def _provenance(example: Example) -> tuple[str, int, int]:
    granule = example["granule"]
    return granule.decode() if isinstance(granule, bytes) else str(granule), int(example["row"]), int(example["col"])
