"""What predict takes from files and folders, and that it tells what it left aside."""

import datetime
import os

import pytest
import rasterio

from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.product import choose_method, predict, settings_of

REQUEST = dict(tile=32, overlap=8, quick_look=False, overpass="day")


def run(files, directory):
    return predict(files, choose_method(None, "bicubic", None), *settings_of(output_dir=directory, **REQUEST))


@pytest.fixture
def layers(tmp_path):
    """The layers of a granule as GeoTIFFs, by name."""
    granule = simulate_granule(8, size=32, date=datetime.date(2020, 7, 3))
    return {path.stem.split("_", 1)[1]: path for path in write_granule(granule, tmp_path / "in", "cog")}


def test_a_folder_with_capitals_links_and_other_files(layers, tmp_path):
    folder = tmp_path / "in"
    night = layers["LST_Night_1km"]
    night.rename(night.with_name(f"{night.name}.part"))
    layers["LST_Day_1km"].rename(layers["LST_Day_1km"].with_suffix(".TIF"))
    (folder / "README").touch()
    top = tmp_path / "top"
    top.mkdir()
    (top / "2020").symlink_to(folder)
    (top / "MOD11A1.A2020001.h18v04.061.2021003092415.hdf").symlink_to("gone")
    report = run([top], tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["written"]
    lines = str(report).splitlines()
    assert f"skipped: {top / '2020' / night.name}.part: an unfinished download; fetch it again" in lines
    assert any("2021003092415.hdf: a link to nothing (gone)" in line for line in lines)
    assert any(line.startswith("skipped: ") and "other files" in line and "1 README" in line for line in lines)
    assert len(lines) == 5 and lines[-1] == "1 written"


def test_all_layers_of_a_granule_as_a_shell_lists_them(layers, tmp_path):
    """Quality and the like beside the LST are no failures; without LST among them there is nothing to do."""
    paths = [path for name, path in layers.items() if name != "LST_Night_1km"]
    report = run(paths, tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["written"]
    assert "skipped: 10 other files (10 .tif)" in str(report)
    with pytest.raises(InputError, match=r"QC_Day\.tif: layer QC_Day is not LST at 1 km; give"):
        run([layers["QC_Day"]], tmp_path / "out")


def test_a_foreign_file_given_by_name_is_a_failure(layers, tmp_path):
    foreign = layers["LST_Day_1km"].rename(tmp_path / "ECOv002_L2T_LSTE_27551_LST.tif")
    report = run([foreign, tmp_path / "nowhere.hdf"], tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["failed", "failed"]
    assert "looks like ECOSTRESS LST at 70 m; give LST at 1 km" in str(report)
    assert "nowhere.hdf: no such file or directory; check the path" in str(report)


def test_a_folder_whose_name_is_not_utf8(layers, tmp_path):
    folder = tmp_path / os.fsdecode(b"donn\xe9es")
    try:
        (tmp_path / "in").rename(folder)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    method = choose_method(None, "bicubic", None)
    report = predict(
        [folder], method, *settings_of(output_dir=tmp_path / "out", **REQUEST), command=f"predict.py {folder}"
    )
    (outcome,) = report.outcomes
    assert outcome.status == "written", str(report)
    str(report).encode()
    with rasterio.open(outcome.output) as file:
        assert file.tags()["command"].startswith(f"predict.py {tmp_path}/donn")
    assert run([folder], tmp_path / "out").outcomes[0].status == "finished"
