"""Simulated granules: what they promise of place, weather, clouds, amplitude and repeatability."""

import dataclasses
import datetime

import numpy as np
import pytest
import scipy.ndimage
from pyhdf.HDF import HDF
from pyhdf.SD import SD
from pyhdf.V import V  # noqa: F401

from lstsr_jax.geo import (
    aggregate_l4,
    place_seed_of,
    simulate_granule,
    simulate_landscape,
    tile_of,
    write_granule,
)
from lstsr_jax.geo.simulate.fields import power_law_field
from lstsr_jax.geo.simulate.hdf4_writer import GRID_NAME
from lstsr_jax.geo.simulate.landscape import SEA, TOWN, WATER
from lstsr_jax.geo.simulate.layers import MOD11A1_LAYERS

JULY = datetime.date(2020, 7, 1)


@pytest.fixture(scope="module")
def large():
    """384 x 384 pixels in July, with its place."""
    return simulate_granule(1, date=JULY, size=384), simulate_landscape(place_seed_of("h18v04"), 384)


def arrays(granule):
    return {**granule.layers, "d": granule.truth_day, "n": granule.truth_night, "v": granule.ndvi}


def test_the_same_arguments_give_the_same_arrays():
    first, second = (simulate_granule(3, size=40, date=JULY) for _ in range(2))
    for key, values in arrays(first).items():
        np.testing.assert_array_equal(values, arrays(second)[key], err_msg=key)


def test_a_prepared_landscape_changes_nothing(large):
    again = simulate_granule(1, date=JULY, size=384, landscape=large[1])
    for key, values in arrays(large[0]).items():
        np.testing.assert_array_equal(values, arrays(again)[key], err_msg=key)


def test_seeds_dates_products_and_places_are_separate():
    base = simulate_granule(0, size=40, date=JULY)
    seed = simulate_granule(1, size=40, date=JULY)
    np.testing.assert_array_equal(base.ndvi, seed.ndvi)  # the same place and season
    assert np.abs(base.truth_day - seed.truth_day).mean() > 0.1
    date = simulate_granule(0, size=40, date=JULY + datetime.timedelta(days=1))
    np.testing.assert_array_equal(base.ndvi, date.ndvi)  # the same 16-day period
    assert np.abs(base.truth_day - date.truth_day).mean() > 0.1
    aqua = simulate_granule(0, size=40, date=JULY, product="MYD11A1")
    assert np.abs(base.truth_day - aqua.truth_day).mean() > 0.1 and aqua.granule.startswith("MYD11A1.")
    place = simulate_granule(0, size=40, date=JULY, place_seed=1)
    assert np.abs(base.ndvi - place.ndvi).mean() > 0.02


def test_shapes_and_types(simulated):
    assert list(simulated.layers) == list(MOD11A1_LAYERS)
    for key, spec in MOD11A1_LAYERS.items():
        assert (simulated.layers[key].dtype, simulated.layers[key].shape) == (spec.kind, (80, 80)), key
    for fine in (simulated.truth_day, simulated.truth_night, simulated.ndvi):
        assert (fine.dtype, fine.shape) == (np.float32, (320, 320)) and np.isfinite(fine).all()
    assert simulated.size == 80
    assert dataclasses.is_dataclass(simulated)


@pytest.mark.parametrize("label", ["Day", "Night"])
def test_layers_agree_with_one_another_and_with_the_truth(simulated, label):
    layers = simulated.layers
    lst, quality = layers[f"LST_{label}_1km"], layers[f"QC_{label}"]
    truth = simulated.truth_day if label == "Day" else simulated.truth_night
    np.testing.assert_array_equal(lst == 0, (quality & 3) >= 2)
    np.testing.assert_array_equal(lst == 0, layers[f"{label}_view_time"] == 255)
    np.testing.assert_array_equal(lst == 0, layers[f"{label}_view_angl"] == 255)
    np.testing.assert_array_equal(lst == 0, layers[f"Clear_{label.lower()}_cov"] == 0)
    assert set(np.unique(quality)) <= {0, 2, 3, 17, 65, 81, 129, 145} and (quality[lst > 0] == 0).mean() > 0.6
    brute = (truth.astype(np.float64) ** 4).reshape(80, 4, 80, 4).mean(axis=(1, 3)) ** 0.25
    error = (lst * 0.02 - brute)[(lst > 0) & (quality == 0)]
    assert 0.07 < error.std() < 0.09 and abs(error.mean()) < 0.01


