import dataclasses
import itertools
import json
import logging
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lstsr_jax.config import ModelConfig
from lstsr_jax.errors import InputError
from lstsr_jax.models import create_model
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import (
    Normalization,
    Predictor,
    SpreadCalibration,
    coarse_to_fine,
    load_predictor,
    save_predictor,
)
from lstsr_jax.predictor import shipped as weights
from lstsr_jax.predictor.checkpoint import fingerprint, write_checkpoint


@pytest.fixture(scope="module")
def coarse():
    return jnp.asarray(np.random.default_rng(2).normal(290, 3, (2, 9, 12, 1)), jnp.float32)


def make(seed=0, **changes):
    config = ModelConfig(**{"name": "vdsr", "depth": 3, "width": 4} | changes)
    module = create_model(config)
    variables = module.init(jax.random.key(seed), jnp.zeros((1, 32, 32, 1)))
    output = variables["params"]["output"]
    output["kernel"] = 0.1 * jax.random.normal(jax.random.key(seed + 1), output["kernel"].shape)
    scale = 320.0 if config.normalization == "train_max" else config.anomaly_scale_k
    return Predictor(variables, module, config, Normalization(config.normalization, scale))


@pytest.mark.parametrize("normalization", ["anomaly", "train_max"])
def test_a_network_that_adds_nothing_gives_the_interpolated_input(coarse, normalization):
    config = ModelConfig(normalization=normalization)
    fine = coarse_to_fine(lambda x: x, coarse, config, Normalization(normalization, 310.0))
    np.testing.assert_allclose(fine, upsample(coarse, 4), atol=1e-4)


def test_networks_see_what_the_normalisation_says(coarse):
    seen = {}

    def network(x):
        seen["x"] = x
        return x

    coarse_to_fine(network, coarse, ModelConfig(), Normalization("anomaly", 2.0))
    np.testing.assert_allclose(seen["x"].mean((1, 2)), 0, atol=5e-5)
    ilr = upsample(coarse, 4)
    np.testing.assert_allclose(seen["x"].std(), (ilr - ilr.mean((1, 2), keepdims=True)).std() / 2, rtol=1e-5)
    coarse_to_fine(network, coarse, ModelConfig(normalization="train_max"), Normalization("train_max", 310.0))
    np.testing.assert_allclose(seen["x"], ilr / 310, rtol=1e-6)


def test_anomaly_is_equivariant_to_a_shift_of_temperature(coarse):
    predictor = make()
    np.testing.assert_allclose(predictor(coarse + 7), predictor(coarse) + 7, atol=2e-3)


def test_conserves_energy_on_request(coarse):
    fine = make(conserve_energy=True)(coarse)
    np.testing.assert_allclose(l4_pool(fine, 4), coarse, atol=1e-4)
    assert float(jnp.abs(l4_pool(make()(coarse), 4) - coarse).max()) > 0.05


def test_composes_with_grad_vmap_and_jit(coarse):
    predictor = make()
    expected = predictor(coarse)
    assert expected.shape == (2, 36, 48, 1)
    np.testing.assert_allclose(jax.vmap(predictor)(coarse[:, None])[:, 0], expected, atol=1e-4)
    np.testing.assert_allclose(jax.jit(lambda p, x: p(x))(predictor, coarse), expected, atol=1e-4)
    gradient = jax.grad(lambda x: predictor(x).mean())(coarse)
    assert gradient.shape == coarse.shape and float(jnp.abs(gradient).max()) > 0


def test_round_trip_on_disk(coarse, tmp_path):
    predictor = make(conserve_energy=True)
    save_predictor(tmp_path / "c", predictor)
    again = load_predictor(tmp_path / "c")
    assert (again.config, again.normalization) == (predictor.config, predictor.normalization)
    np.testing.assert_array_equal(again(coarse), predictor(coarse))
    with pytest.raises(InputError, match="exists already"):
        save_predictor(tmp_path / "c", predictor)


def test_a_model_trained_with_noise_says_that_it_denoises(tmp_path):
    """So that maps are not corrected back to the noise; unless energy is conserved inside the network."""
    for noise, conserve in itertools.product((0.0, 1.0), (False, True)):
        predictor = make(conserve_energy=conserve)
        path = tmp_path / f"{noise}-{conserve}"
        model, normalization = (dataclasses.asdict(x) for x in (predictor.config, predictor.normalization))
        metadata = {"model": model, "normalization": normalization, "train": {"input_noise_k": noise}}
        write_checkpoint(path, predictor.variables, metadata)
        again = load_predictor(path)
        assert again.denoises == (noise > 0 and not conserve)
        save_predictor(tmp_path / f"{path.name}-again", again)
        assert load_predictor(tmp_path / f"{path.name}-again").denoises == again.denoises


