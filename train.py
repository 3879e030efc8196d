"""Train a network: ``python train.py [--preset NAME] [--granules DIR] [--workdir W]``; see ``--help``."""

from data_builders import prepare
from lstsr_jax.cli import door, train_arguments
from lstsr_jax.evaluation import PROTOCOLS, evaluate
from lstsr_jax.predictor import load_predictor
from lstsr_jax.training import train


def main() -> None:
    """Prepare the dataset, train, and print the table of the test split."""
    arguments = train_arguments()
    config = arguments.config
    dataset = prepare(config.data)
    dataset.source("test")  # an empty test split is an error now, not after the training
    workdir = train(config, dataset, arguments.resolved_workdir(), resume=arguments.resume)
    table = evaluate(
        [load_predictor(workdir)],
        dataset,
        workdir / "report",
        classical=("bilinear", "bicubic"),
        protocol=PROTOCOLS["strict"],
    )
    print(f"{table}\n\ncheckpoints, logs and report: {workdir}")


if __name__ == "__main__":
    door(main)
