"""The flags of the commands, and how bad input ends them."""

from lstsr_jax.cli.door import door
from lstsr_jax.cli.eval import EvalArguments, eval_arguments
from lstsr_jax.cli.predict import PredictArguments, predict_arguments
from lstsr_jax.cli.train import TrainArguments, train_arguments

__all__ = [
    "EvalArguments",
    "PredictArguments",
    "TrainArguments",
    "door",
    "eval_arguments",
    "predict_arguments",
    "train_arguments",
]
