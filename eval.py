"""Evaluate checkpoints: ``python eval.py --checkpoint C [--granules DIR | --pairs DIR]``; see ``--help``."""

from data_builders import prepare
from lstsr_jax.cli import door, eval_arguments, start_jax
from lstsr_jax.evaluation import (
    check_unseen,
    evaluate,
    evaluate_pairs,
    name_predictors,
    protocol,
    reliability,
)
from lstsr_jax.geo import Shift
from lstsr_jax.predictor import load_predictor


def main() -> None:
    """Prepare the dataset or read the pairs, score every method, and print the table."""
    arguments = eval_arguments()
    start_jax()
    predictors = [load_predictor(path) for path in arguments.checkpoint]
    if arguments.pairs:
        table = evaluate_pairs(
            predictors,
            arguments.pairs,
            arguments.report_dir,
            classical=arguments.method_names,
            registration=arguments.registration,
            shift=None if arguments.registration_shift is None else Shift(*arguments.registration_shift),
            ensemble=arguments.self_ensemble,
        )
        print(f"{table}\n\nreport: {arguments.report_dir}")
        return
    data = arguments.data_config(predictors)
    check_unseen(predictors, data, "validation" if arguments.reliability else arguments.split)
    dataset = prepare(data, verify=arguments.verify)
    if arguments.reliability:
        dataset.source("validation")  # an empty split is an error now, not after the evaluation
    table = evaluate(
        predictors,
        dataset,
        arguments.report_dir,
        classical=arguments.method_names,
        protocol=protocol(arguments.protocol),
        split=arguments.split,
        coarsen_by=arguments.coarsen,
        ensemble=arguments.self_ensemble,
    )
    if arguments.reliability:
        named = name_predictors(predictors)
        strict = protocol("strict")
        table += "\n\n" + reliability(
            named, dataset, arguments.report_dir, protocol=strict, coarsen_by=arguments.coarsen
        )
    print(f"{table}\n\nreport: {arguments.report_dir}")


if __name__ == "__main__":
    door(main)
