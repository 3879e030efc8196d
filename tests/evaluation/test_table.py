import csv
import dataclasses
import functools
import json

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from data_builders import prepare
from lstsr_jax import as_super_resolver
from lstsr_jax.config import DataConfig
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import PROTOCOLS, check_unseen, evaluate, protocol, write_report
from lstsr_jax.evaluation.methods import classical_method, network_method, with_self_ensembles
from lstsr_jax.evaluation.rows import name_rows
from lstsr_jax.evaluation.scores import scorable_images
from lstsr_jax.files import require_writable
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import Provenance, load_predictor
from lstsr_jax.sharpening import tsharp


@pytest.fixture(scope="module")
def report(trained, dataset, tmp_path_factory):
    directory = tmp_path_factory.mktemp("report")
    in_memory = dataclasses.replace(load_predictor(trained), provenance=None)
    evaluation = evaluate(["bilinear", "bicubic", in_memory, in_memory], dataset)
    write_report(evaluation, directory)
    return directory, evaluation.table()


def pooled(lst, factor):
    side = lst.shape[0] // factor
    return (lst.reshape(side, factor, side, factor) ** 4).mean((1, 3)) ** 0.25


def oracle(truth, interpolation, crop, coarsen=1):
    """The scores of an interpolation computed with numpy, OpenCV and scikit-image alone."""
    lst = pooled(truth[..., 0].astype(np.float64), coarsen)
    side = lst.shape[0]
    fine = cv2.resize(pooled(lst, 4), (side, side), interpolation=interpolation)
    a, b = (x[crop : side - crop, crop : side - crop] for x in (lst, fine))
    dynamic_range = a.max() - a.min()
    return {
        "psnr": peak_signal_noise_ratio(a, b, data_range=dynamic_range),
        "ssim": structural_similarity(a, b, data_range=dynamic_range),
        "rmse": np.sqrt(((a - b) ** 2).mean()),
    }


@pytest.mark.parametrize(("method", "flag"), [("bicubic", cv2.INTER_CUBIC), ("bilinear", cv2.INTER_LINEAR)])
def test_strict_means_equal_independent_code(report, dataset, method, flag):
    rows = [oracle(example["lst"], flag, crop=4) for example in dataset.source("test")]
    found = json.loads((report[0] / "metrics.json").read_text())["methods"][method]
    for metric in ("psnr", "ssim", "rmse"):
        assert found[metric] == pytest.approx(np.mean([row[metric] for row in rows]), rel=2e-5), metric


def test_a_coarser_scale_is_scored_on_pooled_patches(dataset):
    found = evaluate(["bicubic"], dataset, coarsen_by=2).to_dict()
    rows = [oracle(example["lst"], cv2.INTER_CUBIC, crop=4, coarsen=2) for example in dataset.source("test")]
    assert found["coarsened_by"] == 2
    for metric in ("psnr", "ssim", "rmse"):
        assert found["methods"]["bicubic"][metric] == pytest.approx(np.mean([row[metric] for row in rows]), rel=2e-5)
    with pytest.raises(InputError, match=r"`coarsen` 4: patches of 32 must"):
        evaluate(["bicubic"], dataset, coarsen_by=4)


def test_bicubic_conserved_is_bicubic_that_pools_back():
    method = classical_method("bicubic-conserved", PROTOCOLS["strict"], 4)
    coarse = np.random.default_rng(0).normal(290, 3, (2, 8, 8, 1)).astype(np.float32)
    fine = np.asarray(method.apply(coarse, None), np.float64)
    back = (fine[..., 0].reshape(2, 8, 4, 8, 4) ** 4).mean((2, 4)) ** 0.25
    np.testing.assert_allclose(back, coarse[..., 0], atol=1e-3)
    assert 0.1 < np.abs(fine - upsample(coarse, 4)).max() < 3


