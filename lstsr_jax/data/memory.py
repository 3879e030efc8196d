"""Patches that are decoded once and kept."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

_SHARE = 4
"""Patches are kept if they take at most one part in so many of the memory that is free."""

Images = dict[str, np.ndarray]
Keep = Literal["auto", "yes", "no"]
"""Whether to keep what was decoded; ``"auto"``: if all of it fits (:func:`fits`)."""


def images_by_number(source: Sequence[Any], names: Sequence[str], keep: Keep) -> Callable[[np.ndarray], Images]:
    """Access to the images of examples by their numbers: each call gives arrays of its own, an image for each number.

    Args:
        source: examples, which decode themselves when they are read.
        names: of the features that are images, of one shape in all examples.
        keep: whether to keep them in one array, in which each is decoded when it is first asked for.
    """

    def read(number: int) -> Images:
        example = source[number]
        return {name: example[name] for name in names}

    def decoded(numbers: np.ndarray) -> Images:
        examples = [read(number) for number in numbers.tolist()]
        return {name: np.stack([example[name] for example in examples]) for name in names}

    if keep == "no":
        return decoded
    first = read(0)
    if keep == "auto" and not fits(len(source), first):
        return decoded
    kept = {name: np.empty((len(source), *image.shape), image.dtype) for name, image in first.items()}
    there = np.zeros(len(source), bool)

    def gathered(numbers: np.ndarray) -> Images:
        for number in numbers[~there[numbers]].tolist():
            for name, image in (read(number) if number else first).items():
                kept[name][number] = image
        there[numbers] = True
        return {name: values[numbers] for name, values in kept.items()}

    return gathered


class DecodedOnce(Sequence[Any]):
    """Examples of a source, each decoded when it is first asked for, and kept if they are to be."""

    def __init__(self, source: Sequence[Any], names: Sequence[str], keep: Keep) -> None:
        """Of ``source``, whose features ``names`` are the images that count against the memory."""
        self._source = source
        like = {name: source[0][name] for name in names if name in source[0]} if keep == "auto" else {}
        self._keep = keep == "yes" or (keep == "auto" and fits(len(source), like))
        self._kept: dict[int, Any] = {}

    def __len__(self) -> int:
        """How many examples."""
        return len(self._source)

    def __getitem__(self, number: Any) -> Any:
        """One example."""
        if not self._keep:
            return self._source[number]
        if number not in self._kept:
            self._kept[number] = self._source[number]
        return self._kept[number]


def fits(count: int, like: Images) -> bool:
    """Whether so many examples of this size take at most a quarter of the memory that is free.

    Where the system does not say how much that is, they do not.
    """
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows, macOS
        return False
    return count * sum(values.nbytes for values in like.values()) * _SHARE <= free
