"""What happens to a run from outside: signals that ask it to stop, and the clock that asks it to save."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """The run was asked to stop and saved itself; ``--resume`` goes on with it."""


class Requests:
    """Turns SIGTERM and SIGINT into a request to stop, and passing time into a request to save.

    A second signal does what it would have done without us. Outside the main thread, where Python delivers no signals,
    only the clock asks.
    """

    def __init__(self, minutes: float) -> None:
        """Ask for a checkpoint when ``minutes`` have passed since the last one; never if 0."""
        self._seconds = 60 * minutes
        self._saved = time.monotonic()
        self._stop = False
        self._before: dict[int, Any] = {}

    def asked(self) -> np.ndarray:
        """Whether to save now and whether to stop now, as two numbers that add up over processes."""
        late = 0 < self._seconds <= time.monotonic() - self._saved
        return np.array([late, self._stop], np.int32)

    def saved(self) -> None:
        """Start the clock anew."""
        self._saved = time.monotonic()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._stop:
            self._restore()
            signal.raise_signal(number)
        self._stop = True

    def _restore(self) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not installed from Python, such as that of jax.distributed.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def __enter__(self) -> Self:
        """Listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Give the signals back."""
        self._restore()
