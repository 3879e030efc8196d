"""An exported model answers as the predictor does, where there is neither Flax nor a network, or says why not."""

import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax import (
    ModelConfig,
    Normalization,
    Predictor,
    SuperResolver,
    create_model,
    export_predictor,
    load_exported,
    load_predictor,
    super_resolve_scene,
)
from lstsr_jax.errors import InputError
from lstsr_jax.export import sidecar, write
from lstsr_jax.predictor import SpreadCalibration, input_channels

WITHOUT_FLAX = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("flax", "optax", "orbax", "rasterio", "tensorflow_datasets"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
import numpy as np
from lstsr_jax import load_exported
model = load_exported(sys.argv[1])
np.save(sys.argv[3], model(np.load(sys.argv[2])))
assert not [name for name in sys.modules if name.startswith("lstsr_jax.models")]
"""


def lst(*shape):
    return (290 + 5 * np.random.default_rng(0).standard_normal((*shape, 1))).astype(np.float32)


def made(**settings):
    """A network with random weights, which no training need have seen."""
    config = ModelConfig(**{"width": 8, "blocks": 1, "conserve_energy": True, **settings})
    module = create_model(config)
    variables = module.init(jax.random.key(1), jnp.zeros((1, 32, 32, input_channels(config))))
    return Predictor(variables, module, config, Normalization("anomaly", 3.0), orientations="flip")


@pytest.fixture(scope="module")
def small():
    return made(name="edsr")


@pytest.fixture(scope="module")
def exported(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "small.stablehlo"
    export_predictor(small, path)
    return path


def test_any_batch_and_size_bit_for_bit(small, exported):
    model = load_exported(exported)
    for shape in ((1, 8, 8), (3, 9, 13)):
        np.testing.assert_array_equal(model(lst(*shape)), small(lst(*shape)))
    assert isinstance(model, SuperResolver) and model.fingerprint == small.fingerprint and model.factor == 4
    np.testing.assert_array_equal(jax.jit(lambda x: model(x) + 0)(lst(1, 8, 8)), model(lst(1, 8, 8)))


def test_it_loads_where_flax_and_networks_cannot_be_imported(small, exported, tmp_path):
    np.save(tmp_path / "in.npy", lst(1, 8, 8))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FLAX, exported, tmp_path / "in.npy", tmp_path / "out.npy"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), small(lst(1, 8, 8)))


def test_the_file_alone_is_a_function_of_jax_export(small, exported):
    function = jax.export.deserialize(bytearray(exported.read_bytes()))
    assert function.platforms == ("cpu", "cuda", "tpu")
    np.testing.assert_array_equal(function.call(lst(1, 8, 8)), small(lst(1, 8, 8)))


def test_the_json_says_what_it_is(small, exported):
    about = json.loads(sidecar.sidecar_path(exported).read_text())
    assert about["model"]["fingerprint"] == small.fingerprint and about["model"]["normalization"]["scale_k"] == 3.0
    (seen,), (answer,) = about["inputs"], about["outputs"]
    assert (seen["shape"], seen["units"]) == (["b", "h", "w", 1], "K")
    assert (answer["shape"], answer["units"]) == (["b", "4*h", "4*w", 1], "K")
    assert about["calling_convention"]["jax"] == jax.__version__ and about["file"]["bytes"] == exported.stat().st_size


def test_the_same_model_gives_the_same_file_without_paths_of_this_machine(small, exported, tmp_path):
    again = tmp_path / "again.stablehlo"
    export_predictor(small, again)
    assert again.read_bytes() == exported.read_bytes()
    assert b".py" not in again.read_bytes()


def test_maps_and_ensembles_are_made_with_it(tmp_path):
    predictor = made(name="edsr", conserve_energy=False).replace(denoises=True, calibration=SpreadCalibration(0.5, 2.0))
    export_predictor(predictor, tmp_path / "m.stablehlo")
    model, field = load_exported(tmp_path / "m.stablehlo"), lst(20, 24)[..., 0]
    field[3:5, 4:9] = np.nan
    small = dict(tile=16, overlap=5, batch=2)
    np.testing.assert_array_equal(
        super_resolve_scene(model, field, **small), super_resolve_scene(predictor, field, **small)
    )
    for mine, its in zip(model.ensemble(lst(1, 8, 8)), predictor.ensemble(lst(1, 8, 8)), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-4)
    assert model.map_calibration == predictor.map_calibration and not model.conserves_energy


def test_a_guided_model_takes_ndvi_with_gaps_or_none(tmp_path):
    predictor = made(name="edsr", guide="ndvi", factor=2)
    export_predictor(predictor, tmp_path / "m.stablehlo")
    model, coarse = load_exported(tmp_path / "m.stablehlo"), lst(1, 8, 8)
    ndvi = np.random.default_rng(1).uniform(0, 1, (1, 16, 16, 1)).astype(np.float32)
    ndvi[:, 2:5] = np.nan
    np.testing.assert_array_equal(model(coarse, ndvi), predictor(coarse, ndvi))
    np.testing.assert_array_equal(model(coarse), predictor(coarse))
    with pytest.raises(ValueError, match=r"ndvi \(1, 8, 8, 1\) must be coarse \(1, 8, 8, 1\) times the factor 2"):
        model(coarse, coarse)


def test_a_model_guided_by_elevation_names_it_and_takes_it_with_gaps_or_none(tmp_path):
    predictor = made(name="edsr", guide="ndvi,elevation", factor=2)
    about = export_predictor(predictor, tmp_path / "m.stablehlo", shape=(1, 8, 8))
    assert [one["name"] for one in about["inputs"]] == ["coarse", "ndvi", "elevation"]
    assert about["inputs"][2]["units"] == "m" and about["inputs"][2]["range"] == [-500, 9000]
    model, coarse = load_exported(tmp_path / "m.stablehlo"), lst(1, 8, 8)
    elevation = np.random.default_rng(1).uniform(0, 900, (1, 16, 16, 1)).astype(np.float32)
    elevation[:, 2:5] = np.nan
    np.testing.assert_array_equal(model(coarse, elevation=elevation), predictor(coarse, elevation=elevation))
    assert model.guides == predictor.guides


@pytest.mark.slow
def test_a_u_net_says_which_sizes_it_takes(tmp_path):
    about = export_predictor(made(name="mrunet", width=4), tmp_path / "m.stablehlo")
    assert about["sizes"] == {"multiple_of": 4, "at_least": 8, "shape": None}
    model = load_exported(tmp_path / "m.stablehlo")
    for shape in ((1, 10, 8), (1, 8, 4)):
        with pytest.raises(ValueError, match="multiples of 4, at least 8"):
            model(lst(*shape))


def test_one_shape_only(small, tmp_path):
    about = export_predictor(small, tmp_path / "m.stablehlo", shape=(2, 8, 12))
    assert about["outputs"][0]["shape"] == [2, 32, 48, 1]
    model = load_exported(tmp_path / "m.stablehlo")
    np.testing.assert_array_equal(model(lst(2, 8, 12)), small(lst(2, 8, 12)))
    with pytest.raises(ValueError, match=r"coarse \(1, 8, 12, 1\) must be \(2, 8, 12, 1\): the model was exported"):
        model(lst(1, 8, 12))


@pytest.mark.parametrize(
    ("coarse", "message"),
    [(lst(8, 8), r"coarse must be \(B, h, w, 1\)"), (np.full((1, 8, 8, 1), "a"), "coarse must hold real numbers")],
)
def test_what_is_no_batch_of_fields_is_refused(exported, coarse, message):
    with pytest.raises(ValueError, match=message):
        load_exported(exported)(coarse)


def cut(path, beside):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path, beside):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(path, beside):
    beside.write_text(beside.read_text().replace('"units": "K"', '"units": "degC"'))


def newer_version(path, beside):
    beside.write_text(beside.read_text().replace('"version": 1,', '"version": 2,', 1))


def rewrite(change):
    def damage(path, beside):
        about = json.loads(beside.read_text())
        for key in ("format", "version", "file", "checksum"):
            about.pop(key)
        content = change(about) or path.read_bytes()
        path.write_bytes(content)
        beside.write_text(sidecar.to_text(about, content))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path, beside: path.unlink(), "m.stablehlo: no such file"),
        (lambda path, beside: beside.unlink(), "m.stablehlo.json: is missing"),
        (lambda path, beside: beside.write_text("{"), "json: is no JSON"),
        (lambda path, beside: beside.write_text("[1]"), "json: does not describe an exported model"),
        (newer_version, "json: is of version 2, this lstsr_jax reads 1"),
        (edit, "json: is not as it was written"),
        (cut, r"m.stablehlo: has \d+ bytes, not \d+ as"),
        (flip, "m.stablehlo: is damaged, or another model than"),
        (rewrite(lambda about: about["calling_convention"].update(version=99)), "calling convention 99"),
        (rewrite(lambda about: about["calling_convention"].update(platforms=["tpu"])), "for tpu, and this is cpu"),
        (rewrite(lambda about: b"not StableHLO at all" * 20), "cannot run it"),
    ],
)
def test_damaged_and_foreign_files_are_refused_in_one_line(exported, tmp_path, damage, message):
    path = tmp_path / "m.stablehlo"
    beside = sidecar.sidecar_path(path)
    shutil.copy(exported, path)
    shutil.copy(sidecar.sidecar_path(exported), beside)
    damage(path, beside)
    with pytest.raises(InputError, match=message) as error:
        load_exported(path)
    assert "\n" not in str(error.value)


def test_nothing_is_overwritten_and_nothing_left_behind(small, exported, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="exists already"):
        export_predictor(small, exported)
    with pytest.raises(InputError, match=r"`shape` \(1, 0, 4\): give batch, height and width"):
        export_predictor(small, tmp_path / "m", shape=(1, 0, 4))
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    with pytest.raises(InputError, match="pip install 'lstsr-jax"):
        export_predictor(small, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_after_an_interruption_between_its_two_files_it_is_exported_again(small, exported, tmp_path, monkeypatch):
    path, names = tmp_path / "m.stablehlo", []
    replace = os.replace

    def end_after_the_first(source, target):
        if names:
            raise KeyboardInterrupt
        names.append(target)
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", end_after_the_first)
        export_predictor(small, path)
    assert [file.name for file in tmp_path.iterdir()] == ["m.stablehlo.json"]
    export_predictor(small, path)
    assert path.read_bytes() == exported.read_bytes() and load_exported(path)
    path.unlink()
    sidecar.sidecar_path(path).write_text('{"notes": "mine"}')
    with pytest.raises(InputError, match="json: exists already"):
        export_predictor(small, path)


def test_a_network_that_takes_no_size_is_refused(small, tmp_path):
    class Odd(type(small.module)):
        def __call__(self, x):
            raise RuntimeError("only on Sundays")

    with pytest.raises(InputError, match=r"cannot be exported \(only on Sundays\); give a `shape`"):
        export_predictor(small.replace(module=Odd(width=8, blocks=1)), tmp_path / "m.stablehlo")


def test_the_places_of_source_lines_are_recorded_again_afterwards(exported):
    assert jax.config.jax_traceback_in_locations_limit != 0
    with write._without_places():
        assert jax.config.jax_traceback_in_locations_limit == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["default", "mrunet", "guided", "denoise"])
def test_shipped_models_bit_for_bit(name, tmp_path):
    predictor, coarse = load_predictor(name), lst(1, 64, 64)
    inputs = (coarse, np.full((1, 256, 256, 1), 0.4, np.float32)) if predictor.guided else (coarse,)
    expected = predictor(*inputs)
    for kind, shape in (("any", None), ("one", (1, 64, 64))):
        export_predictor(predictor, tmp_path / kind, shape=shape)
        np.testing.assert_array_equal(load_exported(tmp_path / kind)(*inputs), expected)


@pytest.mark.slow
def test_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "lstsr_jax.cli.export", "default", tmp_path / "d.stablehlo"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "default, coarse (b, h, w, 1) to (b, 4*h, 4*w, 1) K; cpu, cuda, tpu" in done.stdout
    assert load_exported(tmp_path / "d.stablehlo").about["model"]["name"] == "default"
