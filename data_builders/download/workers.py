"""Files fetched side by side; one that fails does not stop the others."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

from data_builders.download.addresses import whole_number
from data_builders.download.faults import Broken, Refused, Stopped
from data_builders.download.folder import FULL, Folder, fetched_row
from data_builders.download.outcome import Outcome, Remote
from data_builders.download.session import Session
from data_builders.download.transfer import Transfer
from lstsr_jax.geo.manifest import ManifestRow

LOOK_EVERY_S: Final = 0.25
SAME_REFUSALS: Final = 5
"""So often in a row, and nothing else, the account is refused: then the rest is not asked."""

Result = tuple[Outcome, ManifestRow | None]


class _Refusals:
    """Counts how often in a row the account was refused for the same reason."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason, self._count = "", 0

    def add(self, refused: Refused | None) -> None:
        """Count an answer: None for one that was no refusal."""
        reason = str(refused) if refused is not None and refused.by_account else ""
        with self._lock:
            self._count = self._count + 1 if reason and reason == self._reason else int(bool(reason))
            self._reason = reason

    def verdict(self) -> str:
        """Why nothing more is asked; "" while there is hope."""
        with self._lock:
            return self._reason if self._count >= SAME_REFUSALS else ""


class Workers:
    """Fetches files into a folder with a few threads."""

    def __init__(self, session: Session, folder: Folder, *, verify: bool, on_bytes: Callable[[int], object]) -> None:
        """Start nothing yet; ``verify`` reads the files that are there, ``on_bytes`` is told how many bytes came."""
        self._session, self._folder, self._verify, self._on_bytes = session, folder, verify, on_bytes
        self._refusals = _Refusals()
        self._full = ""

    def run(self, remotes: Sequence[Remote], jobs: int, on_result: Callable[[Result], None]) -> None:
        """Fetch what is not right yet; ``on_result`` is called in this thread, once per file, soon after it is done.

        This thread looks up a few times a second only: it would take turns with those that fetch.
        The others are daemons: on Ctrl-C nothing waits for a server, and a `.part` is safe at any moment.
        """
        waiting: queue.SimpleQueue[Remote | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
        ended = threading.Semaphore(0)

        def work() -> None:
            try:
                while (remote := waiting.get()) is not None:
                    done.put(self._one(remote))
            except BaseException as error:  # a fault of ours: raised in the main thread
                done.put(error)
            finally:
                ended.release()

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, len(remotes)))]
        for item in (*remotes, *(None for _ in threads)):
            waiting.put(item)
        try:
            for thread in threads:
                thread.start()
            running = len(threads)
            while running:
                running -= ended.acquire(timeout=LOOK_EVERY_S)
                while not done.empty():
                    result = done.get()
                    if isinstance(result, BaseException):
                        raise result
                    on_result(result)
        except BaseException:
            self._session.stop.set()
            raise

    def _one(self, remote: Remote) -> Result:
        path, granule = self._folder.path(remote), remote.name.granule
        try:
            if self._is_right(remote):
                row = self._folder.adopt(remote)
                return Outcome(granule, path, "kept", row.bytes), row
            if reason := self._full or self._refusals.verdict():  # not asked for
                return Outcome(granule, path, "failed", reason=reason), None
            row = fetched_row(remote, Transfer(self._session, remote, path, self._on_bytes).run())
        except Refused as refused:
            self._refusals.add(refused)
            return Outcome(granule, path, "failed", reason=str(refused)), None
        except Broken as broken:
            return Outcome(granule, path, "failed", reason=f"{broken}; run the same command again"), None
        except Stopped:
            return Outcome(granule, path, "failed", reason=self._full or "stopped"), None
        except OSError as error:
            full = error.errno in FULL
            reason = "disk full: make room and run the same command again" if full else f"cannot be written: {error}"
            if full:
                self._full = reason
                self._session.stop.set()
            return Outcome(granule, path, "failed", reason=reason), None
        self._refusals.add(None)
        return Outcome(granule, path, "fetched", row.bytes), row

    def _is_right(self, remote: Remote) -> bool:
        """Whether the file is there as it must be; a size that nobody recorded is asked for."""
        if not self._folder.has(remote):
            return False
        if self._folder.expected_size(remote) is None:
            size = self._folder.path(remote).stat().st_size
            if self._full or self._refusals.verdict() or size != self._announced(remote):
                return False
        elif not self._folder.looks_right(remote):
            return False
        return not self._verify or self._folder.verified(remote)

    def _announced(self, remote: Remote) -> int | None:
        """Bytes by the server's head."""

        def once() -> int | None:
            with self._session.get(remote.url) as response:
                return whole_number(response.headers.get("Content-Length"))

        return self._session.patiently(once)
