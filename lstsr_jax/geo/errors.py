"""The error of every file of this package that cannot be used."""

from lstsr_jax.errors import InputError


class GranuleError(InputError):
    """A file that cannot be read as what it was asked for; one line that names the file and the remedy."""
