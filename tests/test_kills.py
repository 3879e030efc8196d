"""A quick part of the campaigns of ``python -m benchmarks.kill_resume``."""

import concurrent.futures
import multiprocessing
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.kills import moments
from benchmarks.kills.campaign import Campaign, Subject
from lstsr_jax.files import write_text

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="chosen moments need Linux and cc"
)
TEXTS = {f"{number}.txt": f"{number}" * 1000 for number in range(8)}
WRITE = """
import sys
from pathlib import Path
from benchmarks.kills.moments import Moment, arm
folder = Path(sys.argv[1])
(folder / "inside").mkdir()
arm(folder / "inside", Moment(sys.argv[2], 2, sys.argv[3]))
for path in (folder / "a", folder / "inside" / "b", folder / "inside" / "c"):
    path.write_bytes(bytes(1000))
"""


def write(ready, folder, whole):
    """Write the texts that are not there, each whole or, as one should not, bit by bit under its own name."""
    ready()
    for name, text in TEXTS.items():
        if (folder / name).exists():
            continue
        if whole:
            write_text(folder / name, text)
        else:
            with (folder / name).open("w") as file:
                for start in range(0, len(text), 100):
                    file.write(text[start : start + 100])
                    file.flush()


class Texts(Subject):
    name, compared, modules, per_run = "texts", "texts", (__name__,), 3
    work = staticmethod(write)

    def __init__(self, whole):
        self._whole = whole

    def set_up(self, root):
        pass

    def arguments(self, place, variant, turn):
        return place, self._whole

    def examine(self, place, variant):
        return []

    def outcome(self, place, variant):
        return {path.name: path.read_text() for path in place.glob("[!.]*")}


@pytest.mark.parametrize(
    ("kind", "place", "sizes"),
    [
        ("write", "in the middle of", [1000, 500]),
        ("create", "before", [1000]),
        ("close", "after", [1000, 1000]),
    ],
)
def test_a_process_ends_at_the_chosen_call(kind, place, sizes, tmp_path):
    library = moments.compiled(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", WRITE, tmp_path, kind, place], env={"LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.stat().st_size for path in sorted((tmp_path / "inside").iterdir())] == sizes


def test_without_a_compiler_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"need a C compiler .*; --moments random does without"):
        moments.compiled(tmp_path)


def campaign_of(whole):
    """What 16 kills find: counts and lines."""
    lines = []
    campaign = Campaign(Texts(whole), chosen=True, seed=1, report=lines.append)
    survived = campaign.survives(16)
    return survived, campaign.kills, dict(campaign.at), campaign.runs, campaign.wrong, lines


@pytest.mark.parametrize("whole", [True, False])
def test_half_written_files_are_found(whole):
    # In a process of its own: one process has one fork server, which another test may have started already.
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        survived, kills, at, runs, wrong, lines = apart.submit(campaign_of, whole).result()
    assert survived is whole, lines
    assert kills == 16 and sum(at.values()) >= 4 and len(at) >= 3  # about half of them, as random ones come too late
    assert lines[-1].startswith(f"texts: 16 kills of {runs} runs")
    assert lines[-1].endswith(f"{wrong} lost or wrong") and (wrong == 0) is whole


@pytest.mark.slow
@pytest.mark.parametrize("what", ["download", "predict", "build", "train"])
def test_nothing_is_lost(what):
    command = [sys.executable, "-m", "benchmarks.kill_resume", "--what", what, "--kills", "6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{what}: 6 kills of ") and last.endswith(" 0 lost or wrong")
