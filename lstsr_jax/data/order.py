"""The order of examples and the random numbers of each, as functions of a seed and a place in the stream of all epochs.

Those that grain's ``MapDataset.source(...).map(...).seed(seed).shuffle().random_map(...)`` takes, without its cost per
example: a test holds the two together.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from grain.experimental import index_shuffle

_ROUNDS = 4
_SHUFFLE, _DRAW = 1, 2
"""Numbers of the two random operations behind one seed."""


def _derived(seed: int, operation: int) -> int:
    return int(np.random.SeedSequence([seed, operation]).generate_state(1, dtype=np.uint32)[0])


def shuffled(seed: int, count: int) -> Callable[[int], int]:
    """The order of ``count`` examples, another in every epoch: from a place in the stream to the example there."""
    own = _derived(seed, _SHUFFLE)

    def example(place: int) -> int:
        epoch, within = divmod(place, count)
        return int(index_shuffle(within, max_index=count - 1, seed=(own + epoch) % 2**32, rounds=_ROUNDS))

    return example


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
