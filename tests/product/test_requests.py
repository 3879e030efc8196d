"""Flags of predict.py: what cannot be done is refused in one line, before any work."""

import json
from pathlib import Path

import pytest

from lstsr_jax.cli import predict_arguments
from lstsr_jax.errors import InputError
from lstsr_jax.product import choose_method, predict, settings_of
from lstsr_jax.product.identity import options_of


def test_flags_reach_the_request():
    flags = "a.hdf b --method bicubic --bbox -10.5 40 -9 41 --crs EPSG:32629 --resolution 250 --format zarr --packed"
    arguments = predict_arguments(flags.split())
    assert [str(path) for path in arguments.files] == ["a.hdf", "b"]
    asked = settings_of(bbox=(-10.5, 40, -9, 41), crs="EPSG:32629", resolution=250, format="zarr", packed=True)
    assert arguments.settings == asked and arguments.method == "bicubic"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "FILE: give at least one"),
        ("a.hdf --bbox 5 40 4 41", "--bbox 5.0 40.0 4.0 41.0: give W S E N"),
        ("a.hdf --bbox 5 40 6 41 --window 0 0 5 5", "--window: give either"),
        ("a.hdf --window 0 0 0 5", "--window 0 0 0 5: give ROW COLUMN"),
        ("a.hdf --resolution 250", "--resolution 250.0: give a positive number together with --crs"),
        ("a.hdf --crs EPSG:0", "--crs EPSG:0: unknown"),
        ("a.hdf --packed --spread", "--packed: has no room"),
        ("a.hdf --tile 16 --overlap 20", "--overlap"),
    ],
)
def test_requests_that_cannot_be_met(flags, message):
    with pytest.raises(InputError) as error:
        predict_arguments(flags.split())
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`checkpoint`: give"),
        ({"checkpoint": "nowhere"}, "nowhere: no such checkpoint"),
        ({"checkpoint": "w", "name": "bicubic"}, "`method` bicubic: is made without a network"),
        ({"name": "atprk"}, "`method` atprk: needs `ndvi`"),
        ({"name": "dms"}, "`method` dms: needs `ndvi`"),
        ({"name": "tsharp-mean"}, "`method` tsharp-mean: needs `ndvi`"),
        ({"name": "lanczos"}, "`method` lanczos: unknown; choose among nearest, bilinear, bicubic"),
        ({"name": "bicubic", "ndvi": "x"}, "`ndvi`: bicubic takes no NDVI"),
    ],
)
def test_methods_that_do_not_exist(options, message):
    with pytest.raises(InputError, match=message):
        choose_method(**{"checkpoint": None, "name": None, "ndvi": None, **options})


def test_a_spread_is_a_networks(tmp_path):
    with pytest.raises(InputError, match="`spread`: is the network's; bicubic has none"):
        predict([tmp_path], choose_method(None, "bicubic"), *settings_of(spread=True, output_dir=tmp_path))


def test_only_options_that_decide_the_map_are_recorded():
    plain = options_of(*settings_of(), True)
    undecided = {"overpass": "day", "batch": 9, "overwrite": True, "quick_look": False, "output_dir": Path("elsewhere")}
    assert plain == options_of(*settings_of(**undecided), True)
    others = [{"packed": True}, {"tile": 32}, {"bbox": (1, 2, 3, 4)}, {"max_lst_error_k": 1}]
    assert all(options_of(*settings_of(**other), True) != plain for other in others)
    assert options_of(*settings_of(), False) != plain
    spellings = [options_of(*settings_of(crs=crs), True) for crs in ("EPSG:32632", "epsg:32632")]
    assert spellings[0] == spellings[1]


def test_products_of_before_are_still_recognised():
    """The record of a product made by the commit before the settings were split."""
    recorded = {
        "bbox": None, "conserve_energy": True, "crs": "EPSG:32631", "format": "cog", "max_lst_error_k": 3, "overlap": 8,
        "packed": False, "resolution": 250.0, "spread": False, "tile": 64, "window": [0, 0, 5, 5],
    }  # fmt: skip
    now = options_of(*settings_of(crs="EPSG:32631", resolution=250.0, window=(0, 0, 5, 5)), True)
    assert json.dumps(now, sort_keys=True) == json.dumps(recorded, sort_keys=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bbox": (5, 40, 4, 41)}, "`bbox` 5 40 4 41: give W S E N"),
        ({"overpass": "dawn"}, "`overpass` dawn: unknown; choose one of day, night, both"),
        ({"format": "png"}, "`format` png: unknown; choose one of cog"),
        ({"overlap": 99}, "`tile`, `overlap`, `batch`: overlap must be"),
        ({"packed": True, "spread": True}, "`packed`: has no room for the spread"),
    ],
)
def test_settings_check_themselves_and_are_named(options, message):
    with pytest.raises(InputError, match=message):
        settings_of(**options)
    with pytest.raises(TypeError, match="no setting of a product: colour"):
        settings_of(colour="red")


def test_energy_is_conserved_as_the_network_says_unless_asked():
    assert [predict_arguments(["a.hdf", *flags]).settings[1].conserve_energy for flags in ENERGY] == [None, True, False]
    with pytest.raises(InputError, match="not both"):
        predict_arguments(["a.hdf", *ENERGY[1], *ENERGY[2]])


ENERGY = ([], ["--conserve-energy"], ["--no-conserve-energy"])
