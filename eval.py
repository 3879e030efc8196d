"""Evaluate checkpoints: ``python eval.py --checkpoint C [--granules DIR | --pairs DIR]``; see ``--help``."""

if __name__ == "__main__":
    from lstsr_jax.cli.scripts import evaluate

    evaluate()
