"""How every command starts and ends."""

import sys
from collections.abc import Callable

from absl import logging

from lstsr_jax.errors import InputError


def door(command: Callable[[], None]) -> None:
    """Run a command; bad input ends it with one line on stderr and exit status 1."""
    logging.set_verbosity(logging.ERROR)  # TFDS and orbax warn of what is meant here
    try:
        command()
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {place}{error.strerror or error}; check the path, its permissions and the disk")
    except KeyboardInterrupt:
        sys.exit(130)
