"""The flags of the commands, loaded lazily, and how bad input ends them."""

from typing import TYPE_CHECKING

from lstsr_jax.cli.door import door, start_jax
from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.cli.eval import EvalArguments, eval_arguments
    from lstsr_jax.cli.predict import PredictArguments, predict_arguments
    from lstsr_jax.cli.train import TrainArguments, train_arguments

_HOME = {
    "EvalArguments": ".eval",
    "PredictArguments": ".predict",
    "TrainArguments": ".train",
    "eval_arguments": ".eval",
    "predict_arguments": ".predict",
    "train_arguments": ".train",
}

__all__ = [
    "EvalArguments",
    "PredictArguments",
    "TrainArguments",
    "door",
    "eval_arguments",
    "predict_arguments",
    "start_jax",
    "train_arguments",
]


__getattr__ = lazily(__name__, _HOME)
