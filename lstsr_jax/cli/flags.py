"""How settings of the library become flags: `train.crop` is ``--train.crop``, `data.granules` is ``--granules``."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lstsr_jax.errors import InputError

_PLAIN = (
    *("data.granules", "data.ndvi", "data.elevation", "data.fine", "data.pairs", "data.pairs_fold", "data.pairs_shift"),
    "train.init",
)
"""Settings whose flag does without the name of their part."""
_SETTING = re.compile(r"`([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)`")


def as_flags(message: str) -> str:
    """A message of the library, which names settings in backticks, with their flags in place of the names."""
    return _SETTING.sub(lambda match: flag(match[1]), message)


def flag(setting: str) -> str:
    """The flag of a setting, such as ``--data.patch-size`` of ``data.patch_size``."""
    name = setting.split(".")[-1] if setting in _PLAIN else setting
    return f"--{name.replace('_', '-')}"


@contextlib.contextmanager
def speaking_flags() -> Iterator[None]:
    """Within the block, an error of the library names flags in place of settings."""
    try:
        yield
    except InputError as error:
        raise InputError(as_flags(str(error))) from error


def program(name: str) -> str:
    """What ``--help`` calls the command: the installed command that was called, or else ``name``."""
    called = Path(sys.argv[0]).name
    return called if called.startswith("lstsr-") else name
