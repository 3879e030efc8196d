"""What a product was made of, by whom and how: recorded in its tags, and compared when a run meets it again."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lstsr_jax.errors import InputError
from lstsr_jax.geo import LstLayer, with_companions
from lstsr_jax.product.settings import Inference, Output, Selection

_NEIGHBOUR = "neighbour"
_REMEDY = "redo it with `overwrite` or choose another `output_dir`"


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file that a product is made from, as it is now.

    Attributes:
        role: ``lst`` (the layer and what is read with it), the name of a guide, such as ``ndvi``, or ``neighbour``.
        path: where it is.
        size: in bytes.
        mtime_ns: its modification time.
    """

    role: str
    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, role: str, path: Path) -> "SourceFile":
        """The file as it is now.

        Raises:
            OSError: if it is not there.
        """
        found = path.stat()
        return cls(role, path, found.st_size, found.st_mtime_ns)

    @property
    def sha256(self) -> str:
        """Of its content; read once as long as size and time stay the same."""
        return _sha256(self.path, self.size, self.mtime_ns)

    def record(self) -> dict[str, Any]:
        """As it is written into tags."""
        stat = {"size": self.size, "mtime_ns": self.mtime_ns}
        place = {"name": self.path.name, "path": str(self.path.absolute())}
        return {"role": self.role, **place, **stat, "sha256": self.sha256}

    def same_as(self, record: Mapping[str, Any]) -> bool:
        """Whether it is the recorded file: equal name, size and time, or equal content. A moved folder changes none."""
        if record.get("role") != self.role or record.get("size") != self.size:
            return False
        if (record.get("name"), record.get("mtime_ns")) == (self.path.name, self.mtime_ns):
            return True
        return record.get("sha256") == self.sha256


def sources_of(layer: LstLayer, guides: Mapping[str, Path], role: str = "lst") -> tuple[SourceFile, ...]:
    """The files that a layer's product is made from, as they are now.

    Args:
        layer: of which product.
        guides: the file of each guide that is used, by its name.
        role: of the layer.

    Raises:
        InputError: if one is not there.
    """
    try:
        lst = [SourceFile.of(role, path) for path in sorted(with_companions([layer]))]
        return (*lst, *(SourceFile.of(name, path) for name, path in guides.items()))
    except OSError as error:
        raise InputError(f"{error.filename or layer.path}: {error.strerror or error}; check the path") from error


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclasses.dataclass(frozen=True)
class Identity:
    """What decides a product.

    Attributes:
        sources: the files it is made from.
        method: name of the network or the classical method.
        checkpoint: fingerprint of the network, or "none".
        options: of the request, by name.
        neighbours: files of the layers beside it that are seen. They decide the pixels at its border; a product that
            was made before they came is finished nevertheless.
    """

    sources: tuple[SourceFile, ...]
    method: str
    checkpoint: str
    options: Mapping[str, Any]
    neighbours: tuple[SourceFile, ...] = ()

    def tags(self) -> dict[str, str]:
        """What a product carries: sources, method and request, each for itself."""
        return {
            "source_files": json.dumps([source.record() for source in (*self.sources, *self.neighbours)]),
            "method": self.method,
            "checkpoint": self.checkpoint,
            "request": json.dumps(self.options, sort_keys=True),
        }

    def difference(self, tags: Mapping[str, str]) -> str | None:
        """How a product with these tags differs from what is asked for, with the remedy; None if it does not."""
        try:
            records = [record for record in json.loads(tags["source_files"]) if record["role"] != _NEIGHBOUR]
            options = json.loads(tags["request"])
            made_by = tags["method"], tags["checkpoint"]
            parts = [_changed(self.sources, records), self._other_method(*made_by), self._other_options(options)]
        except (KeyError, ValueError, TypeError, AttributeError):
            return f"does not say what it was made of (another version made it, or another program); {_REMEDY}"
        found = [part for part in parts if part]
        return f"{'; '.join(found)}; {_REMEDY}" if found else None

    def unseen(self, tags: Mapping[str, str]) -> str:
        """Which neighbours a finished product with these tags was made without, one phrase; empty if none."""
        records = [record for record in json.loads(tags["source_files"]) if record["role"] == _NEIGHBOUR]
        new = [source for source in self.neighbours if not any(source.same_as(record) for record in records)]
        names = ", ".join(dict.fromkeys(source.path.name for source in new))
        return f"made without its neighbour {names} as it is now; `overwrite` joins them" if new else ""

    def _other_method(self, method: str, checkpoint: str) -> str:
        if (method, checkpoint) == (self.method, self.checkpoint):
            return ""
        there, here = (_named(*pair) for pair in ((method, checkpoint), (self.method, self.checkpoint)))
        kind = "method" if method != self.method else "model"
        return f"was made by another {kind} ({there}, now {here})"

    def _other_options(self, recorded: Mapping[str, Any]) -> str:
        there = {**_defaults(), **recorded}
        here = {**_defaults(), **json.loads(json.dumps(self.options))}
        names = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
        said = ", ".join(f"{name}: {_text(there.get(name))}, now {_text(here.get(name))}" for name in names)
        return f"was made with other options ({said})" if names else ""


UNDECIDING = (
    *("overpass", "date", "product", "verify", "batch", "jobs"),
    *("output_dir", "quick_look", "stac", "vrt", "overwrite"),
)
"""Settings that do not change a map: which ones are made, how they are computed, shown and where they go."""


def options_of(selection: Selection, inference: Inference, output: Output, conserves: bool) -> dict[str, Any]:
    """The options that decide a product, in one spelling: all but how it is computed and shown.

    Args:
        selection: as asked.
        inference: as asked.
        output: as asked.
        conserves: whether the map is corrected, which ``inference.conserve_energy`` may leave to the method.
    """
    fields = {name: value for part in (selection, inference, output) for name, value in vars(part).items()}
    for name in UNDECIDING:
        del fields[name]
    if output.crs is not None:
        fields["crs"] = output.target_crs().to_string()
    if fields["neighbours"]:  # those that are seen are among the sources
        del fields["neighbours"]
    return {**fields, "conserve_energy": conserves}


@functools.cache
def _defaults() -> dict[str, Any]:
    """What a product that does not name an option was made with."""
    return {**options_of(Selection(), Inference(), Output(), True), "neighbours": True}


def _named(method: str, checkpoint: str) -> str:
    return method if checkpoint == "none" else f"{method} {checkpoint}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _changed(sources: Sequence[SourceFile], records: Sequence[Mapping[str, Any]]) -> str:
    """What became of the source since, one phrase; empty if nothing."""
    left = list(records)
    new: list[SourceFile] = []
    for source in sources:
        known = next((record for record in left if source.same_as(record)), None)
        if known is None:
            new.append(source)
        else:
            left.remove(known)
    if not new and not left:
        return ""
    said = []
    for source in new:
        before = next((record for record in left if record["name"] == source.path.name), None)
        if before is None:
            said.append(f"{source.path} is new")
        elif before["path"] == str(source.path.absolute()):
            said.append(f"{source.path} has other content")
        else:
            said.append(f"{source.path} is another file than {before['path']}")
    gone = {record["name"] for record in left} - {source.path.name for source in new}
    said += [f"{name} is no longer used" for name in sorted(gone)]
    return f"its source has changed since ({', '.join(said)})"
