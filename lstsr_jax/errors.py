"""The one error that commands turn into one line: something the user gave cannot be used."""

import tempfile
from pathlib import Path


class InputError(ValueError):
    """Bad input: the message is one line that names the file or argument and the remedy."""


def make_directory(flag: str, directory: Path) -> None:
    """Make sure that results can be written to ``directory``.

    Raises:
        InputError: naming the flag and the directory.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise InputError(f"{flag} {directory}: cannot be written to ({error.strerror}); choose another") from error


def printable(text: str) -> str:
    """Text that every UTF-8 stream and tag takes: bytes of file names that are no UTF-8 become the replacement sign."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def first_line(error: BaseException) -> str:
    """The first line of a library's error message, at most 200 characters; its kind where there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
