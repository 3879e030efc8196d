"""Runs on pairs: resumed bit for bit, mixed with patches, started from other weights, true about what they saw."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.cli import eval_arguments, train_arguments
from lstsr_jax.config import DataConfig, preset
from lstsr_jax.data.finer import Joined, read_fine_patches
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import check_unseen, evaluate_pairs
from lstsr_jax.geo import write_raster
from lstsr_jax.predictor import load_predictor, normalization_for, save_predictor
from lstsr_jax.predictor.checkpoint import fingerprint, step_directories
from lstsr_jax.training import build_program, train
from lstsr_jax.training.pairs.examples import read_examples
from lstsr_jax.training.stream import Stream


def changed(config, **parts):
    return dataclasses.replace(
        config, **{name: dataclasses.replace(getattr(config, name), **values) for name, values in parts.items()}
    )


def weights(workdir):
    return fingerprint(load_predictor(step_directories(workdir)[-1]).variables)


@pytest.fixture(scope="module")
def program(pairs_config):
    return build_program(pairs_config, normalization_for(pairs_config.model, 0.0), 1)


@pytest.fixture(scope="module")
def uninterrupted(pairs_config, program, tmp_path_factory):
    return train(pairs_config, None, tmp_path_factory.mktemp("runs") / "pairs", program=program)


def test_the_fold_is_left_out_scored_and_recorded(uninterrupted, pairs_config, pairs_folder):
    log = (uninterrupted / "log.csv").read_text().splitlines()
    header = "epoch,learning_rate,train_rmse_k,pairs_rmse_ub_k,pairs_ssim_ub,pairs_ilr_rmse_ub_k,pairs_per_second"
    assert log[0] == header and len(log) == 4
    assert len(step_directories(uninterrupted)) == 1  # the last one counts: none is chosen by the fold
    predictor = load_predictor(uninterrupted)
    assert predictor.denoises and sorted(predictor.provenance.pairs.values()) == ["001", "002", "003"]
    stored = json.loads((uninterrupted / "config.json").read_text())["pairs"]
    assert list(stored["held_out"].values()) == ["000"] and stored["shift"] == pytest.approx([0.837, 1.071])
    held = evaluate_pairs([predictor], pairs_folder, registration="constant", fold="1/3")
    assert [pair.name for pair in held.pairs] == ["000"] and "trained on" not in held.table()
    last = dict(zip(log[0].split(","), log[-1].split(","), strict=True))
    assert float(last["pairs_rmse_ub_k"]) == pytest.approx(held.means()["edsr"]["rmse_ub"], rel=0.05)  # it is filled up
    both = evaluate_pairs([predictor], pairs_folder, registration="constant")
    assert "`edsr`: 3 of 4 pairs were trained on; its scores say nothing of unseen ones." in both.table()
    assert both.to_dict()["trained_on"] == {"edsr": 3} and held.to_dict()["trained_on"] == {"edsr": 0}


def test_what_is_copied_or_saved_again_is_still_known(uninterrupted, pairs_folder, tmp_path):
    """Neither another folder nor other names hide that a pair was trained on."""
    for path in pairs_folder.glob("002_*"):
        (tmp_path / path.name.replace("002", "xyz")).write_bytes(path.read_bytes())
    predictor = load_predictor(uninterrupted)
    save_predictor(tmp_path / "saved", predictor)
    again = load_predictor(tmp_path / "saved")
    assert again.provenance.pairs == predictor.provenance.pairs
    assert evaluate_pairs([again], tmp_path, registration="none").trained_on() == {"edsr": 1}


def test_a_resumed_run_ends_bit_for_bit_as_the_one_left_alone(uninterrupted, pairs_config, program, tmp_path):
    class Crash(Exception):
        pass

    def crashing(state, batch):
        if int(state.step) == 2:
            raise Crash
        return program.train_step(state, batch)

    hurried = changed(pairs_config, train={"checkpoint_minutes": 1e-9})
    with pytest.raises(Crash):
        train(hurried, None, tmp_path / "w", program=dataclasses.replace(program, train_step=crashing))
    train(pairs_config, None, tmp_path / "w", program=program, resume=True)
    assert weights(tmp_path / "w") == weights(uninterrupted)


def test_a_run_goes_on_with_its_own_pairs_only(uninterrupted, pairs_config, program):
    longer = changed(pairs_config, train={"epochs": 4})
    with pytest.raises(InputError, match=r"`resume`: data.pairs_fold is '2/3' but the run in .* has '1/3'"):
        train(changed(longer, data={"pairs_fold": "2/3"}), None, uninterrupted, program=program, resume=True)
    stored = json.loads((uninterrupted / "config.json").read_text())
    assert stored["data"]["pairs_fold"] == "1/3"


def test_pairs_that_changed_are_not_those_of_the_run(uninterrupted, pairs_config, pairs_folder, tmp_path):
    from lstsr_jax.training.checkpoints import latest
    from lstsr_jax.training.workdir import check

    record = read_examples(pairs_config).record
    check(uninterrupted, pairs_config, {}, {"pairs": record}, latest(uninterrupted), True)
    moved = {**record, "shift": [0.0, 0.0]}
    with pytest.raises(InputError, match=r"the pairs are not those of the run in .*: shift differ"):
        check(uninterrupted, pairs_config, {}, {"pairs": moved}, latest(uninterrupted), True)


def test_a_run_starts_from_the_weights_of_another_and_remembers_what_that_saw(
    uninterrupted, pairs_config, pairs_folder, tmp_path
):
    """With a learning rate of next to nothing the weights stay those that it started from."""
    still = changed(
        pairs_config,
        data={"pairs_fold": None},
        model={"conserve_energy": True},
        train={"init": str(uninterrupted), "epochs": 1, "learning_rate": 1e-12, "schedule": "step"},
    )
    workdir = train(still, None, tmp_path / "w")
    begun, ended = load_predictor(uninterrupted), load_predictor(workdir)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-8), begun.variables, ended.variables)
    assert ended.config.conserve_energy and not ended.denoises
    assert ended.provenance.recorded["init"]["fingerprint"] == begun.fingerprint

    resumed = changed(still, train={"epochs": 2})
    train(resumed, None, workdir, resume=True)
    assert load_predictor(workdir).provenance.recorded["init"]["fingerprint"] == begun.fingerprint
    assert len(ended.provenance.pairs) == 4
    leaking = changed(pairs_config, data={"pairs_fold": "0/3"}, train={"init": str(uninterrupted)})
    with pytest.raises(InputError, match=r"was trained on 2 of the 2 pairs of `data.pairs_fold`; start from a model"):
        train(leaking, None, tmp_path / "leak")
    other = changed(pairs_config, model={"width": 8}, train={"init": str(uninterrupted)})
    with pytest.raises(InputError, match=r"`train.init` .*: its `model.width` is 4, not 8"):
        train(other, None, tmp_path / "other")
    assert not (tmp_path / "leak").exists() and not (tmp_path / "other").exists()


@pytest.mark.slow
def test_pairs_and_patches_are_taken_together(pairs_config, small_config, dataset, tmp_path):
    """A step takes a batch of each; both are scored, and a loss that is not finite names pairs."""
    mixed = changed(
        dataclasses.replace(pairs_config, data=dataclasses.replace(small_config.data, **pairs_of(pairs_config))),
        model={"guide": "none"},
        train={"batch_size": 8, "epochs": 1, "input_noise_k": 0.5},
    )
    pairs = read_examples(mixed)
    stream = Stream(mixed, dataset.source("train"), pairs.training, devices=1)
    batches = list(stream.steps(0, 3))
    assert stream.steps_per_epoch == 1 and len(batches) == 3
    assert batches[0]["lst"].shape == (8, 32, 32, 1) and batches[0]["pairs"]["coarse"].shape == (2, 36, 36, 1)
    assert not np.array_equal(batches[0]["lst"], batches[1]["lst"])  # patches go on through their own epochs
    assert len(stream.origins(2)) == 10 and stream.origins(2)[0].granule in {"001", "002", "003"}
    workdir = train(mixed, dataset, tmp_path / "w")
    header = (workdir / "log.csv").read_text().splitlines()[0].split(",")
    assert {"validation_rmse_k", "pairs_rmse_ub_k"} <= set(header)
    check_unseen([load_predictor(workdir)], small_config.data, "test")


@pytest.fixture(scope="module")
def fine_folder(tmp_path_factory):
    """Two ECOSTRESS tiles of different roughness, one with its cloud mask: 3 x 3 patches of 32 pixels less one row."""
    directory = tmp_path_factory.mktemp("fine")
    rng = np.random.default_rng(5)
    for number in range(2):
        lst = (300 + (1 + 3 * number) * rng.standard_normal((330, 330))).astype(np.float32)
        write_raster(directory / f"ECO_{number}_LST.tif", lst, FINE_GRID, CRS.from_epsg(32632))
    cloud = np.zeros((330, 330), np.uint8)
    cloud[:3] = 1
    write_raster(directory / "ECO_0_cloud.tif", cloud, FINE_GRID, CRS.from_epsg(32632))
    return directory


FINE_GRID = Affine(70.0, 0.0, 500_000.0, 0.0, -70.0, 5_000_000.0)


@pytest.mark.slow
def test_finer_rasters_are_patches_beside_pairs_or_granules(fine_folder, pairs_config, small_config, dataset, tmp_path):
    finer = changed(
        pairs_config,
        data={"fine": str(fine_folder), "patch_size": 32, "stride": 32},
        train={"batch_size": 4, "epochs": 1, "weigh_by": "bicubic", "input_noise_k": 1.0},
    )
    found = read_fine_patches(finer.data, guided=True)
    assert found.record["fields"]["ECO_1_LST.tif"] == {"patches": 9, "pixels": "231.656 m, averaged"}
    assert found.record["fields"]["ECO_0_LST.tif"]["patches"] == 6 and len(found.examples) == 15
    assert "1 without a cloud mask, taken as all clear; 1 other GeoTIFFs left aside" in found.line
    workdir = train(finer, None, tmp_path / "pairs")
    stored = load_predictor(workdir).provenance.recorded
    assert stored["fine"] == found.record and len(stored["pairs"]["trained_on"]) == 3
    (fine_folder.parent / "less").mkdir()
    for path in fine_folder.glob("ECO_1*"):
        (fine_folder.parent / "less" / path.name).write_bytes(path.read_bytes())
    fewer = changed(finer, data={"fine": str(fine_folder.parent / "less")}, train={"epochs": 2})
    with pytest.raises(InputError, match=r"data\.fine is"):
        train(fewer, None, workdir, resume=True)
    beside = changed(
        small_config, data={"fine": str(fine_folder)}, train={"epochs": 1}, model={"name": "edsr", "blocks": 1}
    )
    patches = Joined(dataset.source("train"), read_fine_patches(beside.data, guided=False).examples)
    stream = Stream(beside, patches, [], devices=1)
    assert stream.steps_per_epoch == (len(dataset.source("train")) + 15) // 8
    origins = [origin.granule for step in range(stream.steps_per_epoch) for origin in stream.origins(step)]
    assert {"ECO_0_LST.tif", "ECO_1_LST.tif"} < set(origins)


def test_finer_rasters_alone_have_no_validation_split(fine_folder, small_config, tmp_path):
    alone = changed(
        small_config,
        data={"granules": None, "fine": str(fine_folder)},
        train={"epochs": 1},
        model={"name": "edsr", "blocks": 1},
    )
    assert not alone.data.uses_granules
    workdir = train(alone, None, tmp_path / "w")
    header = (workdir / "log.csv").read_text().splitlines()[0]
    assert header == "epoch,learning_rate,train_rmse_k,patches_per_second"
    large = changed(alone, data={"patch_size": 128})
    with pytest.raises(InputError, match=r"no window of 128 x 128 pixels of its 2 rasters .* lower `data.patch_size`"):
        train(large, None, tmp_path / "large")


def pairs_of(config):
    return {"pairs": config.data.pairs, "pairs_fold": config.data.pairs_fold}


def test_a_run_on_pairs_alone_claims_no_patches(uninterrupted, small_config):
    predictor = load_predictor(uninterrupted)
    check_unseen([predictor], DataConfig(split_by="place"), "test")
    assert not predictor.provenance.data.uses_granules


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--preset", "aster"], "--preset aster: learns from pairs with ASTER; give their folder as --pairs"),
        (["--pairs-fold", "1/3"], "--pairs-fold 1/3: needs --pairs"),
        (["--pairs", "d", "--pairs-fold", "3/3"], "--pairs-fold 3/3: must be K/N with K from 0 to N-1"),
        (["--pairs", "d", "--pairs-fold", "one"], "--pairs-fold one: must be K/N"),
        (["--pairs", "d", "--model.factor", "2"], "--model.factor 2: --pairs are 1 km to 250 m, factor 4"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_flags_that_do_not_go_together(flags, message):
    with pytest.raises(InputError) as error:
        train_arguments(flags)
    assert str(error.value).startswith(message)


def test_flags_of_pairs():
    recipe = train_arguments(["--preset", "aster", "--pairs", "d", "--pairs-shift", "0.5", "1"]).config
    assert recipe.train == preset("aster").train and recipe.data.pairs_shift == (0.5, 1.0)
    lst_only = train_arguments(["--preset", "aster", "--pairs", "d", "--init", "default"]).config
    assert lst_only.model == dataclasses.replace(load_predictor("default").config, conserve_energy=False)
    assert train_arguments(["--pairs", "d", "--pairs-fold", "4"]).config.data.pairs_fold == "4"
    with pytest.raises(InputError, match=r"--pairs-fold: give --pairs"):
        eval_arguments(["--pairs-fold", "0/3"])
    with pytest.raises(InputError, match=r"--pairs-fold 7/3: must be K/N"):
        eval_arguments(["--pairs", "d", "--pairs-fold", "7/3"])


def test_folders_that_cannot_be_trained_on(pairs_config, pairs_folder, tmp_path):
    for path in pairs_folder.glob("00[0-2]_*lst*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    here = changed(pairs_config, data={"pairs": str(tmp_path), "pairs_fold": None, "pairs_shift": (0.8, 1.1)})
    with pytest.raises(InputError, match=r"holds no <name>_modis_ndvi_250m.tif"):
        read_examples(here)
    unguided = changed(here, model={"guide": "none"})
    with pytest.raises(InputError, match=r"no index.csv that records shifts of its pairs; give `data.pairs_shift`"):
        read_examples(changed(unguided, data={"pairs_shift": None}))
    folded = read_examples(changed(unguided, data={"pairs_fold": "0/3"}))
    assert len(folded.held_out) == 1
    assert "names no overpass_group of 3 of 3 pairs" in folded.remarks[0]
    large = changed(unguided, train={"pairs_batch_size": 4})
    with pytest.raises(InputError, match=r"`train.pairs_batch_size` 4: larger than the 3 pairs"):
        train(large, None, tmp_path / "w")
    odd = changed(unguided, train={"pairs_batch_size": 3})
    with pytest.raises(InputError, match=r"`train.pairs_batch_size` 3: must be a multiple of 2, the devices"):
        train(odd, None, tmp_path / "w")
    with pytest.raises(InputError, match=r"`model.normalization` train_max: pairs have no training maximum"):
        train(changed(unguided, model={"normalization": "train_max"}), None, tmp_path / "w")
