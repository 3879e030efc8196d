"""Training patches that are decoded once and kept."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

_SHARE = 4
"""Patches are kept if they take at most one part in so many of the memory that is free."""

Images = dict[str, np.ndarray]


def kept_in_memory(
    source: Sequence[Any], names: Sequence[str], keep: Literal["auto", "yes", "no"]
) -> Callable[[int], Images]:
    """Access to the images of examples by number; those kept are decoded when they are first asked for.

    Args:
        source: examples, which decode themselves when they are read.
        names: of the features that are images.
        keep: whether to; ``"auto"``: if all of them fit (:func:`fits`).
    """

    def read(number: int) -> Images:
        example = source[number]
        return {name: example[name] for name in names}

    if keep == "no" or (keep == "auto" and not fits(len(source), read(0))):
        return read
    kept: list[Images | None] = [None] * len(source)

    def read_once(number: int) -> Images:
        images = kept[number]
        if images is None:
            images = kept[number] = read(number)
        return images

    return read_once


def fits(count: int, like: Images) -> bool:
    """Whether so many examples of this size take at most a quarter of the memory that is free.

    Where the system does not say how much that is, they do not.
    """
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows, macOS
        return False
    return count * sum(values.nbytes for values in like.values()) * _SHARE <= free
