"""Names of a package that are loaded on first use, so that a command's help need not wait for JAX."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """What a package takes as its ``__getattr__`` (PEP 562).

    Args:
        package: its ``__name__``.
        homes: for each name the module that holds it: within the package (``.run``), or absolute.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name], package), name)

    return load
