"""Where the shift of each pair comes from."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from lstsr_jax.errors import InputError
from lstsr_jax.geo.aster.pair import Pair, register_pair
from lstsr_jax.geo.aster.pair_index import index_shifts
from lstsr_jax.geo.aster.registration import summarise
from lstsr_jax.geo.warp import NO_SHIFT, Shift

Registering = Literal["none", "constant", "per-pair"]


def main_registration(registration: Registering | None, constant: Shift | None) -> Registering:
    """The registration that was asked for: per pair, or the constant one where its shift is given.

    Raises:
        InputError: if a shift is given together with another registration.
    """
    if constant is not None and registration not in (None, "constant"):
        raise InputError(f"`registration_shift`: is for `registration` constant, not {registration}; leave one out")
    return registration or ("per-pair" if constant is None else "constant")


def pair_shifts(
    pairs: Sequence[Pair], registration: Registering, directory: str | Path, constant: Shift | None = None
) -> tuple[list[Shift], str]:
    """The shift of each pair and where it comes from.

    Args:
        pairs: to register.
        registration: ``none``; ``constant``: the same for all; ``per-pair``: what the folder's ``index.csv`` records,
            or else estimated (:func:`lstsr_jax.geo.register_pair`).
        directory: the folder of the pairs.
        constant: the same for all; None: the mean of what ``index.csv`` records for these pairs.

    Raises:
        InputError: if a pair cannot be registered, ``index.csv`` cannot be used, or records no shift to average.
    """
    if registration == "none":
        return [NO_SHIFT] * len(pairs), "as the files are placed"
    if constant is not None:
        return [constant] * len(pairs), f"{constant.rows:g} rows and {constant.columns:g} columns for all pairs"
    recorded = index_shifts(directory, [pair.name for pair in pairs])
    if registration == "constant":
        if not recorded:
            raise InputError(
                f"`registration` constant: {directory} has no index.csv that records shifts of its pairs; give "
                "`registration_shift` ROWS COLUMNS or `registration` per-pair"
            )
        mean = summarise(list(recorded.values())).mean
        shift = Shift(round(mean.rows, 6), round(mean.columns, 6))
        given = f"{shift.rows:.3f} rows and {shift.columns:.3f} columns for all pairs"
        return [shift] * len(pairs), f"{given}, the mean of {len(recorded)} recorded in index.csv"
    shifts, by = [], Counter[str]()
    for pair in tqdm(pairs, desc="registering", unit="pair", disable=None):
        if pair.name in recorded:
            shifts.append(recorded[pair.name])
        else:
            found = register_pair(pair)
            shifts.append(found.shift)
            by[found.by.upper()] += 1
    estimated = f"estimated here, by {' and '.join(f'{kind} for {count}' for kind, count in sorted(by.items()))}"
    if not recorded:
        return shifts, f"{estimated} of {len(pairs)} pairs; index.csv records none of them"
    if not by:
        return shifts, "recorded in index.csv"
    return shifts, f"recorded in index.csv for {len(recorded)} of {len(pairs)} pairs, else {estimated}"
