"""One file: fetched, resumed, checked, and only then given its name."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from data_builders.download.addresses import whole_number
from data_builders.download.connections import Response
from data_builders.download.digest import Digest
from data_builders.download.faults import Broken, Refused, Stopped, login_page
from data_builders.download.outcome import Remote
from data_builders.download.part_file import PartFile
from data_builders.download.session import Session

MAGIC: Final = (b"\x0e\x03\x13\x01", b"\x89HDF\r\n\x1a\n")  # HDF4, HDF5
_CHUNK: Final = 1 << 20
_HTML: Final = re.compile(rb"\s*<(!doctype html|html|head|body)", re.IGNORECASE)
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,30})-\d+/(\d{1,30}|\*)", re.ASCII)


class Transfer:
    """The way of one file into a folder; `run` once.

    What arrived of an earlier run (`<name>.part`) is used only where the archive states a checksum, which tells whether
    old and new bytes belong together. Within a run the server's ETag does so too.
    """

    def __init__(self, session: Session, remote: Remote, path: Path, on_bytes: Callable[[int], object]) -> None:
        """Do nothing yet; ``on_bytes`` is told how many bytes came, or, negative, were thrown away."""
        self._session, self._remote, self._path, self._on_bytes = session, remote, path, on_bytes
        self._part = path.with_name(f"{path.name}.part")
        self._digest = Digest(remote.checksum)
        self._size = remote.size
        self._etag: str | None = None
        self._furthest = 0
        self._inherited = False

    def run(self) -> Digest:
        """Fetch the file.

        Returns:
            Size and SHA-256 of the file, which now has its name.

        Raises:
            Refused: it cannot be had, or is not what the archive announced; nothing is left of it.
            Broken: the connection does not last; what arrived stays as `<name>.part`.
            Stopped: everything is to end; what arrived stays.
            OSError: it cannot be written.
        """
        keep = False
        try:
            with self._open() as file:
                self._session.patiently(lambda: self._receive(file))
                if self._inherited and (self._digest.complaint() or self._too_long()):
                    self._restart(file)
                    self._session.patiently(lambda: self._receive(file))
                self._check()
            os.replace(self._part, self._path)
            keep = True
            return self._digest
        except (Broken, Stopped):
            keep = self._remote.checksum is not None and self._digest.size > 0
            raise
        finally:
            if not keep:
                self._part.unlink(missing_ok=True)

    def _open(self) -> PartFile:
        """The `.part` file, positioned after what is in it already."""
        file = PartFile(self._part)
        if not file.found:
            return file
        if self._remote.checksum is None:
            file.clear()
            return file
        self._digest.update_from(self._part)
        self._inherited = self._digest.size > 0
        self._furthest = self._digest.size
        self._on_bytes(self._digest.size)
        file.go_to(self._digest.size)
        return file

    def _restart(self, file: PartFile) -> None:
        """Throw away what there is."""
        file.clear()
        self._on_bytes(-self._digest.size)
        self._digest = Digest(self._remote.checksum)
        self._inherited = False
        self._etag = None

    def _receive(self, file: PartFile) -> None:
        """One answer: all that is missing, or `Broken`."""
        if self._too_long():
            self._restart(file)
        if self._size is not None and self._digest.size == self._size:
            return
        start = self._digest.size
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and self._etag:
            headers["If-Range"] = self._etag
        try:
            with self._session.get(self._remote.url, headers) as response:
                self._begin(file, response, start)
                while data := response.read1(_CHUNK):
                    self._take(file, data)
        except Broken as broken:
            broken.progress = self._advanced()
            raise
        if self._size is not None and self._digest.size < self._size:
            reason = f"only {self._digest.size} of {self._size} bytes arrived"
            raise Broken(reason, progress=self._advanced())

    def _begin(self, file: PartFile, response: Response, start: int) -> None:
        """Judge an answer by its head: where it begins, and how long the file is.

        Raises:
            Refused: a login page, or a file of another size.
            Broken: it does not go on from where we are; the next one starts at the beginning.
        """
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise login_page(self._session.login.has_token)
        total = whole_number(response.headers.get("Content-Length"))
        if response.status == 206:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != start:
                self._restart(file)
                raise Broken("the server sent another part than asked for")
            total = int(found[2]) if found[2] != "*" else self._size
        elif response.status == 416:
            if not start:
                raise Refused(416, "the server refused to send the file (416)")
            self._restart(file)
            raise Broken("the server has no bytes after those that we have")
        elif start:
            self._restart(file)  # the server ignores Range and sends everything
        tag = response.headers.get("ETag", "")
        self._etag = tag if tag.startswith('"') and tag.isprintable() else None  # weak tags do not vouch for bytes
        if self._size is None:
            self._size = total
        elif total is not None and total > self._size:
            raise Refused(None, f"the server has {total} bytes, the archive's record says {self._size}")

    def _take(self, file: PartFile, data: bytes) -> None:
        """Write some bytes."""
        if not self._digest.size and not any(data.startswith(magic[: len(data)]) for magic in MAGIC):
            if _HTML.match(data):
                raise login_page(self._session.login.has_token)
            raise Refused(None, f"not HDF: it starts with {data[:12]!r}")
        file.write(data)
        self._digest.update(data)
        self._on_bytes(len(data))
        if self._too_long():
            raise Refused(None, f"more than the {self._size} bytes of the archive's record")
        if self._session.stop.is_set():
            raise Stopped

    def _check(self) -> None:
        """What is there is what was announced."""
        if not self._digest.head.startswith(MAGIC):
            raise Refused(None, f"not HDF: it starts with {self._digest.head!r}")
        if self._size is not None and self._digest.size != self._size:
            raise Refused(None, f"{self._digest.size} bytes, the archive's record says {self._size}")
        if self._size is None and self._remote.checksum is None:
            raise Refused(None, "neither the archive's record nor the server says how long it is; report it to LP DAAC")
        if complaint := self._digest.complaint():
            raise Refused(None, f"damaged on the way: {complaint}; run the same command again")

    def _too_long(self) -> bool:
        return self._size is not None and self._digest.size > self._size

    def _advanced(self) -> bool:
        """Whether more is there than ever before."""
        advanced, self._furthest = self._digest.size > self._furthest, max(self._furthest, self._digest.size)
        return advanced
