"""How every command starts and ends."""

import contextlib
import dataclasses
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from lstsr_jax.cli.flags import as_flags
from lstsr_jax.errors import InputError, first_line
from lstsr_jax.files import remove_unfinished
from lstsr_jax.signals import Listener

_T = TypeVar("_T")
_PATHS = ("checkpoint", "granules", "ndvi", "elevation", "fine", "pairs", "init", "data_dir")
"""Flags that are text, since they may be names, and paths all the same."""
_GRACE_S = 2.0
"""How long a command that was interrupted may clean up, or sit in a compiler."""
_interrupted, _answered = threading.Event(), threading.Event()


def door(command: Callable[[], None] | str) -> None:
    """Run a command; bad input ends it with one line on stderr and exit status 1, or with a traceback for --debug.

    Ctrl-C ends it with one line and exit status 130: at once while modules are being imported, afterwards when what is
    half done has been removed, after two seconds at the latest, or at the second Ctrl-C. A training that is under way
    answers by itself.

    Args:
        command: what to run, or the module whose ``main`` it is: imported under this roof.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))
        if hasattr(getattr(sys, name), "reconfigure"):  # names of files may be any bytes
            getattr(sys, name).reconfigure(errors="backslashreplace")
    with Listener((signal.SIGINT,), _answer, lambda number, frame: None):
        run = importlib.import_module(command).main if isinstance(command, str) else command
    with Listener((signal.SIGINT,), _answer_and_wait, _interrupt):
        _run(run)


def _run(command: Callable[[], None]) -> None:
    try:
        try:
            command()
        finally:
            sys.stdout.flush()
    except BaseException as error:
        if _interrupted.is_set():  # a KeyboardInterrupt, or what a library made of it
            _answered.wait(_GRACE_S)
            _leave(signal.SIGINT)
        if isinstance(error, BrokenPipeError):  # head, less and the like have seen enough
            sys.stdout = open(os.devnull, "w")
            os.dup2(sys.stdout.fileno(), 1)
            sys.exit(128 + signal.SIGPIPE)
        if isinstance(error, InputError | OSError) and "--debug" not in sys.argv[1:]:
            sys.unraisablehook = lambda _: None  # what threads of libraries complain of after the error
            sys.exit(f"error: {_line(error)}")
        raise


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """In the main thread: end the command, with its clean-up."""
    _interrupted.set()
    raise KeyboardInterrupt


def _answer(number: int, count: int) -> None:
    """In a thread: end the process, which has nothing to clean up."""
    print("interrupted", file=sys.stderr, flush=True)
    _leave(number)


def _answer_and_wait(number: int, count: int) -> None:
    """In a thread: speak, and see to it that the process ends."""
    if count > 1:
        print("stopped", file=sys.stderr, flush=True)
        _leave(number)
    print("interrupted: stopping; press again to stop now", file=sys.stderr, flush=True)
    _answered.set()
    timer = threading.Timer(_GRACE_S, _leave, (number,))
    timer.daemon = True
    timer.start()


def _leave(number: int) -> NoReturn:
    """End the process without the interpreter's own shutdown: not every library's threads survive it.

    Threads may still be writing: what they have not finished goes.
    """
    with contextlib.suppress(OSError):  # it has temporary names
        remove_unfinished()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a reader that has gone
            stream.flush()
    os._exit(128 + number)


def _line(error: InputError | OSError) -> str:
    """What to print of an error."""
    if isinstance(error, InputError):
        return as_flags(str(error))
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    what = error.strerror or first_line(error)
    return f"{place}{what}; check the path, its permissions and the disk (--debug shows where)"


def quieten() -> None:
    """Leave out the warnings of TFDS and orbax, which are of what is meant here."""
    from absl import logging

    logging.set_verbosity(logging.ERROR)


def start_jax() -> None:
    """Find the devices, before anything is read or written, and quieten what is built on JAX.

    Raises:
        InputError: if there is no such device, naming the environment variable that asks for it.
    """
    import jax

    quieten()
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
