"""Looking up stored numbers in a table of all that their type can hold."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_PIECE: Final = 1 << 15


def look_up(table: NDArray[Any], numbers: NDArray[Any]) -> NDArray[Any]:
    """``table.take(numbers)``, in pieces: numpy's index of them has eight bytes a number, more than all else together.

    Args:
        table: an entry for every number of the type of ``numbers``.
        numbers: unsigned integers of 8 or 16 bits, any shape.

    Returns:
        Of that shape and the table's type.
    """
    flat = numbers.reshape(-1)
    found = np.empty(flat.shape, table.dtype)
    for start in range(0, flat.size, _PIECE):
        piece = slice(start, start + _PIECE)
        table.take(flat[piece], out=found[piece], mode="clip")  # clips nothing, but writes to `out` without a copy
    return found.reshape(numbers.shape)
