"""The one error that commands turn into one line: something the user gave cannot be used."""


class InputError(ValueError):
    """Bad input: the message is one line that names the file or argument and the remedy."""


def printable(text: str) -> str:
    """Text that every UTF-8 stream and tag takes: bytes of file names that are no UTF-8 become the replacement sign."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def first_line(error: BaseException) -> str:
    """The first line of a library's error message, at most 200 characters; its kind where there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
