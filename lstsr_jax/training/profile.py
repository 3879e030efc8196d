"""A profiler trace of a few steps, after compilation."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax

_FIRST, _STEPS = 5, 5


class StepProfile:
    """Traces steps 6 to 10 of a run into a directory that TensorBoard and xprof open; does nothing without one."""

    def __init__(self, directory: Path | None) -> None:
        """Trace into ``directory``."""
        self._directory = directory
        self._done = 0
        self._running = False

    def step(self, result: Any) -> None:
        """Count a step whose ``result`` is given."""
        if self._directory is None:
            return
        self._done += 1
        if self._done == _FIRST:
            jax.block_until_ready(result)
            jax.profiler.start_trace(str(self._directory))
            self._running = True
        elif self._done == _FIRST + _STEPS:
            jax.block_until_ready(result)
            self._stop()

    def _stop(self) -> None:
        if self._running:
            jax.profiler.stop_trace()
            self._running = False

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Finish a trace that a short run left open."""
        self._stop()
