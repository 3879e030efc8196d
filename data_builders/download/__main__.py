"""``python -m data_builders.download``; see ``--help``."""

from lstsr_jax.cli.download import main

if __name__ == "__main__":
    main()
