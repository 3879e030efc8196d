"""Floor 0: signals answered at once, also while the main thread is inside a compiler.

Python runs its signal handlers in the main thread between two instructions, so not before a call into C++ returns. Its
own C handler, though, writes the signal's number to a file descriptor at once, and a thread can wait for that.
"""

import signal
import socket
import threading
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self

Handler = Callable[[int, FrameType | None], Any]


class Listener:
    """Answers signals from a thread while it is open, and handles them in the main thread as soon as Python can.

    Opened anywhere but in the main thread, where Python delivers no signals, it does nothing. Listeners nest: the
    innermost one answers.
    """

    _innermost: ClassVar["Listener | None"] = None

    def __init__(self, numbers: Sequence[int], answer: Callable[[int, int], None], handler: Handler) -> None:
        """Listen to the signals ``numbers``.

        Args:
            numbers: of the signals.
            answer: called in a thread at once with the signal's number and how many there were so far.
            handler: called in the main thread, as by :func:`signal.signal`.
        """
        self._numbers, self._answer, self._handler = tuple(numbers), answer, handler
        self._before: dict[int, Any] = {}
        self._thread: threading.Thread | None = None

    def insist(self, number: int) -> None:
        """Let the listener around this one answer a signal as one that was sent again; nothing without one."""
        if self._outer is not None:
            self._outer._answer(number, 2)

    def restore(self) -> None:
        """Give the signals back to those who had them before."""
        if self._thread is None or Listener._innermost is not self:
            return
        signal.set_wakeup_fd(self._fd_before, warn_on_full_buffer=False)
        for number, handler in self._before.items():
            # None: a handler that was not installed from Python, such as that of jax.distributed.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        Listener._innermost = self._outer

    def _listen(self) -> None:
        count = 0
        while received := self._reader.recv(1):
            if received[0] in self._numbers:
                count += 1
                self._answer(received[0], count)

    def __enter__(self) -> Self:
        """Listen."""
        self._outer = Listener._innermost
        if threading.current_thread() is threading.main_thread():
            self._reader, self._writer = socket.socketpair()
            self._writer.setblocking(False)
            self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
            self._thread.start()
            self._before = {number: signal.signal(number, self._handler) for number in self._numbers}
            self._fd_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
            Listener._innermost = self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Give the signals back and end the thread."""
        if self._thread is None:
            return
        self.restore()
        self._writer.close()
        self._thread.join()
        self._reader.close()
