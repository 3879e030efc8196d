"""Names: what is written is read back, outputs never collide, and no other text is taken for a granule."""

import dataclasses
import datetime
import json
import string
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstsr_jax.errors import InputError
from lstsr_jax.geo import NDVI_PRODUCTS, PRODUCTS, GranuleError, GranuleName, parse_name, parse_tile, said_by, tile_name
from lstsr_jax.geo.manifest import ManifestRow, read_manifest, write_manifest
from lstsr_jax.product.files import SUFFIX, output_path, picture_path, quality_path

dates = st.dates(datetime.date(1999, 12, 18), datetime.date(2060, 12, 31))
digits = st.text(string.digits, min_size=3, max_size=3)
stamps = st.text(string.digits, min_size=13, max_size=13)
tiles = st.builds(tile_name, st.integers(0, 35), st.integers(0, 17))
granules = st.builds(GranuleName, st.sampled_from(sorted({*PRODUCTS, *NDVI_PRODUCTS})), dates, tiles, digits, stamps)
copies = st.sampled_from([" (1)", "(2)", " copy", " - copy", " copy 3", " - copy (4)"])


@settings(max_examples=60)
@given(granules, st.sampled_from([str, str.lower, str.upper]), st.sampled_from(["", ".hdf", ".h5", ".tif"]))
def test_a_granules_name_there_and_back(name, case, suffix):
    assert parse_name(case(name.granule + suffix)) == name
    assert said_by(Path(case(name.granule + suffix))).granule == name.granule


@settings(max_examples=30)
@given(granules, copies, st.sampled_from([".hdf", ".H5"]))
def test_a_second_copy_is_the_same_granule(name, copy, suffix):
    found = parse_name(name.granule + copy + suffix)
    assert found.copy and dataclasses.replace(found, copy=False) == name


@settings(max_examples=40)
@given(st.sampled_from(sorted(PRODUCTS)), granules, st.data())
def test_a_layers_name_there_and_back(product, name, data):
    name = dataclasses.replace(name, product=product)
    overpass, layers = data.draw(st.sampled_from(list(PRODUCTS[product].layers.items())))
    found = parse_name(f"{name.granule}_{layers.lst}.tif")
    assert (found.granule, found.layer, found.overpass) == (name.granule, layers.lst, overpass)
    appeears = Path(f"{product}.{name.collection}_{layers.lst}_doy{name.date:%Y%j}000000_aid0001.tif")
    said = said_by(appeears)
    assert (said.product, said.date, said.overpass, said.layer) == (product, name.date, overpass, layers.lst)


@settings(max_examples=80)
@given(granules, st.integers(0, 80), st.sampled_from("0aAhv._ -9\n/é"), st.booleans())
def test_another_letter_is_another_name_or_none(name, place, letter, inserted):
    text = f"{name.granule}.hdf"
    place = min(place, len(text))
    changed = text[:place] + letter + text[place + (not inserted) :]
    try:
        found = parse_name(changed)
    except GranuleError as error:
        assert "\n" not in str(error).replace(Path(changed).name, "")
    else:  # what was understood is what stands there
        assert found.granule.lower() in changed.lower()


@settings(max_examples=40)
@given(st.text("hHvV0123456789 ", max_size=8) | tiles)
@example("h\u0661\u0668v04")
def test_a_tiles_name_there_and_back_or_refused(text):
    try:
        h, v = parse_tile(text)
    except ValueError as error:
        assert repr(text) in str(error)
    else:
        assert 0 <= h <= 35 and 0 <= v <= 17 and tile_name(h, v) == text


ids = granules.map(lambda name: name.granule) | st.text("abLSTQC_DayNight10.", min_size=1, max_size=16)
products = st.tuples(ids, st.sampled_from(["day", "night"]), st.sampled_from([2, 4]), st.sampled_from(sorted(SUFFIX)))


@settings(max_examples=60)
@given(products, products)
@example(("a_LST_b", "day", 4, "cog"), ("a_QC_b", "day", 4, "cog"))
@example(("a", "day", 4, "cog"), ("a_LST_Day_250m", "day", 4, "cog"))
def test_no_two_products_share_a_file(one, other):
    folder = Path("out")

    def files(product):
        path = output_path(folder, *product)
        beside = [quality_path(path)] if product[3] == "cog" else []
        return [path, *beside]

    first, second = files(one), files(other)
    assert len(set(first)) == len(first)
    if one != other:
        assert not set(first) & set(second)
    if one[:3] != other[:3]:  # one picture for the map in all its formats
        assert picture_path(first[0]) != picture_path(second[0])


rows = st.builds(
    ManifestRow,
    st.text(string.ascii_letters + string.digits + "._,\"' é", min_size=1, max_size=20),
    st.integers(0, 2**40),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.text(string.printable.replace("\r", ""), max_size=30).map(lambda text: "https://" + text),
    st.datetimes().map(datetime.datetime.isoformat),
)


@settings(max_examples=12)
@given(st.lists(rows, max_size=6), st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_manifest_there_and_back_and_refused_where_it_is_damaged(listed, place, bytes_):
    expected = {row.granule: row for row in listed}
    with tempfile.TemporaryDirectory() as folder:
        write_manifest(folder, expected)
        assert read_manifest(folder) == expected
        path = Path(folder) / "manifest.csv"
        content = path.read_bytes()
        place = min(place, len(content))
        path.write_bytes(content[:place] + bytes_ + content[place + len(bytes_) :])
        try:
            read_manifest(folder)
        except InputError as error:
            assert str(path) in str(error) and json.dumps(str(error))