@pytest.mark.parametrize("conserve", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_self_ensembles_row_is_the_network_that_answers_with_it(trained, conserve):
    loaded = load_predictor(trained)
    predictor = dataclasses.replace(loaded, config=dataclasses.replace(loaded.config, conserve_energy=conserve))
    rows = with_self_ensembles({"net": predictor, "own": dataclasses.replace(predictor, ensembles=True)})
    assert list(rows) == ["net", "net-x8", "own"]
    plain, row, own = (network_method(name, network, PROTOCOLS["strict"]) for name, network in rows.items())
    coarse = np.random.default_rng(0).normal(290, 3, (2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(row.apply(coarse, None), own.apply(coarse, None))
    if conserve:
        assert np.abs(l4_pool(row.apply(coarse, None)) - coarse).max() < 1e-4
    turned = np.rot90(coarse, 1, (1, 2))
    before, after = (row.apply(x, None) for x in (coarse, turned))
    np.testing.assert_allclose(np.rot90(before, 1, (1, 2)), after, atol=1e-3)
    assert np.abs(np.rot90(plain.apply(coarse, None), 1, (1, 2)) - plain.apply(turned, None)).max() > 1e-3


def test_several_checkpoints_are_named_after_where_they_come_from(trained, tmp_path):
    predictor = load_predictor(trained)
    assert list(name_rows([predictor])) == ["mrunet"]
    step = tmp_path / "run" / "checkpoints" / "40"
    step.mkdir(parents=True)
    paths = ["default", str(trained), str(trained), str(step), str(step.parent), "x/bicubic"]
    expected = ["default", "trained", "trained-2", "run-40", "run", "bicubic-2"]
    several = [dataclasses.replace(predictor, provenance=Provenance(path)) for path in paths]
    assert list(name_rows(several)) == expected


def test_the_report_says_of_each_row_path_and_fingerprint(trained, dataset):
    one = dataclasses.replace(load_predictor(trained), provenance=Provenance("runs/a"))
    other = dataclasses.replace(one.normalization, scale_k=4.0)
    two = dataclasses.replace(one, normalization=other, provenance=Provenance("runs/b"))
    found = evaluate(["bicubic", one, two], dataset, self_ensemble=True).to_dict()
    assert list(found["methods"]) == ["bicubic", "a", "a-x8", "b", "b-x8"]
    assert {name: row["path"] for name, row in found["checkpoint"].items()} == {
        "a": "runs/a",
        "a-x8": "runs/a",
        "b": "runs/b",
        "b-x8": "runs/b",
    }
    assert len({row["fingerprint"] for row in found["checkpoint"].values()}) == 4
    assert found["checkpoint"]["a"]["fingerprint"] == one.fingerprint


def test_paper_protocol_scores_interpolation_on_the_whole_image(trained, dataset):
    found = evaluate(["bilinear", load_predictor(trained)], dataset, protocol="paper").to_dict()
    rows = [oracle(example["lst"], cv2.INTER_LINEAR, crop=0) for example in dataset.source("test")]
    assert found["protocol"] == "paper"
    assert found["methods"]["bilinear"]["rmse"] == pytest.approx(np.mean([row["rmse"] for row in rows]), rel=2e-5)


def test_report_files(report, dataset):
    directory, table = report
    metrics = json.loads((directory / "metrics.json").read_text())
    count = len(dataset.source("test"))
    assert (metrics["protocol"], metrics["split"], metrics["n_images"]) == ("strict", "test", count)
    assert list(metrics["methods"]) == ["bilinear", "bicubic", "mrunet", "mrunet-2"]
    assert metrics["methods"]["mrunet"] == metrics["methods"]["mrunet-2"]
    with (directory / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    mean = np.mean([float(row["mrunet_rmse"]) for row in rows])
    assert mean == pytest.approx(metrics["methods"]["mrunet"]["rmse"], rel=1e-5)
    assert {row["overpass"] for row in rows} == {"day", "night"}
    assert "| bicubic |" in table and "strict" in table
    assert (directory / "table.md").read_text().rstrip() == table.rstrip()
    figures = {path.stem.removeprefix("figure_") for path in directory.glob("figure_*.png")}
    assert figures == {"day", "night", "range_mrunet", "range_mrunet-2"}
    line = next(line for line in table.splitlines() if line.startswith("bicubic beats mrunet in"))
    worse = np.mean([float(row["mrunet_rmse"]) > float(row["bicubic_rmse"]) for row in rows])
    assert f"{100 * worse:.1f} % of {count} images" in line
    assert not list(directory.glob("*.partial"))


def test_unknown_names(dataset):
    with pytest.raises(InputError, match="`methods` kriging: unknown"):
        evaluate(["kriging"], dataset)
    with pytest.raises(InputError, match="`protocol` fair: unknown"):
        protocol("fair")
    with pytest.raises(InputError, match="split 'holiday'"):
        evaluate(["bicubic"], dataset, split="holiday")
    with pytest.raises(InputError, match="at least one method"):
        evaluate([], dataset)


def test_images_without_a_scorable_window_are_left_out_of_every_mean(granules, tmp_path):
    cut = {"patch_size": 32, "stride": 32, "min_valid_fraction": 0.05}
    config = DataConfig(str(granules), data_dir=str(tmp_path / "tfds"), **cut)
    built = prepare(config)
    metrics = evaluate(["bilinear", "bicubic"], built, split="all").to_dict()
    row = metrics["methods"]["bicubic"]
    assert 0 < row["n_images"] < metrics["n_images"]
    assert np.isfinite([row["psnr"], row["ssim"], row["rmse"]]).all()


def test_a_split_that_a_checkpoint_was_not_trained_without_is_refused(trained, small_config):
    same = small_config.data
    check_unseen([load_predictor(trained)], same, "test")
    other = dataclasses.replace(same, split_by="place")
    check_unseen([load_predictor(trained)], other, "all")
    check_unseen([load_predictor(trained)], dataclasses.replace(other, granules="elsewhere"), "test")
    with pytest.raises(InputError, match="trained on these granules with split-by date"):
        check_unseen([load_predictor(trained)], other, "test")


def test_a_report_directory_that_is_a_file(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"report directory .*file: cannot be written to"):
        write_report(evaluate(["bicubic"], dataset), tmp_path / "file")
    with pytest.raises(InputError, match=r"--report-dir .*file/r: cannot be written to"):
        require_writable("--report-dir", tmp_path / "file" / "r")
    require_writable("--report-dir", tmp_path / "new" / "r")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_any_function_is_a_row_at_any_factor(dataset):
    twice = functools.partial(upsample, factor=2)
    found = evaluate(["bicubic", twice, lambda coarse: upsample(coarse, 2, "nearest")], dataset, factor=2)
    means = found.means()
    assert list(means) == ["bicubic", "upsample", "function"]
    assert means["upsample"] == means["bicubic"] != means["function"]
    assert found.compared == ["upsample", "function"] and found.to_dict()["checkpoint"] == {}
    named = evaluate({"mine": twice, "bicubic": "bicubic"}, dataset, factor=2).means()
    assert named == {"mine": means["upsample"], "bicubic": means["bicubic"]}


def test_a_function_takes_ndvi_as_a_super_resolver(granules, small_config, tmp_path):
    data = dataclasses.replace(small_config.data, ndvi=str(granules), data_dir=str(tmp_path))
    by_name, by_function = evaluate(
        {"tsharp": "tsharp", "mine": as_super_resolver(lambda coarse, ndvi: tsharp(coarse, ndvi, 4), needs_ndvi=True)},
        prepare(data),
    ).means().values()  # fmt: skip
    assert by_name == by_function


def test_functions_that_cannot_be_scored_are_refused_by_name(dataset):
    with pytest.raises(InputError, match=r"upsample: answers .* give its factor"):
        evaluate([functools.partial(upsample, factor=2)], dataset)
    with pytest.raises(InputError, match="broken: not finite on a patch of MOD11A1"):
        evaluate({"broken": lambda coarse: upsample(coarse, 4) * np.nan}, dataset)
    with pytest.raises(InputError, match="row bicubic: is the name of a classical method"):
        evaluate({"bicubic": lambda coarse: upsample(coarse, 4)}, dataset)


def test_fields_are_those_that_were_scored(dataset):
    evaluation = evaluate(["bicubic"], dataset)
    found = evaluation.fields(2)
    inside = np.s_[4:-4, 4:-4]
    error = (found.estimates["bicubic"] - found.truth)[inside]
    assert np.sqrt((error**2).mean()) == pytest.approx(evaluation.scores.values["bicubic"]["rmse"][2], rel=1e-4)
    np.testing.assert_array_equal(found.truth, dataset.source("test")[2]["lst"][..., 0])


@pytest.mark.parametrize("side", [6, 7, 20])
def test_an_image_is_scorable_where_an_ssim_window_is_whole(side):
    mask = np.random.default_rng(side).random((40, side, 20, 1)) < 0.97
    expected = [any(one[r : r + 7, c : c + 7].all() for r in range(side - 6) for c in range(14)) for one in mask]
    np.testing.assert_array_equal(scorable_images(mask), expected)
