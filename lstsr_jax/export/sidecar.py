"""The JSON beside an exported model: what it says, and that it and the model are those that were written."""

import hashlib
import json
from pathlib import Path
from typing import Any

from lstsr_jax.errors import InputError

FORMAT, VERSION = "lstsr-jax exported model", 1
_CHECKSUM = "checksum"
_COPY_AGAIN = "copy both files again, or export the model anew"


def sidecar_path(model: Path) -> Path:
    """The name of the JSON beside a model."""
    return model.with_name(f"{model.name}.json")


def to_text(about: dict[str, Any], serialized: bytes) -> str:
    """The JSON of a model, with the sizes and checksums of both.

    Args:
        about: what it says.
        serialized: the model.
    """
    about = {"format": FORMAT, "version": VERSION, **about, "file": _sums(serialized)}
    return json.dumps({**about, _CHECKSUM: _sum_of_json(about)}, indent=2) + "\n"


def describes_a_model(beside: Path) -> bool:
    """Whether a file is the JSON of an exported model."""
    try:
        _about(beside)
    except (OSError, InputError):
        return False
    return True


def _about(beside: Path) -> dict[str, Any]:
    """What the JSON of an exported model says, of whatever version.

    Raises:
        InputError: if it is no JSON, or describes no model.
    """
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise InputError(f"{beside}: is no JSON; {_COPY_AGAIN}") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{beside}: does not describe an exported model; give the file that lstsr-export wrote")
    return about


def read(model: Path) -> tuple[bytes, dict[str, Any]]:
    """A model and its JSON, both as they were written.

    Raises:
        InputError: if one is missing, damaged, or they do not belong together.
    """
    beside = sidecar_path(model)
    if not model.is_file():
        raise InputError(f"{model}: no such file; give what lstsr-export wrote")
    if not beside.is_file():
        raise InputError(f"{beside}: is missing; copy it from where {model.name} came from")
    about = _about(beside)
    if about.get("version") != VERSION:
        raise InputError(f"{beside}: is of version {about.get('version')}, this lstsr_jax reads {VERSION}; export anew")
    if about.pop(_CHECKSUM, None) != _sum_of_json(about):
        raise InputError(f"{beside}: is not as it was written; {_COPY_AGAIN}")
    serialized, expected = model.read_bytes(), about["file"]
    if len(serialized) != expected["bytes"]:
        raise InputError(
            f"{model}: has {len(serialized)} bytes, not {expected['bytes']} as {beside.name} says; {_COPY_AGAIN}"
        )
    if _sums(serialized) != expected:
        raise InputError(f"{model}: is damaged, or another model than {beside.name} describes; {_COPY_AGAIN}")
    return serialized, about


def _sums(serialized: bytes) -> dict[str, Any]:
    return {"bytes": len(serialized), "sha256": hashlib.sha256(serialized).hexdigest()}


def _sum_of_json(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
