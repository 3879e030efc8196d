import argparse

from lstsr_jax.data.patches import split_of
from studies.memory_of_places import FIRST, TILE, choose, configuration, dates_of


def test_dates_are_of_their_split_and_spread_over_the_four_years():
    for split, count in (("train", 320), ("validation", 12), ("test", 12)):
        dates = dates_of(split, count)
        assert len(set(dates)) == count and dates == sorted(dates)
        assert {split_of("day", granule="", date=d, tile=TILE, row=0, col=0, size=64) for d in dates} == {split}
        assert (dates[0] - FIRST).days < 8 and (dates[-1] - dates[0]).days > 1440


def test_a_run_has_the_scenes_of_its_dates_only(tmp_path):
    pool = tmp_path / "pool"
    pool.mkdir()
    for date in dates_of("train", 8):
        (pool / f"MOD11A1.A{date:%Y%j}.h18v04.061.hdf").write_text(str(date))
    chosen = dates_of("train", 8)[::3]
    for dates in (chosen, chosen[:2]):  # a second run with other dates leaves nothing of the first
        folder = choose(pool, tmp_path / "run", dates)
        assert sorted(path.read_text() for path in folder.iterdir()) == sorted(map(str, dates))


def test_runs_of_few_and_many_dates_take_the_same_number_of_steps(tmp_path):
    args = argparse.Namespace(steps=600, batch_size=16, width=8, workdir=tmp_path)
    steps = []
    for patches in (48, 240, 1200, 4800):
        config = configuration(tmp_path, patches, args)
        assert config.train.augment == "none" and config.train.loss == "mse" and config.model.name == "mrunet"
        steps.append(config.train.epochs * (patches // 16))
    assert max(steps) == min(steps) == 600
