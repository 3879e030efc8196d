"""Chunks of HDF5 are unpacked as the library does, or refused."""

import zlib

import h5py
import numpy as np
import pytest

from lstsr_jax.geo import GranuleError
from lstsr_jax.geo.hdf import open_hdf
from lstsr_jax.geo.hdf5_child import Hdf5File
from lstsr_jax.geo.lookup import look_up

NUMBERS = np.random.default_rng(3).integers(0, 250, (700, 530)).astype(np.uint16) * 131


def write(path, values, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, **options)
    return path


def read(path):
    with open_hdf(path) as file:
        return file.array("x")[0]


def unpacked_here(path):
    file = Hdf5File(str(path))
    try:
        return "layout" in file.read("x")[0]
    finally:
        file.close()


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", "u1", "<f4", ">f8"])
def test_chunks_beyond_the_edge(tmp_path, dtype):
    values = NUMBERS.astype(dtype)
    path = write(tmp_path / "x.h5", values, chunks=(200, 96), compression="gzip", compression_opts=4)
    found = read(path)
    assert unpacked_here(path) and found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (100, 100)},
        {"chunks": (100, 100), "compression": "gzip", "shuffle": True},
        {"chunks": (100, 100), "compression": "gzip", "fletcher32": True},
        {"chunks": (100, 100), "compression": "lzf"},
    ],
)
def test_what_is_packed_otherwise_is_left_to_the_library(tmp_path, options):
    path = write(tmp_path / "x.h5", NUMBERS, **options)
    assert not unpacked_here(path)
    np.testing.assert_array_equal(read(path), NUMBERS)


def test_chunks_that_were_never_written_or_not_packed(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("x", (200, 100), "u2", chunks=(100, 100), compression="gzip", fillvalue=7)
        data[:100] = NUMBERS[:100, :100]
    found = read(tmp_path / "x.h5")
    np.testing.assert_array_equal(found[:100], NUMBERS[:100, :100])
    assert (found[100:] == 7).all()
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["x"].id.write_direct_chunk((100, 0), NUMBERS[100:200, :100].tobytes(), filter_mask=1)
    np.testing.assert_array_equal(read(tmp_path / "x.h5"), NUMBERS[:200, :100])


def test_every_byte_of_a_chunk_decides(tmp_path):
    path = write(tmp_path / "x.h5", NUMBERS, chunks=(200, 530), compression="gzip")
    with h5py.File(path) as file:
        places = [file["x"].id.get_chunk_info(index) for index in range(4)]
    whole = (tmp_path / "x.h5").read_bytes()
    for chunk in places:
        for place in np.linspace(chunk.byte_offset + 2, chunk.byte_offset + chunk.size - 1, 9).astype(int):
            changed = bytearray(whole)
            changed[place] ^= 4
            (tmp_path / "x.h5").write_bytes(changed)
            with pytest.raises(GranuleError, match=r"damaged \(x: a compressed chunk .*; download it again"):
                read(path)


@pytest.mark.parametrize("rows", [99, 101])
def test_a_chunk_of_another_size(tmp_path, rows):
    path = write(tmp_path / "x.h5", NUMBERS[:200, :100], chunks=(100, 100), compression="gzip")
    with h5py.File(path, "r+") as file:
        file["x"].id.write_direct_chunk((100, 0), zlib.compress(NUMBERS[:rows, :100].tobytes()))
    with pytest.raises(GranuleError, match=r"damaged \(x: a compressed chunk .*; download it again"):
        read(path)


def test_a_chunk_larger_than_what_it_holds(tmp_path):
    path = write(tmp_path / "x.h5", NUMBERS[:200, :100], chunks=(100, 100), compression="gzip")
    with h5py.File(path, "r+") as file:
        file["x"].id.write_direct_chunk((100, 0), bytes(50_000))
    with pytest.raises(GranuleError, match="a chunk of x is larger than what it holds"):
        read(path)


@pytest.mark.parametrize("address", [10**6, 2**62, 2**63 + 5])
def test_a_chunk_beyond_the_end(tmp_path, address):
    """The address of a chunk in the index of the file is damaged."""
    path = write(tmp_path / "x.h5", NUMBERS[:200, :100], chunks=(100, 100), compression="gzip")
    with h5py.File(path) as file:
        found = file["x"].id.get_chunk_info(1).byte_offset.to_bytes(8, "little")
    content = path.read_bytes()
    assert content.count(found) == 1
    path.write_bytes(content.replace(found, address.to_bytes(8, "little")))
    with pytest.raises(GranuleError, match=r"damaged \(HDF5: .*; download it again"):
        read(path)


@pytest.mark.parametrize("key", [0, 1, 2])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("index", [None, 1])
def test_a_chunk_that_the_index_does_not_find(tmp_path, key, shuffle, index):
    """The library would take its numbers for fill, without a word."""
    path = write(tmp_path / "x.h5", NUMBERS[:200, :100], chunks=(1, 100), compression="gzip", shuffle=shuffle)
    content = bytearray(path.read_bytes())
    node = content.index(b"TREE\1\0")  # a leaf of the index: 24 bytes, then keys (size, mask, row, column) and places
    first_row = node + 24 + key * 40 + 8
    row = int.from_bytes(content[first_row : first_row + 8], "little")
    content[first_row : first_row + 8] = (row + 1000 if key == 2 else row + 1).to_bytes(8, "little")
    path.write_bytes(content)
    try:
        with open_hdf(path) as file:
            found = file.array("x", index)[0]
    except GranuleError as error:
        assert "damaged (HDF5: " in str(error)
    else:  # only where nothing of it was needed
        np.testing.assert_array_equal(found, NUMBERS[:200, :100] if index is None else NUMBERS[index, :100])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(), (0, 4), (700, 530)])
def test_looking_up_is_taking(dtype, shape):
    table = np.random.default_rng(5).random(np.iinfo(dtype).max + 1).astype(np.float32)
    numbers = np.random.default_rng(6).integers(0, table.size, shape).astype(dtype)
    found = look_up(table, numbers)
    assert found.dtype == table.dtype and found.shape == shape
    np.testing.assert_array_equal(found, table[numbers])
    np.testing.assert_array_equal(look_up(table, numbers.T), table[numbers.T])
