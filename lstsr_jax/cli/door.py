"""How every command starts and ends."""

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from absl import logging

from lstsr_jax.errors import InputError, first_line

_T = TypeVar("_T")
_PATHS = ("checkpoint", "granules", "ndvi", "pairs", "data_dir")
"""Flags that are text, since they may be names, and paths all the same."""


def door(command: Callable[[], None]) -> None:
    """Run a command; bad input ends it with one line on stderr and exit status 1, or with a traceback for --debug."""
    logging.set_verbosity(logging.ERROR)  # TFDS and orbax warn of what is meant here
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))
        if hasattr(getattr(sys, name), "reconfigure"):  # names of files may be any bytes
            getattr(sys, name).reconfigure(errors="backslashreplace")
    try:
        try:
            command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # head, less and the like have seen enough
        sys.stdout = open(os.devnull, "w")
        os.dup2(sys.stdout.fileno(), 1)
        sys.exit(128 + signal.SIGPIPE)
    except KeyboardInterrupt:
        sys.exit(130)
    except (InputError, OSError) as error:
        if "--debug" in sys.argv[1:]:
            raise
        sys.unraisablehook = lambda _: None  # what threads of libraries complain of after the error
        sys.exit(f"error: {_line(error)}")


def _line(error: InputError | OSError) -> str:
    """What to print of an error."""
    if isinstance(error, InputError):
        return str(error)
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    what = error.strerror or first_line(error)
    return f"{place}{what}; check the path, its permissions and the disk (--debug shows where)"


def start_jax() -> None:
    """Find the devices, before anything is read or written.

    Raises:
        InputError: if there is no such device, naming the environment variable that asks for it.
    """
    import jax

    try:
        jax.devices()
    except Exception as error:  # AssertionError without a word, RuntimeError: the kind is not documented
        asked = os.environ.get("JAX_PLATFORMS")
        if asked:
            raise InputError(
                f"JAX_PLATFORMS={asked}: JAX finds no such device here; unset it or set JAX_PLATFORMS=cpu, "
                "or install JAX for the device (extras cuda12, cuda13, tpu)"
            ) from error
        raise InputError(
            f"JAX cannot start ({first_line(error)}); JAX_PLATFORMS=cpu does without the device"
        ) from error


def expand_home(arguments: _T) -> _T:
    """The same arguments with a leading ~ of paths replaced by the home folder: shells leave --flag=~/x alone."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(arguments):  # type: ignore[arg-type]
        value = getattr(arguments, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[field.name] = expand_home(value)
        elif isinstance(value, tuple):
            changes[field.name] = tuple(_expanded(field.name, item) for item in value)
        else:
            changes[field.name] = _expanded(field.name, value)
    return dataclasses.replace(arguments, **changes)  # type: ignore[type-var]


def _expanded(name: str, value: Any) -> Any:
    if isinstance(value, Path):
        return Path(os.path.expanduser(value))
    return os.path.expanduser(value) if isinstance(value, str) and name in _PATHS else value
