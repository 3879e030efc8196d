"""What a user gets who installs the wheel alone."""

import datetime
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from lstsr_jax.geo import simulate_granule, write_granule

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheel, and this environment's dependencies but not its editable install."""
    place = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "runs", "predictions")
    shutil.copytree(ROOT, place / "source", ignore=left_out)  # setuptools builds inside the tree
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(place), str(place / "source")], check=True, timeout=300)
    (wheel,) = place.glob("*.whl")
    venv.create(place / "env", with_pip=False)
    (packages,) = (place / "env").rglob("site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(packages), str(wheel)], check=True, timeout=300)
    return place / "env" / "bin" / "python", packages


def _run(installed, command, *arguments, cwd):
    python, packages = installed
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script = ["-c", arguments[0]] if command is None else [str(packages / "bin" / command), *arguments]
    return subprocess.run(
        [str(python), *script], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=True
    ).stdout


def test_it_is_the_wheel_that_is_imported(installed, tmp_path):
    said = _run(installed, None, "import lstsr_jax; print(lstsr_jax.__file__)", cwd=tmp_path)
    assert Path(said.strip()).is_relative_to(installed[1])
    assert (installed[1] / "lstsr_jax" / "py.typed").exists()


@pytest.mark.parametrize(
    "command", ["lstsr-train", "lstsr-eval", "lstsr-predict", "lstsr-build", "lstsr-export", "lstsr-download"]
)
def test_its_commands_help(installed, tmp_path, command):
    assert f"usage: {command}" in _run(installed, command, "--help", cwd=tmp_path)


def test_it_maps_a_granule_with_a_shipped_model(installed, tmp_path):
    granule = simulate_granule(0, date=datetime.date(2020, 7, 1), size=64, cloud_fraction=0.0)
    (path,) = write_granule(granule, tmp_path, format="hdf4")
    said = _run(installed, "lstsr-predict", str(path), "--checkpoint", "default", "--output-dir", "maps", cwd=tmp_path)
    assert "2 written" in said
    assert len(list((tmp_path / "maps").glob("*_LST_*.tif"))) == 2
