import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.config import ModelConfig
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.pairs.spread import PairSpread
from lstsr_jax.geo import read_pairs, simulate_pair, write_pair
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, Predictor, save_predictor
from lstsr_jax.predictor.checkpoint import write_checkpoint
from studies import pair_spread
from studies.pair_spread import gather, spreads_by_fold


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    for seed in range(3):
        write_pair(simulate_pair(seed), directory, f"{seed:03d}")
    rows = ["id,overpass_group,reg_ndvi_dy_px250,reg_ndvi_dx_px250", *(f"00{i},{i},0.837,1.071" for i in range(3))]
    (directory / "index.csv").write_text("\n".join(rows) + "\n")
    return directory


@pytest.fixture
def pairs(written, monkeypatch):
    """Pairs of one fold each: simulated ones lie at one place, and real folds keep a place together."""
    monkeypatch.setattr(pair_spread, "held_out", lambda pairs, overpasses, fold, folds: [f"{fold:03d}"])
    return written


@pytest.fixture(scope="module")
def network():
    config = ModelConfig(name="edsr", width=4, blocks=1)
    module = create_model(config)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 64, 64, 1)))
    return Predictor(variables, module, config, Normalization("anomaly", 3.0))


def test_a_network_is_not_checked_on_pairs_that_it_was_trained_on(pairs, network, tmp_path):
    seen = {pair.fingerprint: pair.name for pair in read_pairs(pairs)[0][:1]}
    write_checkpoint(tmp_path / "c", network.variables, {**network.metadata, "pairs": {"trained_on": seen}})
    with pytest.raises(InputError, match="was trained on pairs of fold"):
        spreads_by_fold(str(pairs), [str(tmp_path / "c")], None)
    with pytest.raises(InputError, match="2 checkpoints: give one trained on no pair, or one for each of 3 folds"):
        spreads_by_fold(str(pairs), ["a", "b"], None)


def test_every_pair_is_gathered_once():
    parts = [[PairSpread(np.full(2, i), np.full(2, 10 + i), 0.0)] for i in range(3)]
    errors, spreads = gather(parts)
    np.testing.assert_array_equal(errors, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(spreads, 10 + errors)


def test_each_fold_is_run_on_its_pairs(pairs, network, tmp_path):
    save_predictor(tmp_path / "c", network)
    folds = spreads_by_fold(str(pairs), [str(tmp_path / "c")], None)
    assert [len(fold) for fold in folds] == [1, 1, 1]
    assert len({fold[0].offset_k for fold in folds}) == 3