def test_aggregation_of_a_known_block():
    fine = np.full((8, 12), 290, np.float32)
    fine[0:4, 4:8] = np.repeat(np.float32([280, 320]), 8).reshape(4, 4)
    result = aggregate_l4(fine)
    assert result.shape == (2, 3)
    assert result[0, 1] == pytest.approx(((280**4 + 320**4) / 2) ** 0.25, abs=1e-9)
    np.testing.assert_allclose(np.delete(result.ravel(), 1), 290, atol=1e-9)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.8, 1.0])
def test_cloud_fraction(fraction):
    granule = simulate_granule(0, size=64, cloud_fraction=fraction)
    for quality in (granule.qc_day, granule.qc_night):
        assert (quality == 2).mean() <= fraction + 0.01
        assert np.isin(quality, [2, 3]).mean() == pytest.approx(fraction, abs=0.06)


def test_open_sky_is_left_in_large_pieces(large):
    for lst in (large[0].lst_day, large[0].lst_night):
        clear = scipy.ndimage.uniform_filter((lst > 0).astype(np.float32), 64)[32:-31, 32:-31]
        assert (clear > 0.9999).sum() > 500


def test_amplitude_is_that_of_real_granules(large):
    """Real 64 x 64 patches, h18v04 in 2020: deviation 0.9..3.1 K by day, 0.7..1.9 by night (10..90 %)."""
    for truth, low, high in ((large[0].truth_day, 0.9, 3.1), (large[0].truth_night, 0.7, 2.0)):
        patches = aggregate_l4(truth).reshape(6, 64, 6, 64).swapaxes(1, 2).reshape(36, -1)
        assert low < np.median(patches.std(axis=1)) < high
        assert 5 < np.median(np.ptp(patches, axis=1)) < 20


def test_day_and_night_contrasts(large):
    granule, place = large
    land = place.cover > WATER
    water, town = ~land, place.cover == TOWN
    near_water = scipy.ndimage.binary_dilation(water, iterations=8) & land
    near_town = scipy.ndimage.binary_dilation(town, iterations=8) & land & ~town
    day, night = granule.truth_day, granule.truth_night
    assert day[water].mean() < day[near_water].mean() - 3
    assert night[water].mean() > night[near_water].mean() + 1
    assert day[town].mean() > day[near_town].mean() + 2
    assert night[town].mean() > night[near_town].mean() + 0.5
    lowland = land & (place.elevation < 500)
    assert np.corrcoef(day[lowland], granule.ndvi[lowland])[0, 1] < -0.5
    assert day[land].mean() > night[land].mean() + 5
    assert np.corrcoef(day[land], place.elevation[land])[0, 1] < -0.3


def test_seasons_and_hemispheres():
    def mean(month, tile):
        return simulate_granule(0, size=24, tile=tile, date=datetime.date(2020, month, 5)).truth_day.mean()

    assert mean(7, "h18v04") > mean(1, "h18v04") + 15
    assert mean(1, "h30v12") > mean(7, "h30v12") + 8  # Sydney
    assert abs(mean(7, "h20v08") - mean(1, "h20v08")) < 10  # by the equator
    assert tile_of(151, -34) == "h30v12"


def test_land_cover_has_water_land_and_towns(large):
    shares = np.bincount(large[1].cover.ravel(), minlength=7) / large[1].cover.size
    assert 0.03 < shares[SEA] < 0.05 and 0.005 < shares[WATER] < 0.06 and 0.01 < shares[TOWN] < 0.06
    assert (shares[2:5] > 0.1).all()


