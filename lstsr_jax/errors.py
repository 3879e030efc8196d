"""The one error that commands turn into one line: something the user gave cannot be used."""


class InputError(ValueError):
    """Bad input: the message is one line that names the file or argument and the remedy."""
