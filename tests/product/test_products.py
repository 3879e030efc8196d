"""Maps of other products and containers than MOD11A1's granules."""

import datetime

import numpy as np
import pytest
import rasterio
import xarray

from lstsr_jax.errors import InputError
from lstsr_jax.geo import PRODUCTS, aggregate_l4, find_granules, simulate_granule, simulate_landscape, write_granule
from lstsr_jax.geo.simulate.subset_writer import write_netcdf
from lstsr_jax.predictor import load_predictor
from lstsr_jax.product import choose_method, predict, settings_of

DATE = datetime.date(2021, 5, 1)


@pytest.fixture(scope="module")
def place():
    return simulate_landscape(2, 40)


def granule(place, product, date=DATE):
    return simulate_granule(3, product=product, date=date, tile="h17v05", size=40, cloud_fraction=0.2, landscape=place)


def run(files, out, checkpoint=None, **options):
    request = dict(quick_look=False, **options)
    method = choose_method(checkpoint, None if checkpoint else "bicubic", None)
    return predict(files, method, *settings_of(output_dir=out, **request))


@pytest.mark.parametrize(
    ("product", "overpasses", "scheme", "dtype"),
    [
        ("VNP21A1D", ["Day"], "TES16", "uint16"),
        ("MYD21A1N", ["Night"], "TES16", "uint16"),
        ("VJ121A2", ["Day", "Night"], "TES8", "uint8"),
        ("MOD11A2", ["Day", "Night"], "MOD11", "uint8"),
    ],
)
def test_a_map_carries_its_source_in_its_own_terms(place, tmp_path, product, overpasses, scheme, dtype):
    simulated = granule(place, product)
    (path,) = write_granule(simulated, tmp_path)
    report = run([path], tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["written"] * len(overpasses), str(report)
    for overpass in overpasses:
        layers = PRODUCTS[product].layers[overpass.lower()]
        with rasterio.open(tmp_path / "out" / f"{simulated.granule}_LST_{overpass}_250m.tif") as file:
            tags, fine, place_of = file.tags(), file.read(1), file.transform
        assert (tags["product"], tags["period_days"]) == (product, str(PRODUCTS[product].period_days))
        assert place_of.a * 4 == pytest.approx(simulated.transform.a) and place_of.c == simulated.transform.c
        scene = next(layer for layer in find_granules(path).layers if layer.overpass == overpass.lower()).read()
        pooled = aggregate_l4(fine)
        np.testing.assert_array_equal(np.isfinite(pooled), np.isfinite(scene.lst))
        np.testing.assert_allclose(pooled[np.isfinite(pooled)], scene.lst[np.isfinite(pooled)], atol=2e-3)
        with rasterio.open(tmp_path / "out" / f"{simulated.granule}_QC_{overpass}_250m.tif") as file:
            quality, described = file.read(1), file.tags()
        assert quality.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(quality[::4, ::4], simulated.layers[layers.quality])
        assert (
            described["quality_scheme"] == scheme
            and "bits 0-1 mandatory: 00 good_quality" in described["quality_legend"]
        )


def test_the_days_of_a_netcdf_are_maps_of_their_own(place, tmp_path):
    days = [DATE + datetime.timedelta(days=i) for i in range(3)]
    path = write_netcdf([granule(place, "VNP21A1D", day) for day in days], tmp_path / "VNP21A1D_home.nc", native=True)
    report = run([path], tmp_path / "out")
    names = sorted(outcome.output.name for outcome in report.outcomes)
    assert names == [f"VNP21A1D_home_A{day:%Y%j}_LST_Day_250m.tif" for day in days], str(report)
    again = run([path], tmp_path / "out", date="2021-05-02")
    assert [outcome.status for outcome in again.outcomes] == ["finished"]
    report = run([path], tmp_path / "none", date="2021-06-01")
    assert "does not hold 2021-06-01; it holds 3 days" in str(report.failed[0])


def test_a_free_name_is_mapped_with_flags_and_made_anew_with_others(place, tmp_path):
    layers = write_granule(granule(place, "MOD11A1"), tmp_path / "in", "cog")
    path = next(p for p in layers if "LST_Day" in p.name).rename(tmp_path / "my_lst.tif")
    assert "say it with `product`, `date`, `overpass`" in str(run([path], tmp_path / "out").failed[0])
    told = {"date": "2021-05-01", "product": "MOD11A1", "overpass": "day"}
    (outcome,) = run([path], tmp_path / "out", **told).outcomes
    assert (outcome.status, outcome.output.name) == ("written", "my_lst_LST_Day_250m.tif")
    assert run([path], tmp_path / "out", **told).outcomes[0].status == "finished"
    (other,) = run([path], tmp_path / "out", **{**told, "date": "2021-05-02"}).outcomes
    assert other.status == "failed" and "said: MOD11A1 2021-05-01, now MOD11A1 2021-05-02" in other.note


def test_flags_choose_among_files_that_say_it_themselves(place, tmp_path):
    for product in ("MOD11A1", "VNP21A1D"):
        write_granule(granule(place, product), tmp_path)
    report = run([tmp_path], tmp_path / "out", product="VNP21A1D")
    assert [outcome.output.name[:8] for outcome in report.outcomes] == ["VNP21A1D"]
    report = run([tmp_path], tmp_path / "out", date="2021-05-03")
    assert "holds no LST of the date asked for (2021-05-03); see `date`" in str(report)
    for flag, text in (
        ({"date": "1 May"}, "`date` 1 May: no date"),
        ({"product": "MOD13A2"}, "`product` MOD13A2: unknown"),
    ):
        with pytest.raises(InputError, match=text):
            settings_of(**flag)


def test_a_network_says_when_it_was_trained_on_another_sensor(place, tmp_path):
    for product in ("MOD11A1", "VJ121A1D"):
        write_granule(granule(place, product), tmp_path)
    text = str(run([tmp_path], tmp_path / "out", "default"))
    lines = [line for line in text.splitlines() if line.startswith("warning")]
    assert len(lines) == 1 and "default was trained on MOD11A1, MOD11A2, VNP21A1D, not on VJ121A1D" in lines[0]
    assert "warning" not in str(run([tmp_path], tmp_path / "bicubic"))


def test_a_network_that_knows_one_tile_says_so_on_others(place, tmp_path):
    write_granule(granule(place, "MOD11A1"), tmp_path)  # of h17v05
    text = str(run([tmp_path], tmp_path / "out", "mrunet-h18v04", overpass="day"))
    (line,) = [line for line in text.splitlines() if line.startswith("warning")]
    assert "mrunet-h18v04 knows the places of h18v04 and is worse than bicubic on others, such as h17v05" in line
    home = load_predictor("mrunet-h18v04").provenance
    assert home.foreign_tiles(["h18v04"]) == "" == load_predictor("mrunet").provenance.foreign_tiles(["h17v05"])


def test_a_mean_of_eight_days_has_its_period_as_bounds(place, tmp_path):
    (path,) = write_granule(granule(place, "MYD11A2", datetime.date(2020, 12, 26)), tmp_path)
    (outcome,) = run([path], tmp_path / "out", overpass="day", format="netcdf").outcomes
    with xarray.open_dataset(outcome.output, engine="h5netcdf") as data:
        assert str(data["time"].values)[:10] == "2020-12-26"
        assert [str(end)[:10] for end in data["time_bnds"].values] == ["2020-12-26", "2021-01-01"]
        assert 8 < float(data["view_time"]) < 13 and "mean of 8 days" in data.attrs["title"]
        assert data["qc"].attrs["flag_meanings"].split()[-1] == "lst_error_above_3_K"
    assert "a map of this software" in str(run([outcome.output], tmp_path / "again").failed[0])


def test_a_map_in_netcdf_keeps_sixteen_bits_of_quality(place, tmp_path):
    simulated = granule(place, "VJ121A1D")
    (path,) = write_granule(simulated, tmp_path)
    (outcome,) = run([path], tmp_path / "out", format="netcdf").outcomes
    with xarray.open_dataset(outcome.output, engine="h5netcdf") as data:
        assert data["qc"].dtype == np.uint16
        np.testing.assert_array_equal(data["qc"].values[::4, ::4], simulated.layers["QC"])
        flags = dict(zip(data["qc"].attrs["flag_meanings"].split(), data["qc"].attrs["flag_values"], strict=True))
        assert flags["lst_error_at_most_1_K"] == 0b11 << 14 and flags["cloudy"] == 0b11 << 4
        assert "bits 6-7 iterations" in data["qc"].attrs["legend"]