def test_a_predictor_that_ensembles_turns_with_its_input(coarse, tmp_path):
    """What a mean over all flips and rotations must do and a single run does not."""
    single = make(conserve_energy=True)
    single.variables["params"]["output"]["kernel"] *= 20
    save_predictor(tmp_path / "c", dataclasses.replace(single, ensembles=True))
    predictor = load_predictor(tmp_path / "c")
    fine, turned = predictor(coarse), predictor(jnp.rot90(coarse, 1, (1, 2)))
    np.testing.assert_allclose(jnp.rot90(fine, 1, (1, 2)), turned, atol=2e-3)
    assert float(jnp.abs(jnp.rot90(single(coarse), 1, (1, 2)) - single(jnp.rot90(coarse, 1, (1, 2)))).max()) > 0.02
    np.testing.assert_array_equal(predictor.single(coarse), single(coarse))
    np.testing.assert_allclose(l4_pool(fine, 4), coarse, atol=1e-3)


def test_fingerprints_differ_where_answers_may(tmp_path):
    plain = make()
    changed = {
        "config": [dataclasses.replace(plain.config, conserve_energy=True)],
        "normalization": [Normalization("anomaly", 100.0), Normalization("train_max", 3.0)],
        "denoises": [True],
        "calibration": [SpreadCalibration(0.3, 2.0), SpreadCalibration(0.3, 2.1)],
        "product_calibration": [SpreadCalibration(0.3, 2.0)],
        "orientations": ["flip"],
        "ensembles": [True],
        "variables": [jax.tree.map(lambda leaf: leaf + 1e-6, plain.variables)],
    }
    others = [dataclasses.replace(plain, **{name: value}) for name, values in changed.items() for value in values]
    fingerprints = [predictor.fingerprint for predictor in (plain, *others)]
    assert len(set(fingerprints)) == len(fingerprints) == 11
    for i, predictor in enumerate((plain, *others)):
        save_predictor(tmp_path / str(i), predictor)
        assert load_predictor(tmp_path / str(i)).fingerprint == fingerprints[i]
    assert "product_calibration" not in plain.metadata  # maps of networks without one keep their identity


def edit_config(checkpoint, change):
    """Change the stored configuration in place."""
    (path,) = (checkpoint / "config").glob("metadata")
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))


def test_a_checkpoint_of_another_model(tmp_path):
    save_predictor(tmp_path / "c", make())

    def widen(stored):
        del stored["checksums"]
        stored["model"]["width"] = 8

    edit_config(tmp_path / "c", widen)
    with pytest.raises(InputError, match=f"{tmp_path}.*another model"):
        load_predictor(tmp_path / "c")


def test_a_checkpoint_without_checksums_is_of_an_older_version(tmp_path):
    save_predictor(tmp_path / "c", make())
    edit_config(tmp_path / "c", lambda stored: stored.pop("checksums"))
    load_predictor(tmp_path / "c")


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    """Files short, absent or changed; orbax and tensorstore verify no array."""
    save_predictor(tmp_path / "c", make())

    def largest(copy):
        return max((copy / "variables").rglob("d/*"), key=lambda file: file.stat().st_size)

    def short(copy):
        path = largest(copy)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def changed(copy):
        path = largest(copy)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    damages = {
        "short": short,
        "changed": changed,
        "left_out": lambda copy: largest(copy).unlink(),
        "no_index": lambda copy: (copy / "variables" / "manifest.ocdbt").unlink(),
        "scale": lambda copy: edit_config(copy, lambda stored: stored["normalization"].update(scale_k=4.0)),
        "no_json": lambda copy: (copy / "config" / "metadata").write_text("{"),
    }
    for name, damage in damages.items():
        shutil.copytree(tmp_path / "c", tmp_path / name)
        damage(tmp_path / name)
        with pytest.raises(
            InputError, match=rf"{tmp_path / name}: .*; it is damaged or incomplete: copy it again"
        ) as e:
            load_predictor(tmp_path / name)
        assert "\n" not in str(e.value)


