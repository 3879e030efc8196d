"""Train a network: ``python train.py [--preset NAME] [--granules DIR] [--workdir W]``; see ``--help``."""

if __name__ == "__main__":
    from lstsr_jax.cli.scripts import train

    train()
