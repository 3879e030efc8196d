"""The file under its temporary name, `<name>.part`."""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_FLAGS: Final = os.O_WRONLY | getattr(os, "O_BINARY", 0)


class PartFile:
    """Bytes written without a buffer, with as few system calls as can be: at each the threads take turns."""

    def __init__(self, path: Path) -> None:
        """Create the file, or open it as it is.

        Attributes:
            found: whether it was there.
        """
        try:
            self._descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
            self.found = False
        except FileExistsError:
            self._descriptor = os.open(path, _FLAGS)
            self.found = True

    def write(self, data: bytes) -> None:
        """Write all of ``data`` where the last bytes ended."""
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, memoryview(data)[written:])

    def go_to(self, position: int) -> None:
        """Write there next."""
        os.lseek(self._descriptor, position, os.SEEK_SET)

    def clear(self) -> None:
        """Throw away what there is."""
        self.go_to(0)
        os.ftruncate(self._descriptor, 0)

    def __enter__(self) -> Self:
        """Leave it open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._descriptor)
