"""Which windows of a scene become patches, and which split each belongs to. Pure numpy, no TFDS."""

import datetime
import hashlib
from collections.abc import Iterator

import numpy as np

from lstsr_jax.geo import parse_tile
from lstsr_jax.geo.grid import TILE_PIXELS

PERIOD_DAYS = 16
TRAIN_YEARS = range(2017, 2021)
HELD_OUT_YEARS = range(2011, 2014)
SPLITS = ("train", "validation", "test")


def patch_windows(observed: np.ndarray, size: int, stride: int, min_valid_fraction: float) -> Iterator[tuple[int, int]]:
    """Upper-left corners of the windows with enough observed pixels, row by row.

    Args:
        observed: ``(H, W)`` bool.
        size: side of a window in pixels.
        stride: step between windows.
        min_valid_fraction: smallest share of observed pixels, in (0, 1].

    Yields:
        ``(row, col)``; windows lie wholly inside the scene.
    """
    area = np.zeros((observed.shape[0] + 1, observed.shape[1] + 1), np.int64)
    area[1:, 1:] = observed.cumsum(0).cumsum(1)
    needed = min_valid_fraction * size * size - 1e-9
    for row in range(0, observed.shape[0] - size + 1, stride):
        for col in range(0, observed.shape[1] - size + 1, stride):
            count = area[row + size, col + size] - area[row, col + size] - area[row + size, col] + area[row, col]
            if count >= needed:
                yield row, col


def _uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but ``parts``."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _drawn(*parts: object) -> str:
    """Three quarters train; the rest halved into validation and test."""
    u = _uniform(*parts)
    return "train" if u < 0.75 else "validation" if u < 0.875 else "test"


def _cells(first: int, size: int) -> set[tuple[int, int]]:
    """The cells that a window touches along one axis: how many tiles further, and the number in that tile."""
    return {(pixel // TILE_PIXELS, pixel % TILE_PIXELS // size) for pixel in range(first, first + size)}


def _sixth(number: int) -> str:
    """Of every six numbers in a row, four train, one validation, one test."""
    return {0: "validation", 4: "test"}.get(number % 6, "train")


def split_of(rule: str, *, granule: str, date: datetime.date, tile: str, row: int, col: int, size: int) -> str | None:
    """The split of one patch: a function of the patch alone, so that adding granules never moves an old patch.

    Args:
        rule: ``date``: by 16-day period of acquisition (as MOD13's periods, from 1 January), of every six periods one
            is validation and one is test. ``day``: by date, of every six days one is validation and one is test, so
            that a held-out date lies between dates of training: easier. ``place``: by grid cell of ``size`` pixels,
            drawn 75/12.5/12.5 %, the same for every product; a window that overlaps cells of two splits belongs to
            none. ``random``: patches drawn 75/12.5/12.5 % (the paper's 75/25, the held-out quarter halved). ``year``:
            2017-2020 train; 2011-2013 held out, its 16-day periods alternating between validation and test; other years
            belong to none.
        granule: granule id with overpass, of which the patch is part.
        date: acquisition date.
        tile: ``hHHvVV``.
        row: first row of the patch.
        col: first column of the patch.
        size: side of the patch.

    Returns:
        ``train``, ``validation``, ``test``, or None if the rule leaves the patch out.

    Raises:
        ValueError: if the rule is unknown.
    """
    period = (date.timetuple().tm_yday - 1) // PERIOD_DAYS
    if rule == "date":
        return _sixth(date.year * 23 + period)
    if rule == "day":
        return _sixth(date.toordinal())
    if rule == "year":
        if date.year in TRAIN_YEARS:
            return "train"
        return ("validation", "test")[period % 2] if date.year in HELD_OUT_YEARS else None
    if rule == "random":
        return _drawn(granule, row, col)
    if rule == "place":
        h, v = parse_tile(tile)
        rows, cols = (_cells(first, size) for first in (row, col))
        splits = {_drawn(f"h{h + right:02d}v{v + down:02d}", r, c) for down, r in rows for right, c in cols}
        return splits.pop() if len(splits) == 1 else None
    raise ValueError(f"split rule {rule!r}: choose one of date, day, place, random, year")
