"""Train a network: ``python train.py [--preset NAME] [--granules DIR] [--workdir W]``; see ``--help``."""

import sys

import jax
from jax.experimental import multihost_utils

from data_builders import prepare
from lstsr_jax.cli import door, start_jax, train_arguments
from lstsr_jax.cli.train import TrainArguments, join_processes, keep_compiled_programs, resume_command
from lstsr_jax.data import PreparedDataset
from lstsr_jax.evaluation import PROTOCOLS, evaluate
from lstsr_jax.predictor import load_predictor
from lstsr_jax.training import Stopped, train


def main() -> None:
    """Prepare the dataset, train, and print the table of the test split."""
    arguments = train_arguments()
    if arguments.distributed:
        join_processes()
    start_jax()
    keep_compiled_programs()
    dataset = _prepare(arguments)
    dataset.source("test")  # an empty test split is an error now, not after the training
    workdir = arguments.resolved_workdir()
    try:
        train(arguments.config, dataset, workdir, resume=arguments.resume, profile=arguments.profile)
    except Stopped as stopped:
        if jax.process_index() == 0:
            print(f"{stopped}; go on with: {resume_command(arguments, workdir)}", file=sys.stderr)
        return
    if arguments.distributed:  # the report is for one process
        if jax.process_index() == 0:
            print(f"checkpoints and logs: {workdir}; for the report: python eval.py --checkpoint {workdir}")
        return
    table = evaluate(
        [load_predictor(workdir)],
        dataset,
        workdir / "report",
        classical=("bilinear", "bicubic"),
        protocol=PROTOCOLS["strict"],
    )
    print(f"{table}\n\ncheckpoints, logs and report: {workdir}")


def _prepare(arguments: TrainArguments) -> PreparedDataset:
    """Prepare the dataset, on one process first, so that those who share its disk find it ready."""
    if jax.process_count() > 1 and jax.process_index() > 0:
        multihost_utils.sync_global_devices("prepared")
    dataset = prepare(arguments.data, verify=arguments.verify)
    if jax.process_count() > 1 and jax.process_index() == 0:
        multihost_utils.sync_global_devices("prepared")
    return dataset


if __name__ == "__main__":
    door(main)
