"""How every command starts and ends."""

import contextlib
import dataclasses
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from lstsr_jax.cli.flags import as_flags
from lstsr_jax.errors import InputError, first_line
from lstsr_jax.files import remove_unfinished
from lstsr_jax.signals import Listener
from lstsr_jax.system import refusal, system_error

_T = TypeVar("_T")
_PATHS = ("checkpoint", "granules", "ndvi", "elevation", "fine", "pairs", "init", "data_dir")
"""Flags that are text, since they may be names, and paths all the same."""
_GRACE_S = 2.0
"""How long a command that was interrupted may clean up, or sit in a compiler."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a command with its clean-up: Ctrl-C, a batch system, a terminal that has gone."""
_WORDS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_interrupted: list[int] = []
"""The signal that ends the command."""
_answered = threading.Event()


def door(command: Callable[[], None] | str) -> None:
    """Run a command; bad input ends it with one line on stderr and exit status 1, or with a traceback for --debug.

    What the system refuses (a full disk, no more memory, a limit) is told likewise. Ctrl-C, SIGTERM and SIGHUP end it
    with one line and exit status 128 and the signal's number: at once while modules are being imported, afterwards when
    what is half done has been removed, after two seconds at the latest, or at the second one. A training that is under
    way answers by itself. What the caller ignores stays ignored, as SIGHUP under nohup.

    Args:
        command: what to run, or the module whose ``main`` it is: imported under this roof.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))
        if hasattr(getattr(sys, name), "reconfigure"):  # names of files may be any bytes
            getattr(sys, name).reconfigure(errors="backslashreplace")
    heard = tuple(number for number in _SIGNALS if number == signal.SIGINT or not _is_ignored(number))
    with _told_in_one_line():
        with Listener(heard, _answer, lambda number, frame: None):
            run = importlib.import_module(command).main if isinstance(command, str) else command
        with Listener(heard, _answer_and_wait, _interrupt):
            try:
                run()
            finally:
                sys.stdout.flush()


def _is_ignored(number: int) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN


@contextlib.contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if _interrupted:  # a KeyboardInterrupt, or what a library made of it
            _answered.wait(_GRACE_S)
            _leave(_interrupted[0])
        if isinstance(error, BrokenPipeError):  # head, less and the like have seen enough
            sys.stdout = open(os.devnull, "w")
            os.dup2(sys.stdout.fileno(), 1)
            sys.exit(128 + signal.SIGPIPE)
        if (line := _line(error)) and "--debug" not in sys.argv[1:]:
            sys.unraisablehook = lambda _: None  # what threads of libraries complain of after the error
            threading.excepthook = lambda _: None
            sys.exit(f"error: {line}")
        raise


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """In the main thread: end the command, with its clean-up."""
    _interrupted.append(number)
    raise KeyboardInterrupt


def _answer(number: int, count: int) -> None:
    """In a thread: end the process, which has nothing to clean up."""
    _speak(_WORDS.get(number, signal.Signals(number).name))
    _leave(number)


def _answer_and_wait(number: int, count: int) -> None:
    """In a thread: speak, and see to it that the process ends."""
    if count > 1:
        _speak("stopped")
        _leave(number)
    again = "; press again to stop now" if number == signal.SIGINT else ""
    _speak(f"{_WORDS.get(number, signal.Signals(number).name)}: stopping{again}")
    _answered.set()
    timer = threading.Timer(_GRACE_S, _leave, (number,))
    timer.daemon = True
    timer.start()


def _speak(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a terminal that has gone
        print(text, file=sys.stderr, flush=True)


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


def _line(error: BaseException) -> str:
    """What to print of an error in place of its traceback; "" for one that only a traceback tells."""
    if isinstance(error, InputError):
        return as_flags(str(error))
    refused = system_error(error) if isinstance(error, Exception) else None
    return f"{refusal(refused)} (--debug shows where)" if refused is not None else ""


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