def test_loading_says_nothing(tmp_path, caplog):
    save_predictor(tmp_path / "c", make())
    with caplog.at_level(logging.INFO):
        caplog.clear()
        load_predictor(tmp_path / "c")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        load_predictor(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no finished checkpoint"):
        load_predictor(tmp_path)


@pytest.mark.parametrize("shape", [(9, 12), (2, 9, 12), (2, 9, 12, 3)])
def test_shapes_are_checked_at_the_door(shape):
    with pytest.raises(ValueError, match="coarse must be"):
        make()(jnp.zeros(shape))


def test_shipped_models_are_found_by_name_and_checked(coarse, tmp_path, monkeypatch):
    predictor = make()
    save_predictor(tmp_path / "tiny", predictor)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr(weights, "INDEX", tmp_path / "index.json")
    entry = {"alias": "little", "fingerprint": fingerprint(predictor.variables)}
    weights.INDEX.write_text(json.dumps({"tiny": entry}))
    for name in ("tiny", "little"):
        np.testing.assert_array_equal(load_predictor(name)(coarse), predictor(coarse))
    with pytest.raises(InputError, match="or one of little, tiny"):
        load_predictor("large")
    weights.INDEX.write_text(json.dumps({"tiny": {**entry, "fingerprint": "0" * 12}}))
    with pytest.raises(InputError, match="not those that were shipped"):
        load_predictor("little")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"width": 4', '"breadth": 4'),
        ('"name": "vdsr"', '"name": "vsdr"'),
        ('"kind": "anomaly"', '"kind": "zscore"'),
    ],
)
def test_a_checkpoint_of_another_version(tmp_path, old, new):
    save_predictor(tmp_path / "c", make())
    config = next((tmp_path / "c" / "config").glob("metadata"))
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    edit_config(tmp_path / "c", lambda stored: stored.pop("checksums"))
    with pytest.raises(InputError, match="names no model of this version"):
        load_predictor(tmp_path / "c")


@pytest.mark.parametrize("name", [entry["alias"] for entry in weights.index().values()])
def test_every_shipped_model_loads_and_does_something(coarse, name):
    predictor = load_predictor(name)  # checks the fingerprint
    fine = predictor(coarse)
    assert float(jnp.abs(fine - upsample(coarse, 4)).std()) > 0.01
    assert predictor.denoises == ("denoise" in name)
    if not predictor.denoises:
        np.testing.assert_allclose(l4_pool(fine, 4), coarse, atol=1e-3)


def test_the_ensemble_is_the_mean_and_deviation_of_eight_runs(coarse):
    predictor = dataclasses.replace(make(), denoises=True)
    predictor.variables["params"]["output"]["kernel"] *= 20
    mean, spread = predictor.ensemble(coarse)
    members = []
    for turns, mirrored in itertools.product(range(4), (False, True)):
        x = np.rot90(coarse, turns, (1, 2))
        y = np.asarray(predictor((x[:, :, ::-1] if mirrored else x).copy()))
        members.append(np.rot90(y[:, :, ::-1] if mirrored else y, -turns, (1, 2)))
    np.testing.assert_allclose(mean, np.mean(members, 0), atol=1e-3)
    np.testing.assert_allclose(spread, np.std(members, 0), atol=1e-3)
    assert spread.max() > 0.02
    np.testing.assert_allclose(jax.jit(lambda p, x: p.ensemble(x))(predictor, coarse)[0], mean, atol=1e-4)
    conserved, _ = dataclasses.replace(predictor, denoises=False).ensemble(coarse)
    np.testing.assert_allclose(l4_pool(conserved, 4), coarse, atol=1e-3)
    answer = dataclasses.replace(predictor, ensembles=True)(coarse)
    np.testing.assert_allclose(answer, mean, atol=1e-4)


def test_a_predictor_is_hashed_compared_and_jitted(coarse):
    one, same, other = make(), make(), make(seed=1)
    assert one == same and hash(one) == hash(same) and one != other and one != "edsr"
    assert one != dataclasses.replace(one, denoises=True) and len({one, same, other}) == 2
    expected = one(coarse)
    np.testing.assert_allclose(jax.jit(one)(coarse), expected, atol=1e-4)
    np.testing.assert_allclose(jax.jit(other)(coarse), other(coarse), atol=1e-4)
    np.testing.assert_allclose(jax.checkpoint(one)(coarse), expected, atol=1e-4)
    np.testing.assert_allclose(jax.jit(lambda x: one(x))(coarse), expected, atol=1e-4)  # a constant of the program
    assert (
        jax.jit(lambda p: jnp.float32(p == same))(one) == 0
    )  # of arrays that are not known yet only the object counts


def test_a_predictor_follows_its_input_or_its_own_placement_on_a_mesh(coarse, tmp_path):
    save_predictor(tmp_path / "c", make())
    predictor = load_predictor(tmp_path / "c")
    expected = predictor(coarse)
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",))
    spread_out = jax.device_put(coarse, NamedSharding(mesh, PartitionSpec("data")))
    fine = predictor(spread_out)
    assert len(fine.sharding.device_set) == 2
    np.testing.assert_allclose(fine, expected, atol=1e-4)
    np.testing.assert_allclose(predictor.ensemble(spread_out)[0], predictor.ensemble(coarse)[0], atol=1e-3)
    placed = jax.device_put(predictor, NamedSharding(mesh, PartitionSpec()))
    np.testing.assert_allclose(placed(coarse), expected, atol=1e-4)
    np.testing.assert_allclose(placed(spread_out), expected, atol=1e-4)
    assert placed == predictor
