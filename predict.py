"""Make 250 m maps: ``python predict.py FILE... --checkpoint C [--output-dir O]``; see ``--help``."""

if __name__ == "__main__":
    from lstsr_jax.cli.scripts import predict

    predict()
