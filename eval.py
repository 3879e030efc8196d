"""Evaluate checkpoints: ``python eval.py --checkpoint C [--granules DIR | --pairs DIR]``; see ``--help``."""

if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a traceback, until the door answers
    from lstsr_jax.cli import door

    door("lstsr_jax.cli.eval")
