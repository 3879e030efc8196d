"""Where a run stands, for the eye: one bar per epoch on stderr, and lines above it."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm


class Progress:
    """The bar of the epoch under way; nothing on other processes than the first."""

    def __init__(self, epochs: int, steps_per_epoch: int, batch_size: int, unit: str, *, active: bool) -> None:
        """Of a run of so many epochs; ``unit`` is what the batches are of, such as ``"patches"``."""
        self._epochs, self._steps, self._size, self._active = epochs, steps_per_epoch, batch_size, active
        self._unit = unit

    def begin(self, step: int) -> None:
        """Begin the epoch in which ``step`` (from 0) lies, there."""
        epoch, self._first = divmod(step, self._steps)
        self._start = time.perf_counter()
        self._bar = tqdm(
            desc=f"epoch {epoch + 1}/{self._epochs}",
            initial=self._first,
            total=self._steps,
            unit="step",
            disable=None if self._active else True,  # None: where stderr is no terminal
        )

    def step(self, mse: float) -> None:
        """Count a step; ``mse`` is the last known mean squared error in K^2."""
        self._bar.update()
        if self._bar.n % 10 == 0:
            rate = f"{self.per_second(self._bar.n):.1f}/s"
            self._bar.set_postfix({"mse": f"{mse:.4f} K²", self._unit: rate})

    def per_second(self, done: int | None = None) -> float:
        """Mean rate since the epoch began here, of ``done`` steps of it; all by default."""
        done = self._steps if done is None else done
        return (done - self._first) * self._size / (time.perf_counter() - self._start)

    def say(self, line: str) -> None:
        """Tell the user, once for all processes."""
        if self._active:
            tqdm.write(line, file=sys.stderr)

    def end(self, line: str) -> None:
        """End the epoch's bar with a line."""
        self._bar.close()
        self.say(line)

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the bar of an epoch that was cut short."""
        if hasattr(self, "_bar"):
            self._bar.close()
