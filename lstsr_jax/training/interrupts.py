"""What happens to a run from outside: signals that ask it to stop, and the clock that asks it to save."""

import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

import jax
import numpy as np
from jax.experimental import multihost_utils

from lstsr_jax.signals import Listener

_EVERY = 16  # steps between two agreements of several processes: each waits for the device


class Stopped(Exception):
    """The run was asked to stop and saved itself; ``--resume`` goes on with it."""


class Asked(NamedTuple):
    """What a run is asked for after a step."""

    save: bool
    stop: bool


class Interrupts:
    """Turns SIGTERM and SIGINT into a request to stop, and passing time into a request to save.

    The first signal is answered at once with a line on stderr. A second one does what it would have done without us.
    Outside the main thread, where Python delivers no signals, only the clock asks.
    """

    def __init__(self, minutes: float, processes: int = 1) -> None:
        """Ask for a checkpoint when ``minutes`` have passed since the last one; never if 0."""
        self._seconds, self._processes = 60 * minutes, processes
        self._saved = time.monotonic()
        self._signals = 0
        self._stop = False
        self._listener = Listener((signal.SIGTERM, signal.SIGINT), self._answer, self._handle)

    def agree(self, step: int, after: Any = None, *, now: bool = False) -> Asked:
        """What is asked for after ``step`` steps.

        Several processes find out together, every 16 steps or ``now``: what one is asked for, all are, at the same
        step. They wait for ``after``, what the step returned, so that their collectives come in one order.
        """
        late = 0 < self._seconds <= time.monotonic() - self._saved
        if self._processes == 1:
            return Asked(late, self._stop)
        if not now and step % _EVERY:
            return Asked(False, False)
        jax.block_until_ready(after)
        asked = multihost_utils.process_allgather(np.array([late, self._stop], np.int32))
        return Asked(*(bool(value) for value in np.asarray(asked).max(axis=0)))

    def saved(self) -> None:
        """Start the clock anew."""
        self._saved = time.monotonic()

    def _answer(self, number: int, count: int) -> None:
        self._signals = count
        if count > 1:
            self._listener.insist(number)
        elif number == signal.SIGINT:
            print("\nstopping after this step and saving; press again to stop now", file=sys.stderr, flush=True)
        else:
            print(f"{signal.Signals(number).name}: stopping after this step and saving", file=sys.stderr, flush=True)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        again = self._stop or self._signals > 1  # several that came while Python could not run are handled as one
        self._stop = True
        if again:
            self._listener.restore()
            signal.raise_signal(number)

    def __enter__(self) -> Self:
        """Listen."""
        self._listener.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Give the signals back."""
        self._listener.__exit__(kind, error, tb)
