"""What the installed commands call: ``lstsr-train`` is ``train.py``, and so on. Imports nothing that is slow."""

import signal

from lstsr_jax.cli.door import door


def train() -> None:
    """``lstsr-train``: train a network."""
    _enter("train")


def evaluate() -> None:
    """``lstsr-eval``: evaluate checkpoints."""
    _enter("eval")


def predict() -> None:
    """``lstsr-predict``: make 250 m maps."""
    _enter("predict")


def build() -> None:
    """``lstsr-build``: prepare a dataset."""
    _enter("build")


def export() -> None:
    """``lstsr-export``: write a model as StableHLO."""
    _enter("export")


def _enter(command: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a traceback, until the door answers
    door(f"lstsr_jax.cli.{command}")