@pytest.mark.parametrize("shape", [(128, 200), (127, 201)])
def test_fields_have_unit_variance_and_the_asked_spectrum(shape):
    rng = np.random.default_rng(0)
    fields = np.stack([power_law_field(rng, shape, slope=3.0, outer_px=20) for _ in range(40)])
    assert fields.dtype == np.float32
    assert fields.var() == pytest.approx(1, abs=0.06)
    power = (np.abs(np.fft.fft2(fields)) ** 2).mean(axis=0)
    ky, kx = np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), indexing="ij")
    k = np.hypot(ky, kx)
    far, near = power[(k > 0.38) & (k < 0.42)].mean(), power[(k > 0.19) & (k < 0.21)].mean()
    assert np.log2(far / near) == pytest.approx(-3, abs=0.15)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tile": "h99v99"}, "h99v99"),
        ({"size": 7}, "size must be 8..1200"),
        ({"size": 1201}, "size must be 8..1200"),
        ({"cloud_fraction": 1.5}, "cloud_fraction"),
        ({"product": "MOD13A2"}, "MOD11A1, MYD11A1"),
        ({"size": 16, "landscape": simulate_landscape(0, 8)}, "size 8, not 16"),
    ],
)
def test_bad_arguments(options, text):
    with pytest.raises(ValueError, match=text):
        simulate_granule(0, **{"size": 16, **options})


def test_hdf4_is_written_as_the_archive_writes_it(simulated, tmp_path, shared_data):
    """Same datasets, types, attributes and groups as a real granule."""
    ours = write_granule(simulated, tmp_path)[0]
    real = next((shared_data / "granules").glob("MOD11A1*.hdf"))
    descriptions = []
    for path in (real, ours):
        sd, file = SD(str(path)), HDF(str(path))
        sets = {key: (info[0], info[2], info[3]) for key, info in sd.datasets().items()}
        attributes = {key: sd.select(key).attributes(full=1) for key in sets}
        groups = file.vgstart()
        grid = groups.attach(groups.find(GRID_NAME))
        members = [groups.attach(reference) for _, reference in grid.tagrefs()]
        structure = grid._class, [(group._name, group._class, group._nmembers) for group in members]
        struct = sd.attributes(full=1)["StructMetadata.0"]
        for group in (*members, grid):
            group.detach()
        groups.end()
        file.close()
        sd.end()
        lines = struct[0].replace("\x00", "").splitlines()
        lines = [x for x in lines if not any(k in x for k in ("Mtrs", "XDim=", "YDim="))]
        descriptions.append((sets, attributes, structure, struct[1:], [line for line in lines if line.strip()]))
    for expected, found in zip(*descriptions, strict=True):
        if isinstance(expected, tuple) and isinstance(expected[0], int):
            assert expected[1:] == found[1:]  # the index differs, the type and the length do not
        else:
            assert expected == found


def test_file_names_and_unknown_format(simulated, tmp_path):
    assert [path.name for path in write_granule(simulated, tmp_path / "a")] == [
        "MOD11A1.A2021124.h17v05.061.2021126120000.hdf"
    ]
    names = [path.name for path in write_granule(simulated, tmp_path / "b", "cog")]
    assert names == [f"MOD11A1.A2021124.h17v05.061.2021126120000_{key}.tif" for key in MOD11A1_LAYERS]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "b").iterdir())
    with pytest.raises(ValueError, match="'hdf4' or 'cog'"):
        write_granule(simulated, tmp_path / "c", "zarr")
    assert not (tmp_path / "c").exists()


def test_a_failed_hdf4_leaves_nothing(simulated, tmp_path):
    broken = dataclasses.replace(simulated, layers={**simulated.layers, "Emis_31": np.zeros((3, 4))})
    with pytest.raises(ValueError, match="Emis_31 is float64"):
        write_granule(broken, tmp_path)
    partial = dict(simulated.layers)
    del partial["QC_Day"]
    with pytest.raises(ValueError, match="QC_Day"):
        write_granule(dataclasses.replace(simulated, layers=partial), tmp_path)
    assert list(tmp_path.iterdir()) == []
