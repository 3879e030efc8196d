"""The doors: for each its command, what it has before it starts, and what of its results counts."""

import dataclasses
import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
Results = dict[str, str]
"""A digest by name; one that begins with "bad" is of what nobody can read."""
_PASSING = re.compile(rb", \d+\.\d s\b|\d{4}-\d\d-\d\dT[\d:]+(Z|\+00:00)?")
"""Seconds that something took, and moments, in text."""


@dataclasses.dataclass(frozen=True)
class Door:
    """A command, started in a place that holds copies of all that it reads.

    Attributes:
        name: of the door.
        arguments: of the command line, without Python.
        results: what counts of what is there, by name.
        holds: folders and files of the world that are copied into the place, by name there.
        earlier: arguments of the commands that make what is there before: the good files.
    """

    name: str
    arguments: Sequence[str]
    results: Callable[[Path], Results]
    holds: Mapping[str, str]
    earlier: Sequence[Sequence[str]] = ()

    def command(self, arguments: Sequence[str] | None = None, more: Sequence[str] = ()) -> list[str]:
        """The command line."""
        return [sys.executable, *(self.arguments if arguments is None else arguments), *more]


def script(name: str) -> str:
    """A command of the repository."""
    return str(HERE / name)


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix in (".json", ".csv", ".md"):
        content = _PASSING.sub(b"", content)
    return hashlib.sha256(content).hexdigest()[:16]


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def files(folder: str) -> Callable[[Path], Results]:
    """Every file with a name of its own; a Zarr store counts as one."""

    def results(place: Path) -> Results:
        found: dict[str, list[str]] = {}
        root = place / folder
        for path in sorted(root.rglob("*")) if root.is_dir() else []:
            if path.is_symlink() or not path.is_file() or (_hidden(path, root) and ".zarr" not in str(path)):
                continue
            if any(part.startswith(".") for part in path.relative_to(root).parts[:1]):
                continue
            if "tfevents" in path.name:  # its name and content hold the time
                continue
            name = str(path.relative_to(root))
            store = name.split(".zarr")[0] + ".zarr" if ".zarr/" in name else name
            found.setdefault(store, []).append(f"{name} {_digest(path)}")
        return {name: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] for name, lines in found.items()}

    return results


def workdir(folder: str) -> Callable[[Path], Results]:
    """The checkpoints, read as predict.py reads them, and the logs without speeds and moments."""

    def results(place: Path) -> Results:
        from lstsr_jax.predictor import load_predictor
        from lstsr_jax.predictor.checkpoint import fingerprint, step_directories

        root, found = place / folder, {}
        for directory in step_directories(root) if root.is_dir() else []:
            try:
                found[f"checkpoint {directory.name}"] = fingerprint(load_predictor(directory).variables)
            except Exception as error:
                found[f"checkpoint {directory.name}"] = f"bad: {error}"
        log = root / "log.csv"
        if log.is_file():
            rows = [line.rpartition(",")[0] for line in log.read_text().splitlines()]
            found["log.csv"] = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]
        for name in ("config.json",):
            if (root / name).is_file():
                found[name] = _digest(root / name)
        for path in sorted((root / "report").glob("*")) if (root / "report").is_dir() else []:
            if not path.name.startswith("."):
                found[f"report/{path.name}"] = _digest(path)
        return found

    return results


def datasets(folder: str) -> Callable[[Path], Results]:
    """The prepared datasets: all their examples."""

    def results(place: Path) -> Results:
        from lstsr_jax.data import PreparedDataset

        found = {}
        for info in sorted((place / folder).glob("modis_lst/*/1.0.0")):
            if info.parent.name.startswith("."):
                continue
            digest = hashlib.sha256()
            try:
                dataset = PreparedDataset(info)
                for split in sorted(dataset.splits):
                    source = dataset.source(split)
                    for index in range(len(source)):
                        digest.update(
                            repr(
                                sorted((k, getattr(v, "tobytes", lambda v=v: v)()) for k, v in source[index].items())
                            ).encode()
                        )
                found[info.parent.name] = digest.hexdigest()[:16]
            except Exception as error:
                found[info.parent.name] = f"bad: {error}"
        for path in sorted((place / folder).glob("simulated_granules/*")):
            found[path.name] = _digest(path)
        return found

    return results


def manifest_and_files(folder: str) -> Callable[[Path], Results]:
    """The granules, and the manifest without the moments."""
    return files(folder)


def is_left_over(path: Path) -> bool:
    """Whether a name is one that only unfinished work has."""
    return ".partial" in path.name or path.name.startswith("incomplete.") or "orbax-checkpoint-tmp" in path.name


def load_json(path: Path) -> object:
    """A JSON file."""
    return json.loads(path.read_text())
