"""Which layer of a run makes an output: never two at once."""

import threading
from pathlib import Path
from typing import Any

from lstsr_jax.errors import InputError


class Claims:
    """The outputs of a run, in one process; of several runs each has its own."""

    def __init__(self) -> None:
        """Nothing is claimed yet."""
        self._lock = threading.Lock()
        self._sources: dict[Path, Path] = {}
        self._held: dict[Path, threading.Event] = {}
        self._closed = False

    def take(self, output: Path, source: Path) -> Path:
        """Claim an output, as soon as no other layer of the run is making it.

        Args:
            output: to be made.
            source: of the layer that makes it.

        Returns:
            The source of the first that claimed it: the same, unless two layers would be one output.

        Raises:
            InputError: if the run has been left.
        """
        while True:
            with self._lock:
                if self._closed:
                    raise InputError(f"{output}: not made, as the run was left")
                held = self._held.get(output)
                if held is None:
                    self._held[output] = threading.Event()
                    return self._sources.setdefault(output, source)
            held.wait()

    def release(self, output: Path) -> None:
        """Let others have it: it has been made, or could not be."""
        with self._lock:
            self._held.pop(output).set()

    def close(self) -> None:
        """Nothing is made any more: who waits is woken, and refused."""
        with self._lock:
            self._closed = True
            for held in self._held.values():
                held.set()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy for another process has claimed nothing."""
        return Claims, ()
