"""Several processes that prepare the same dataset: one builds it, the others wait, and all have it."""

import signal
import subprocess
import sys
import textwrap

PREPARE = """
import sys
from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.data import simulated
simulated.PERIODS, simulated.SIZE = 2, 32
granules = sys.argv[1] if len(sys.argv) > 2 else None
print(prepare(DataConfig(granules, patch_size=32, stride=32, min_valid_fraction=0.1, data_dir=sys.argv[-1])).directory)
"""
HOLD = """
import sys, time
from lstsr_jax.files import locked
with locked(sys.argv[1], "holding"):
    print("held", flush=True)
    time.sleep(600)
"""


def start(code, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(processes):
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return outputs


def test_three_processes_prepare_simulated_granules(tmp_path):
    """They start together on an empty folder: the granules are written once and the dataset is built once."""
    outputs = finish([start(PREPARE, tmp_path / "tfds") for _ in range(3)])
    assert len({out for out, _ in outputs}) == 1
    assert len(list((tmp_path / "tfds").rglob("dataset_info.json"))) == 1
    assert not list((tmp_path / "tfds").rglob("incomplete.*")) and not list(tmp_path.rglob("*.partial"))


def test_a_killed_holder_blocks_nobody(tmp_path):
    """It dies with the lock and half a folder of granules; the next one waits until then, and builds."""
    lock = tmp_path / ".simulated_granules.lock"
    holder = start(HOLD, lock)
    assert holder.stdout.readline() == "held\n"
    left_over = tmp_path / ".simulated_granules.0123456789abcdef.partial"
    left_over.mkdir()
    waiting = start(PREPARE, tmp_path)
    assert "waiting for another process that is simulating granules" in waiting.stderr.readline()
    assert waiting.poll() is None
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    ((out, _),) = finish([waiting])
    assert len(list(tmp_path.rglob("dataset_info.json"))) == 1
    assert not left_over.exists()
    assert out.strip()


def test_what_a_killed_builder_left_is_removed(granules, tmp_path, small_config):
    from data_builders import prepare
    from lstsr_jax.config import DataConfig

    options = DataConfig(str(granules), patch_size=32, stride=32, data_dir=str(tmp_path))
    first = prepare(options)
    left_over = first.directory.parent / "incomplete.ABCDEF_1.0.0"
    first.directory.rename(left_over)  # killed before it was renamed
    again = prepare(options)
    assert again.directory == first.directory and not left_over.exists()
