"""Maps of neighbouring tiles: together they are the map of the joined field, whatever else the run is asked."""

import json

import jax
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from lstsr_jax import upsample
from lstsr_jax.geo import (
    SINUSOIDAL,
    LstLayer,
    QualityPolicy,
    aggregate_l4,
    simulate_landscape,
    tile_bounds,
    write_raster,
)
from lstsr_jax.geo.grid import PIXEL_M
from lstsr_jax.predictor import as_super_resolver
from lstsr_jax.product import Shard, choose_method, find_work, predict, settings_of
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.neighbours import as_they_are, find_neighbours, read_around, surround
from lstsr_jax.product.region import Region
from lstsr_jax.product.work import Job
from lstsr_jax.scene import super_resolve_scene

SIDE, REACH = 64, 12
NAMES = {place: f"MOD11A1.A2020183.{place}.061.2020185120000" for place in ("h18v03", "h18v04", "h19v03", "h19v04")}


@jax.jit
def blurring(coarse):
    """What a network of a reach of 12 pixels may do: bicubic, less a part of a wide mean."""
    width = 2 * REACH + 1
    wide = coarse
    for window in ((1, width, 1, 1), (1, 1, width, 1)):
        wide = jax.lax.reduce_window(wide, 0.0, jax.lax.add, window, (1, 1, 1, 1), "SAME") / width
    return upsample(1.2 * coarse - 0.2 * wide, 4)


NETWORK = as_super_resolver(blurring)


@pytest.fixture(scope="module")
def field():
    """(128, 128) K with clouds, which lies around the corner of four tiles."""
    lst = aggregate_l4(290 + simulate_landscape(2, 2 * SIDE).elevation / 100)
    lst = np.rint(lst / 0.02).astype(np.float32) * np.float32(0.02)
    rows, columns = np.indices(lst.shape)
    lst[(rows - 64) ** 2 + (columns - 90) ** 2 < 150] = np.nan  # across a border
    lst[(rows - 20) ** 2 + (columns - 30) ** 2 < 60] = np.nan
    return lst


