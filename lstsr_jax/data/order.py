"""The order of examples and the random numbers of each, as functions of a seed and a place in the stream of all epochs.

Those that grain's ``MapDataset.source(...).map(...).seed(seed).shuffle().random_map(...)`` takes, without its cost per
example: a test holds the two together.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

_SMALLEST_BLOCK = 16
_SHUFFLE, _DRAW = 1, 2
"""Numbers of the two random operations behind one seed."""


def _derived(seed: int, operation: int) -> int:
    return int(np.random.SeedSequence([seed, operation]).generate_state(1, dtype=np.uint32)[0])


def shuffled(seed: int, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """The order of ``count`` examples, another in every epoch: from places in the stream to the examples there."""
    own = _derived(seed, _SHUFFLE)

    @functools.lru_cache(maxsize=2)  # a batch may touch two epochs
    def of_epoch(epoch: int) -> np.ndarray:
        return permutation(count, (own + epoch) % 2**32)

    def examples(places: np.ndarray) -> np.ndarray:
        epochs, within = np.divmod(places, count)
        result = np.empty(len(places), np.intp)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            result[here] = of_epoch(int(epoch))[within[here]]
        return result

    return examples


def permutation(count: int, seed: int) -> np.ndarray:
    """All of ``grain.experimental.index_shuffle(i, max_index=count - 1, seed=seed, rounds=4)`` at once.

    Four rounds of the block cipher Simon (Beaulieu et al. 2013) permute the numbers of a power of two; from one that is
    no example the walk goes on until it meets one (Black and Rogaway 2002).
    """
    if count == 1:
        return np.zeros(1, np.int64)
    half = (max(_SMALLEST_BLOCK, math.ceil(math.log2(count - 1))) + 1) // 2
    mask = 2**half - 1

    def mixed(word: np.ndarray) -> np.ndarray:
        by1, by2, by8 = (((word << by) | (word >> (half - by))) & mask for by in (1, 2, 8))
        mix: np.ndarray = (by1 & by8) ^ by2
        return mix

    numbers = np.arange(2 ** (2 * half))
    left, right = numbers >> half, numbers & mask
    keys = [key & mask for key in _seed_sequence(seed)]
    for one, other in (keys[:2], keys[2:]):
        left = left ^ mixed(right) ^ one
        right = right ^ mixed(left) ^ other
    reached = (left << half) | right
    starts = numbers[np.arange(count) % len(numbers)]  # as grain, which forgets the power of two itself
    while (reached[starts] >= count).any():
        reached = np.where(reached < count, reached, reached[reached])  # twice as many steps of the walk each time
    found: np.ndarray = reached[starts]
    return found


def _seed_sequence(seed: int) -> list[int]:
    """The four numbers that C++'s ``std::seed_seq{seed}`` generates ([rand.util.seedseq] for n = 4: p = 1, q = 2)."""

    def hashed(word: int) -> int:
        return word ^ (word >> 27)

    words = [0x8B8B8B8B] * 4
    for k in range(4):
        one = 1664525 * hashed(words[k] ^ words[(k + 1) % 4] ^ words[k - 1]) % 2**32
        other = (one + (1, 1 + seed, 2, 3)[k]) % 2**32
        words[(k + 1) % 4] = (words[(k + 1) % 4] + one) % 2**32
        words[(k + 2) % 4] = (words[(k + 2) % 4] + other) % 2**32
        words[k] = other
    for k in range(4):
        one = 1566083941 * hashed((words[k] + words[(k + 1) % 4] + words[k - 1]) % 2**32) % 2**32
        other = (one - k) % 2**32
        words[(k + 1) % 4] ^= one
        words[(k + 2) % 4] ^= other
        words[k] = other
    return words


def generators(seed: int) -> Callable[[int], np.random.Generator]:
    """The random numbers of a place in the stream; a call ends the use of the generator that the last one gave."""
    bits = np.random.Philox(_derived(seed, _DRAW))
    generator = np.random.Generator(bits)
    state: dict[str, Any] = {**bits.state, "buffer": np.zeros(4, np.uint64), "buffer_pos": 4}
    state.update(has_uint32=0, uinteger=0)

    def at(place: int) -> np.random.Generator:
        state["state"]["counter"] = np.array([0, 0, 0, place], np.uint64)
        bits.state = state  # type: ignore[assignment]
        return generator

    return at
