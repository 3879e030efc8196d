"""How settings that the library names become flags: `train.use_validation` is ``--train.use-validation``."""

import re

_SETTING = re.compile(r"`([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)`")


def as_flags(message: str) -> str:
    """A message of the library, which names settings in backticks, with their flags in place of the names."""
    return _SETTING.sub(lambda match: f"--{match[1].replace('_', '-')}", message)
