"""``python -m data_builders.build`` and ``lstsr-build``: prepare a dataset; see ``--help``."""

if __name__ == "__main__":
    from lstsr_jax.cli.scripts import build

    build()
