"""``python -m lstsr_jax.models.torch_import``: the door of that command, which is in ``lstsr_jax.cli``."""

import sys

if __name__ == "__main__":
    from lstsr_jax.cli.torch_import import main

    sys.exit(main())
