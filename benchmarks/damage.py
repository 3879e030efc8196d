"""Damage a file in the ways that disks, downloads and copies do, read every copy, and count what becomes of it.

``python -m benchmarks.damage FILE --copies 500``: FILE is an HDF4 granule, a GeoTIFF layer, a checkpoint directory or a
prepared dataset directory. Copies are read in a process of their own, kept between copies. Exit status 0 only if no
copy gave a traceback, ended the process or hung.
"""

import argparse
import collections
import contextlib
import gzip
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Earthdata Login</body></html>\n"
ERROR = b'{"errors": ["Token expired"]}'
WITHIN_S = 180
"""For one copy; the HDF4 reader gives up a file after 60 s without an answer."""
OUTCOMES = ("refused", "equal", "other numbers", "traceback", "abort", "hang")


def _place(content: bytes, chance: random.Random) -> tuple[int, int]:
    """Start and length of a block within the content."""
    length = min(len(content), 2 ** chance.randint(0, 16))
    return chance.randrange(len(content) - length + 1), length


def truncated(content: bytes, chance: random.Random) -> bytes:
    """The first part only."""
    return content[: chance.randrange(len(content))]


def zero_tail(content: bytes, chance: random.Random) -> bytes:
    """Whole length, but written up to some place only."""
    keep = chance.randrange(len(content))
    return content[:keep] + bytes(len(content) - keep)


def flipped(content: bytes, chance: random.Random) -> bytes:
    """One to eight bits changed."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, chance: random.Random) -> bytes:
    """A block of zeros."""
    start, length = _place(content, chance)
    return content[:start] + bytes(length) + content[start + length :]


def swapped(content: bytes, chance: random.Random) -> bytes:
    """Two blocks of one length exchanged."""
    a, length = _place(content, chance)
    b = chance.randrange(len(content) - length + 1)
    changed = bytearray(content)
    changed[a : a + length], changed[b : b + length] = content[b : b + length], content[a : a + length]
    return bytes(changed)


def misplaced(content: bytes, chance: random.Random) -> bytes:
    """A block with the content of another place."""
    start, length = _place(content, chance)
    other = chance.randrange(len(content) - length + 1)
    return content[:start] + content[other : other + length] + content[start + length :]


def replaced(content: bytes, chance: random.Random) -> bytes:
    """What a server sent instead, or the same file packed."""
    return chance.choice([PAGE, ERROR, b"", gzip.compress(content, 1)])


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncated,
    zero_tail,
    flipped,
    zeroed,
    swapped,
    misplaced,
    replaced,
)


def damage(original: Path, copy: Path, chance: random.Random) -> str:
    """Make a damaged copy of a file or directory, and say what was done."""
    if original.is_file():
        change = chance.choice(DAMAGES)
        copy.write_bytes(change(original.read_bytes() or b"\0", chance))
        return change.__name__
    shutil.copytree(original, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    sizes = [path.stat().st_size + 1 for path in files]
    target = chance.choice(files) if chance.random() < 0.5 else chance.choices(files, sizes)[0]
    if chance.random() < 0.1:
        target.unlink()
        return f"deleted {target.relative_to(copy)}"
    change = chance.choice(DAMAGES)
    target.write_bytes(change(target.read_bytes() or b"\0", chance))
    return f"{change.__name__} {target.relative_to(copy)}"


def kind_of(path: Path) -> str:
    """What a file or directory is."""
    if path.is_dir():
        return "checkpoint" if (path / "variables").is_dir() else "dataset"
    return "NDVI" if "16_days_NDVI" in path.name or path.name[:5] in ("MOD13", "MYD13") else "LST"


def digest_of(kind: str, path: Path) -> str:
    """Read everything that a command would read of it; a digest of all numbers and their place."""
    digest = hashlib.sha256()
    if kind == "LST":
        from lstsr_jax.geo import read_lst

        overpasses = ("day", "night") if path.suffix.lower() == ".hdf" else (None,)
        for overpass in overpasses:
            scene = read_lst(path, overpass)  # type: ignore[arg-type]
            digest.update(scene.lst.tobytes())
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
    """Read the paths that come on stdin; one line of JSON for each."""
    from absl import logging

    from lstsr_jax.errors import InputError

    logging.set_verbosity(logging.FATAL)
    with contextlib.redirect_stdout(sys.stderr):
        answers = sys.__stdout__
        assert answers is not None
        for line in sys.stdin:
            try:
                answer = {"digest": digest_of(kind, Path(json.loads(line)))}
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

    def read(self, path: Path) -> dict[str, str]:
        """What became of one copy: ``digest``, ``refused``, ``traceback``, ``abort`` or ``hang``, and a word on it."""
        if self._process is None:
            command = [sys.executable, "-m", "benchmarks.damage", "--worker", self._kind, "."]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self._process = subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        late = threading.Event()
        timer = threading.Timer(WITHIN_S, lambda: (late.set(), process.kill()))
        timer.start()
        try:
            process.stdin.write(json.dumps(str(path)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line:
            return json.loads(line)
        self.close()
        return {"hang": f"{WITHIN_S} s"} if late.is_set() else {"abort": f"exit status {process.returncode}"}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            process, self._process = self._process, None
            process.communicate()


def campaign(original: Path, copies: int, seed: int, report: Callable[[str], None] = print) -> collections.Counter[str]:
    """Damage and read ``copies`` times; tells every unexpected outcome, and returns the counts by outcome."""
    kind, chance = kind_of(original), random.Random(seed)
    counts: collections.Counter[str] = collections.Counter(dict.fromkeys(OUTCOMES, 0))
    worker = Worker(kind)
    try:
        with tempfile.TemporaryDirectory(prefix="damage-") as folder:
            whole = worker.read(original)
            if "digest" not in whole:
                raise SystemExit(f"{original}: the undamaged one cannot be read: {whole}")
            for number in range(copies):
                place = Path(folder) / str(number)
                place.mkdir()
                done = damage(original, place / original.name, chance)
                found = worker.read(place / original.name)
                ((outcome, word),) = found.items()
                if outcome == "digest":
                    outcome = "equal" if word == whole["digest"] else "other numbers"
                counts[outcome] += 1
                line = "" if outcome in ("equal", "other numbers") else word.replace(str(place), "")
                if outcome not in ("refused", "equal") or (outcome == "refused" and "\n" in line):
                    report(f"copy {number}: {outcome}: {done}: {line[:300]}")
                shutil.rmtree(place)
    finally:
        worker.close()
    return counts


def main() -> None:
    """Print a line for every copy that was not refused or equal, and the counts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--copies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker)
        return
    counts = campaign(args.file.absolute(), args.copies, args.seed)
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES) + f" of {args.copies} copies")
    print(f"read with other numbers: {counts['other numbers'] / max(1, args.copies):.1%}")
    sys.exit(bool(counts["traceback"] or counts["abort"] or counts["hang"]))


if __name__ == "__main__":
    main()
