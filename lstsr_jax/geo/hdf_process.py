"""The child process that reads HDF4 and HDF5, as seen from here: started when needed, kept, replaced after a crash.

Their libraries abort, or never come back, on some damaged files. Every process has a child of its own, whatever way it
was started; threads share it, one request at a time. The child ends with its parent, whatever ends that.
"""

import atexit
import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.spawn import get_executable
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo import hdf_child
from lstsr_jax.geo.errors import GranuleError

ANSWER_WITHIN_S: float = 60.0
"""How long the child may take for one answer before its file is given up; generous, for files on slow disks."""
COMMAND: Final = ("-P", "-S", "-W", "ignore", hdf_child.__file__)
_ENVIRONMENT: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),  # glibc: an array gets the pages of the last one
    "MALLOC_TRIM_THRESHOLD_": str(1 << 26),
}
_MISSING: Final = "HDF cannot be read: {}; install numpy, pyhdf and h5py again"
_NO_ANSWER: Final = "the HDF library does not come to an end"


class _LostError(Exception):
    """The child died or did not answer in time."""


class _Patience:
    """Kills a child that does not answer in time: its pipe ends then, as it does when it dies.

    A timer of its own for every answer would cost more than most answers do; only Windows, whose pipes cannot be
    waited for, has one.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """From now on."""
        self.late = False
        self._process, self._until = process, time.monotonic() + ANSWER_WITHIN_S
        self._timer = None if hasattr(select, "poll") else threading.Timer(ANSWER_WITHIN_S, self._give_up)

    def __enter__(self) -> Self:
        """Start the timer, where there is one."""
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()

    def wait(self) -> None:
        """Until the child has written something or ended."""
        if self._timer is None and self._process.stdout is not None:
            pipe = select.poll()
            pipe.register(self._process.stdout, select.POLLIN)
            if not pipe.poll(1e3 * max(0.0, self._until - time.monotonic())):
                self._give_up()

    def _give_up(self) -> None:
        self.late = True
        self._process.kill()


class _Child:
    """A running child, with pipes of its own."""

    def __init__(self, command: tuple[str, ...]) -> None:
        """Start it and wait until it is ready."""
        environment = {**os.environ, **_ENVIRONMENT}
        try:
            with _standard_streams():
                self._process = subprocess.Popen(
                    [os.fsdecode(get_executable() or sys.executable), *command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    env=environment,
                    start_new_session=True,  # Ctrl-C and Ctrl-Z are for the parent
                )
        except OSError as error:
            raise GranuleError(
                f"HDF cannot be read: no process can be started for it ({error.strerror}); see ulimit -u and -n"
            ) from error
        self.files: set[str] = set()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        try:
            answer, _ = self.ask({"sys_path": [entry for entry in sys.path if isinstance(entry, str)]})
        except _LostError:
            answer = {"missing": "it ends at once"}
        if "ready" not in answer:
            raise GranuleError(_MISSING.format(answer.get("missing")))

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether something else has ended it, such as the system for want of memory."""
        return self._process.poll() is not None

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], NDArray[Any] | None]:
        """Send a request and wait for the answer and its array.

        Raises:
            _LostError: if the child died or did not answer in time; it is gone then.
        """
        try:
            with _Patience(self._process) as patience:
                hdf_child.send(self._in.fileno(), request)
                patience.wait()
                answer = hdf_child.message_of(self._out.fileno())
                values = None
                if answer is not None and "dtype" in answer:
                    values = np.empty(answer["shape"], answer["dtype"])
                    rest = values.data.cast("B") if values.size else memoryview(b"")
                    while rest:
                        patience.wait()
                        count = self._out.readinto(rest)  # type: ignore[attr-defined]
                        if not count:
                            answer = None
                            break
                        rest = rest[count:]
        except BrokenPipeError:
            answer = None
        except BaseException:  # Ctrl-C: what comes next on the pipe is unknown
            self.stop(kill=True)
            raise
        if answer is None:
            self.stop(kill=True)
            raise _LostError(_NO_ANSWER if patience.late else f"the HDF library crashed ({self._process.returncode})")
        return answer, values

    def stop(self, kill: bool = False) -> None:
        """End it and wait for its end."""
        if kill:
            self._process.kill()
        self._in.close()
        self._out.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """After a fork: it is the parent's. Its pipes are closed here, so that it ends with the parent."""
        self._in.close()
        self._out.close()
        self._process.returncode = 0  # not ours to wait for


