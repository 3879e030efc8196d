"""The README's Python runs as it stands, on small simulated files of the names it uses."""

import datetime
import re
from pathlib import Path

import matplotlib

from lstsr_jax.geo import simulate_granule, write_granule

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.DOTALL)


def test_there_are_python_blocks():
    assert len(BLOCKS) >= 3


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    matplotlib.use("agg")
    dates = datetime.date(2020, 4, 1), datetime.date(2020, 5, 20), datetime.date(2020, 7, 1)
    for seed, date in enumerate(dates):
        (path,) = write_granule(
            simulate_granule(seed, date=date, size=128, cloud_fraction=0.05), tmp_path / "LST_DIR", format="hdf4"
        )
    for name in set(re.findall(r'"(MOD11A1\S+\.hdf)"', "".join(BLOCKS))):
        (tmp_path / name).write_bytes(path.read_bytes())
    namespace: dict = {}
    for block in BLOCKS:  # one after the other: the last builds on the one before
        exec(compile(block, "README.md", "exec"), namespace)
    assert (tmp_path / "lst_250m.tif").stat().st_size > 0
    assert namespace["evaluation"].scores.values["mine"]["rmse"].size > 0
