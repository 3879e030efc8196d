"""Reading of damaged copies in a process of their own, as the commands read them: what became of each."""

import contextlib
import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WITHIN_S = 180
"""For one copy; the HDF reader gives up a file after 60 s without an answer."""


def kind_of(path: Path) -> str:
    """What a file or directory is."""
    if path.is_dir():
        if (path / "variables").is_dir():
            return "checkpoint"
        return "exported" if any(path.glob("*.stablehlo")) else "dataset"
    return "NDVI" if "16_days_NDVI" in path.name or path.name[:5] in ("MOD13", "MYD13") else "LST"


def digest_of(kind: str, path: Path, verify: bool) -> str:
    """Read everything that a command would read of it; a digest of all numbers and their place.

    Args:
        kind: from :func:`kind_of` of the undamaged one.
        path: the copy.
        verify: compare it with the manifest beside it first, as ``predict.py --verify`` does.
    """
    digest = hashlib.sha256()
    if verify:
        from lstsr_jax.geo.manifest import check_with_manifest

        check_with_manifest(path, verify=True)
    if kind == "LST":
        from lstsr_jax.geo import read_scenes

        for scene in read_scenes(path):
            for field in (scene.lst, scene.quality, scene.view_time, scene.view_angle):
                digest.update(b"none" if field is None else field.tobytes())
            digest.update(repr((scene.transform, scene.crs, scene.date, scene.tile, scene.overpass)).encode())
    elif kind == "NDVI":
        from lstsr_jax.geo import read_ndvi

        ndvi = read_ndvi(path)
        digest.update(ndvi.ndvi.tobytes() + repr((ndvi.transform, ndvi.crs, ndvi.date, ndvi.tile)).encode())
    elif kind == "checkpoint":
        import jax
        import numpy as np

        from lstsr_jax import load_predictor

        predictor = load_predictor(path)
        for leaf in jax.tree.leaves(predictor.variables):
            digest.update(np.asarray(leaf).tobytes())
        digest.update(repr((predictor.config, predictor.normalization, predictor.calibration)).encode())
        digest.update(repr((predictor.denoises, predictor.orientations, predictor.ensembles)).encode())
    elif kind == "exported":
        import numpy as np

        from lstsr_jax import load_exported

        model = load_exported(path / "model.stablehlo")
        batch, height, width = model.about["sizes"]["shape"]
        ramp = np.linspace(280.0, 310.0, batch * height * width, dtype=np.float32).reshape(batch, height, width, 1)
        digest.update(np.asarray(model(ramp)).tobytes() + repr(model.about).encode())
    else:
        import numpy as np

        from lstsr_jax.data import PreparedDataset

        dataset = PreparedDataset(path)
        digest.update(json.dumps(dataset.metadata, sort_keys=True, default=str).encode())
        for split in sorted(dataset.splits):
            source = dataset.source(split)
            for number in range(len(source)):
                for name, value in sorted(source[number].items()):
                    digest.update(name.encode() + np.asarray(value).tobytes())
    return digest.hexdigest()


def work(kind: str) -> None:
    """Read the copies that come on stdin; one line of JSON for each."""
    from absl import logging

    from lstsr_jax.errors import InputError

    logging.set_verbosity(logging.FATAL)
    with contextlib.redirect_stdout(sys.stderr):
        answers = sys.__stdout__
        assert answers is not None
        for line in sys.stdin:
            path, verify = json.loads(line)
            try:
                answer = {"digest": digest_of(kind, Path(path), verify)}
            except InputError as error:
                answer = {"refused": str(error)}
            except Exception as error:  # what a user would see as a traceback
                answer = {"traceback": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)


class Worker:
    """A process that reads copies, started again when one has ended it."""

    def __init__(self, kind: str) -> None:
        """Start nothing yet."""
        self._kind = kind
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path, verify: bool = False) -> dict[str, str]:
        """What became of one copy: ``digest``, ``refused``, ``traceback``, ``abort`` or ``hang``, and a word on it."""
        if self._process is None:
            command = [sys.executable, "-m", "benchmarks.damage_reading", self._kind]
            pipes: dict[str, Any] = {
                "stdin": subprocess.PIPE,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.DEVNULL,
                "cwd": Path(__file__).resolve().parents[1],
            }
            self._process = subprocess.Popen(command, text=True, **pipes)
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()
        timer = threading.Timer(WITHIN_S, lambda: (late.set(), process.kill()))
        timer.start()
        try:
            process.stdin.write(json.dumps([str(path), verify]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line:
            found: dict[str, str] = json.loads(line)
            return found
        self.close()
        return {"hang": f"{WITHIN_S} s"} if late.is_set() else {"abort": f"exit status {process.returncode}"}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            process, self._process = self._process, None
            process.communicate()


if __name__ == "__main__":
    work(sys.argv[1])