class HdfProcess:
    """The child of this process."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        """Start nothing yet."""
        self._command = command
        self._lock = threading.RLock()
        self._child: _Child | None = None
        self._opened = 0

    @property
    def pid(self) -> int | None:
        """Process number of the child, if one is kept."""
        return None if self._child is None else self._child.pid

    def new_key(self) -> int:
        """A number for a file that is opened."""
        with self._lock:
            self._opened += 1
            return self._opened

    def ask(
        self, path: Path, key: int, ask: str, name: str | None = None, index: int | None = None
    ) -> tuple[dict[str, Any], NDArray[Any] | None]:
        """Ask about one file; a child that is new since it was opened opens it again.

        Args:
            path: the file.
            key: from ``new_key``.
            ask: ``"open"``, ``"text"``, ``"describe"`` (HDF5 only), ``"read"`` or ``"close"``.
            name: of the text or dataset.
            index: of one entry along the first axis (HDF5 only).

        Returns:
            The answer, and the array that belongs to it.

        Raises:
            GranuleError: the file is damaged, or the library crashed or hung over it.
        """
        place = os.path.abspath(path)
        request = {"path": place, "file": key, "ask": ask, "name": name, "index": index, "seconds": ANSWER_WITHIN_S}
        with self._lock:
            if self._child is not None and self._child.ended:
                self.stop()
            if ask == "close" and (self._child is None or place not in self._child.files):
                return {}, None
            while True:
                child = self._child = self._child or _Child(self._command)
                others = child.files - {place}
                child.files.add(place)
                try:
                    answer, values = child.ask(request)
                except _LostError as error:
                    self._child = None
                    if ask == "close":
                        return {}, None
                    if others and str(error) != _NO_ANSWER:
                        continue  # it may have died of an earlier file: ask once more, of a child that has seen none
                    raise GranuleError(f"{path}: truncated or damaged ({error}); download it again") from None
                except BaseException:
                    self._child = None
                    raise
                if {"damage", "fault", "missing"} & answer.keys():
                    self.stop()
                    if "missing" in answer:
                        raise GranuleError(_MISSING.format(answer["missing"]))
                    if "fault" in answer:
                        raise GranuleError(f"{path}: cannot be read ({answer['fault']}); check the disk and the memory")
                    raise GranuleError(f"{path}: truncated or damaged ({answer['damage']}); download it again")
                return answer, values

    def stop(self, patience_s: float = -1) -> None:
        """End the child; the next request starts another.

        Args:
            patience_s: how long to wait for a request of another thread; without end by default.
        """
        if self._lock.acquire(timeout=patience_s):
            try:
                child, self._child = self._child, None
                if child is not None:
                    child.stop()
            finally:
                self._lock.release()

    def forget(self) -> None:
        """After a fork: start without a child, and without a lock that another thread may have held."""
        self._lock = threading.RLock()
        child, self._child = self._child, None
        if child is not None:
            child.forget()


@contextlib.contextmanager
def _standard_streams() -> Iterator[None]:
    """Keep the pipes off the numbers 0 to 2 where stdin, stdout or stderr are closed: others print there."""
    held: list[int] = []
    try:
        while not held or held[-1] < 3:
            held.append(os.open(os.devnull, os.O_RDWR))
        yield
    finally:
        for fd in held:
            os.close(fd)


PROCESS: Final = HdfProcess()
atexit.register(PROCESS.stop, 2.0)  # later the end of this process closes the pipes, and the child ends by that
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.forget)
