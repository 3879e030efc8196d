"""Reading the compressed chunks of an HDF5 dataset where the child process of ``hdf_process`` has found them.

Following the structure of the file is the library's business and stays in the child. The streams themselves are read
and unpacked here: libdeflate takes half the time of HDF5 and stands any input, nothing large goes through the pipe, and
threads do it side by side. Each stream ends with a checksum, which is compared.
"""

import math
from pathlib import Path
from typing import Any

import deflate
import numpy as np
from numpy.typing import NDArray


class ChunkError(Exception):
    """A stream is damaged or holds another number of bytes than its chunk."""


def read_chunks(path: Path, layout: dict[str, Any]) -> NDArray[Any]:
    """The numbers of a dataset.

    Args:
        path: the file.
        layout: ``shape`` and ``dtype`` of the dataset, ``step``, the shape of a chunk, and of each chunk in ``chunks``
            the index of its first element, the place of its zlib stream in the file, and its length.

    Raises:
        ChunkError: a stream is damaged.
    """
    values, step = np.empty(layout["shape"], layout["dtype"]), layout["step"]
    size = math.prod(step) * values.itemsize
    with path.open("rb", buffering=0) as file:
        for corner, place, length in layout["chunks"]:
            file.seek(place)
            try:
                plain = np.frombuffer(deflate.zlib_decompress(file.read(length), size), np.uint8)
            except deflate.DeflateError:
                raise ChunkError("a compressed chunk is damaged") from None
            if plain.size != size:
                raise ChunkError(f"a compressed chunk holds {plain.size} bytes, not {size}")
            part = values[tuple(slice(at, at + side) for at, side in zip(corner, step, strict=True))]
            part[...] = plain.view(values.dtype).reshape(step)[tuple(map(slice, part.shape))]
    return values