@pytest.fixture(scope="module")
def tiles(field, tmp_path_factory):
    """Its quarters as layers of four granules."""
    folder = tmp_path_factory.mktemp("tiles")
    left, bottom, _, _ = tile_bounds("h19v03")  # the corner of the four
    for place, granule in NAMES.items():
        row, column = int(place[4:]) - 3, int(place[1:3]) - 18
        part = field[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        corner = left + (column - 1) * SIDE * PIXEL_M, bottom - (row - 1) * SIDE * PIXEL_M
        transform = Affine(PIXEL_M, 0, corner[0], 0, -PIXEL_M, corner[1])
        write_raster(folder / f"{granule}_LST_Day_1km.tif", part, transform, SINUSOIDAL)
    return folder


def run(files, out, method=None, shard=None, **options):
    settings = settings_of(output_dir=out, quick_look=False, batch=2, **options)
    return predict(files, method or MapMethod(NETWORK, "blurring"), *settings, command="test", shard=shard)


def read(out, place):
    with rasterio.open(out / f"{NAMES[place]}_LST_Day_250m.tif") as file:
        return file.read(1), file.tags()


@pytest.fixture(scope="module")
def joined(tiles, tmp_path_factory):
    out = tmp_path_factory.mktemp("joined")
    return out, run([tiles], out)


def whole(out):
    return np.block([[read(out, f"h{h}v0{v}")[0] for h in (18, 19)] for v in (3, 4)])


def test_the_maps_of_four_tiles_are_the_map_of_the_joined_field(joined, field, tiles, tmp_path):
    expected = super_resolve_scene(NETWORK, field, batch=2)
    found = whole(joined[0])
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    border = np.zeros(found.shape, bool)
    border[4 * SIDE - 32 : 4 * SIDE + 32] = border[:, 4 * SIDE - 32 : 4 * SIDE + 32] = True
    difference = np.abs(found - expected)
    assert np.nanmax(difference[border]) < 0.02
    run([tiles], tmp_path, neighbours=False)
    assert np.nanmax(np.abs(whole(tmp_path) - expected)) > 0.1  # the seam that is mended


def test_a_map_says_which_granules_it_has_seen(joined):
    out, report = joined
    assert not report.failed and str(report).count("joined to 3 neighbours") == 4
    tags = read(out, "h18v04")[1]
    assert tags["neighbours"] == " ".join(NAMES[place] for place in ("h18v03", "h19v03", "h19v04"))
    roles = [(record["role"], record["name"][17:23]) for record in json.loads(tags["source_files"])]
    assert roles[0] == ("lst", "h18v04") and sorted(roles[1:]) == [
        ("neighbour", place) for place in ("h18v03", "h19v03", "h19v04")
    ]


def test_neither_order_nor_shards_nor_other_files_change_a_map(joined, tiles, tmp_path):
    files = sorted(tiles.iterdir(), reverse=True)
    run(files, tmp_path / "order")
    for index in (2, 0, 1):
        run([tiles], tmp_path / "shards", shard=Shard(index, 3))
    for path in joined[0].glob("*.tif"):
        for other in ("order", "shards"):
            assert (tmp_path / other / path.name).read_bytes() == path.read_bytes()


def canvas(files, place, window=(0, 0, SIDE, SIDE), margin=32):
    """What is seen of a part of a tile with these files, and where the part lies in it."""
    layers = [LstLayer(path, "day") for path in files]
    layer = next(layer for layer in layers if place in layer.path.name)
    around = read_around(as_they_are(find_neighbours(layers)[layer]), QualityPolicy(), margin)
    row, column, height, width = window
    seen, inner, _ = surround(layer.read(), Region(row, column, row + height, column + width), around)
    return seen, seen.lst[inner.slices()]


def test_a_side_without_neighbour_is_as_alone(tiles, field):
    files = sorted(tiles.iterdir())
    seen, part = canvas([path for path in files if "v04" in path.name], "h18v04")
    np.testing.assert_array_equal(seen.lst, field[SIDE:, : SIDE + 32])
    np.testing.assert_array_equal(part, field[SIDE:, :SIDE])
    seen, _ = canvas([path for path in files if "v04" in path.name], "h19v04")
    np.testing.assert_array_equal(seen.lst, field[SIDE:, SIDE - 32 :])
    assert seen.transform.c == pytest.approx(-32 * PIXEL_M + tile_bounds("h19v03")[0], abs=1e-6)
    seen, _ = canvas([path for path in files if path.name[17:23] in ("h18v03", "h19v04")], "h18v03")  # corners
    np.testing.assert_array_equal(seen.lst, field[:SIDE, :SIDE])


def test_a_part_at_the_border_sees_across_it_and_one_far_from_it_does_not(tiles, field):
    files = sorted(tiles.iterdir())
    seen, part = canvas(files, "h18v04", (20, 40, 30, 24), margin=10)
    np.testing.assert_array_equal(seen.lst, field[SIDE + 20 : SIDE + 50, 40 : SIDE + 10])
    np.testing.assert_array_equal(part, field[SIDE + 20 : SIDE + 50, 40:SIDE])
    seen, _ = canvas(files, "h18v04", (0, 40, 30, 24), margin=10)
    np.testing.assert_array_equal(seen.lst, field[SIDE - 10 : SIDE + 30, 40 : SIDE + 10])
    seen, _ = canvas(files, "h18v04", (20, 30, 30, 24))
    np.testing.assert_array_equal(seen.lst, field[SIDE + 20 : SIDE + 50, 30:54])


def test_a_map_made_before_its_neighbour_came_is_finished_and_says_so(tiles, tmp_path):
    files = sorted(tiles.iterdir())
    run(files[:1], tmp_path)
    before = read(tmp_path, "h18v03")[0]
    (first, second, *_), *_ = run(files[:2], tmp_path).outcomes, None
    assert (first.status, second.status) == ("finished", "written")
    assert f"made without its neighbour {files[1].name} as it is now; `overwrite` joins them" in first.note
    np.testing.assert_array_equal(read(tmp_path, "h18v03")[0], before)
    (first, second) = run(files[:2], tmp_path, overwrite=True).outcomes
    again = run(files[:2], tmp_path).outcomes
    assert [outcome.note for outcome in again] == ["left as it is"] * 2
    (alone,) = run(files[:1], tmp_path).outcomes  # what has been seen does no harm
    assert alone.note == "left as it is"
    (other,) = run(files[:1], tmp_path, neighbours=False).outcomes
    assert other.status == "failed" and "neighbours: yes, now no" in other.note


def test_a_damaged_neighbour_costs_its_own_map_only(tiles, tmp_path):
    files = []
    for path in sorted(tiles.iterdir())[:2]:
        files.append(tmp_path / path.name)
        files[-1].write_bytes(path.read_bytes())
    files[1].write_bytes(files[1].read_bytes()[:3000])
    report = run(files, tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["written", "failed"]
    assert f"warning: {files[1].name}: not seen by its neighbours" in str(report)
    assert "neighbours" not in read(tmp_path / "out", "h18v03")[1]


def test_neighbours_are_of_one_product_date_and_overpass(tiles, tmp_path):
    source = next(path for path in tiles.iterdir() if "h18v04" in path.name)
    names = (
        "MOD11A1.A2020183.h18v04.061.2020185120000_LST_Day_1km.tif",
        "MOD11A1.A2020183.h19v04.061.2020185120000_LST_Night_1km.tif",
        "MOD11A1.A2020184.h19v04.061.2020185120000_LST_Day_1km.tif",
        "MYD11A1.A2020183.h19v04.061.2020185120000_LST_Day_1km.tif",
        "MOD11A1.A2020183.h20v04.061.2020185120000_LST_Day_1km.tif",
        "MOD11A1.A2020183.h17v05.061.2020185120000_LST_Day_1km.tif",
        "MOD11A1.A2020183.h17v05.061.2020186120000_LST_Day_1km.tif",
    )
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(source.read_bytes())
    work = find_work(paths, Job(choose_method(None, "bicubic"), *settings_of(output_dir=tmp_path / "out")))
    beside = {item.layer.path.name: [layer.path.name for layer in item.neighbours] for item in work.items}
    assert beside[names[0]] == [names[6]] and not any(beside[name] for name in names[1:5])
    assert beside[names[5]] == beside[names[6]] == [names[0]]


def test_a_fit_to_the_scene_stays_with_its_granule():
    assert not choose_method(None, "tsharp", ndvi=__file__).sees_neighbours
    assert choose_method(None, "bicubic").sees_neighbours


@pytest.mark.slow
def test_the_shipped_network_joins_simulated_tiles_to_two_hundredths_of_a_kelvin(field, tiles, tmp_path):
    method = choose_method("default", None)
    run([tiles], tmp_path, method)
    expected = super_resolve_scene(method.resolver, field, batch=2)
    difference = np.abs(whole(tmp_path) - expected)
    border = np.zeros(difference.shape, bool)
    border[4 * SIDE - 32 : 4 * SIDE + 32] = border[:, 4 * SIDE - 32 : 4 * SIDE + 32] = True
    assert np.nanmax(difference[border]) < 0.02
