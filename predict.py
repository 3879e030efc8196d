"""Make 250 m maps: ``python predict.py FILE... --checkpoint C [--output-dir O]``; see ``--help``."""

import sys

from lstsr_jax.cli import door, predict_arguments, start_jax
from lstsr_jax.product import choose_method, predict


def main() -> None:
    """Super-resolve every granule and print what became of each; exit status 1 if one gave no map."""
    arguments = predict_arguments()
    start_jax()
    request = arguments.request
    method = choose_method(arguments.checkpoint, arguments.method, arguments.ndvi, request)
    report = predict(arguments.files, arguments.output_dir, method, request, command=arguments.command)
    print(report)
    if report.failed:
        sys.exit(1)


if __name__ == "__main__":
    door(main)
