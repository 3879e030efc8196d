"""Maps of networks that are guided by NDVI and elevation: with all of them, with some, and with what is no guide."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from lstsr_jax.cli.flags import as_flags
from lstsr_jax.config import ModelConfig
from lstsr_jax.errors import InputError
from lstsr_jax.geo import SINUSOIDAL, read_lst, simulate_granule, write_granule, write_raster
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, Predictor, input_channels, save_predictor
from lstsr_jax.product import choose_method, predict, settings_of

REQUEST = dict(tile=16, overlap=8, quick_look=False, overpass="day")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A granule of 32 x 32, its NDVI at 250 m and its elevation."""
    directory = tmp_path_factory.mktemp("files")
    granule = simulate_granule(8, size=32, cloud_fraction=0.1)
    lst, _, ndvi, elevation = write_granule(granule, directory, ndvi=True, elevation=True)
    return {"lst": lst, "ndvi": ndvi, "elevation": elevation}


def network(directory, guide):
    config = ModelConfig(name="edsr", width=8, blocks=1, guide=guide)
    module = create_model(config)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 16, 16, input_channels(config))))
    noise = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: x + 0.1 * noise.normal(size=x.shape).astype(np.float32), variables)
    path = directory / guide.replace(",", "-")
    save_predictor(path, Predictor(variables, module, config, Normalization("anomaly", 3.0)))
    return str(path)


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    return network(tmp_path_factory.mktemp("models"), "ndvi,elevation")


def run(files, directory, checkpoint, request=REQUEST, **guides):
    method = choose_method(checkpoint, None, **guides)
    return predict([files["lst"]], method, *settings_of(output_dir=directory, **request))


def only(directory):
    (path,) = directory.glob("*LST*.tif")
    with rasterio.open(path) as file:
        return file.read(1), file.tags()


def test_every_guide_reaches_the_map_and_its_tags(files, guided, tmp_path):
    found = {}
    for name, given in (
        ("none", ()),
        ("ndvi", ("ndvi",)),
        ("elevation", ("elevation",)),
        ("both", ("ndvi", "elevation")),
    ):
        report = run(files, tmp_path / name, guided, **{guide: files[guide] for guide in given})
        assert not report.failed
        found[name], tags = only(tmp_path / name)
        for guide in ("ndvi", "elevation"):
            assert tags.get(f"{guide}_file") == (files[guide].name if guide in given else None)
            assert (f'"role": "{guide}"' in tags["source_files"]) == (guide in given)
        assert ("not given" in str(report)) == (len(given) < 2)
    scene = read_lst(files["lst"], "day")
    assert tags["elevation_resolution"] == "0.25 of the LST's pixel"
    for field in found.values():
        np.testing.assert_array_equal(np.isnan(field), np.isnan(scene.lst).repeat(4, 0).repeat(4, 1))
    names = list(found)
    for i, name in enumerate(names):
        for other in names[i + 1 :]:
            assert np.nanmax(np.abs(found[name] - found[other])) > 1e-3


def test_a_guided_network_without_its_guides_says_so_in_one_line(files, guided, tmp_path):
    report = run(files, tmp_path, guided, ndvi=files["ndvi"])
    (line,) = [line for line in as_flags(str(report)).splitlines() if line.startswith("warning")]
    assert line == (
        "warning: ndvi-elevation is guided by elevation; it is not given, so maps are made from LST and NDVI alone "
        "(--elevation takes a DEM as GeoTIFF, in metres)"
    )
    report = run(files, tmp_path / "none", guided)
    assert "guided by NDVI and elevation; they are not given, so maps are made from LST alone" in str(report)


def test_another_dem_is_another_map(files, guided, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other_dem.tif"
    assert "1 written" in str(run(files, out, guided, elevation=files["elevation"]))
    assert "1 finished" in str(run(files, out, guided, elevation=files["elevation"]))
    with rasterio.open(files["elevation"]) as file:
        write_raster(other, file.read(1) + 100, file.transform, file.crs)
    assert "other_dem.tif is new" in str(run(files, out, guided, elevation=other).failed[0])
    assert "is no longer used" in str(run(files, out, guided).failed[0])


def dem(path, files, values, move=0):
    with rasterio.open(files["elevation"]) as file:
        write_raster(path, values, file.transform @ Affine.translation(move, 0), SINUSOIDAL, nodata=-9999)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("elsewhere", "holds nothing over MOD11A1.*: it lies elsewhere; give a DEM of tile h18v04"),
        ("gaps", "holds nothing over MOD11A1.*: only gaps lie there; give a DEM of tile h18v04"),
        ("missing", r"dem\.tif: No such file or directory; check the path"),
        ("ndvi", "by its name NDVI, not elevation"),
    ],
)
def test_a_dem_that_cannot_guide_gives_no_map(files, guided, tmp_path, kind, message):
    values, path = np.full((128, 128), 500, np.int16), tmp_path / "dem.tif"
    if kind == "ndvi":
        path = files["ndvi"]
    elif kind != "missing":
        dem(path, files, np.where(kind == "gaps", -9999, values).astype(np.int16), 4000 * (kind == "elsewhere"))
    report = run(files, tmp_path / "out", guided, elevation=path)
    (failure,) = report.failed
    assert failure.note and re.search(message, str(failure)), failure
    assert "\n" not in str(failure) and not list((tmp_path / "out").glob("*.tif"))


def test_a_dem_of_a_part_guides_there_and_says_so(files, guided, tmp_path):
    values = np.full((128, 128), 500, np.int16)
    values[:, 64:] = -9999
    values[:64, :64] = np.random.default_rng(0).integers(0, 900, (64, 64))
    report = run(files, tmp_path / "part", guided, elevation=dem(tmp_path / "dem.tif", files, values))
    without = run(files, tmp_path / "none", guided)
    assert not report.failed and not without.failed
    assert "dem.tif: covers 45% of what is observed" in str(report) and "the rest is mapped without it" in str(report)
    part, none = only(tmp_path / "part")[0], only(tmp_path / "none")[0]
    np.testing.assert_allclose(part[:, 100:], none[:, 100:], atol=1e-3)
    assert np.nanmax(np.abs(part[:, :60] - none[:, :60])) > 0.05


def test_a_dem_as_coarse_as_the_lst_sharpens_nothing_and_says_so(files, guided, tmp_path):
    with rasterio.open(files["elevation"]) as file:
        coarse = file.read(1).reshape(32, 4, 32, 4).mean((1, 3)).astype(np.float32)
        write_raster(tmp_path / "dem.tif", coarse, file.transform @ Affine.scale(4), SINUSOIDAL)
    report = run(files, tmp_path, guided, elevation=tmp_path / "dem.tif")
    assert "dem.tif: no finer than the LST, nothing in it sharpens the map; give a DEM of 250 m or finer" in str(report)


@pytest.mark.parametrize("name", [None, "bicubic", "tsharp"])
def test_elevation_for_what_takes_none_is_refused(files, tmp_path, name):
    checkpoint = None if name else network(tmp_path, "ndvi")
    with pytest.raises(InputError, match=f"`elevation`: {name or 'ndvi'} takes no elevation; leave it out"):
        choose_method(checkpoint, name, files["ndvi"] if name != "bicubic" else None, files["elevation"])
