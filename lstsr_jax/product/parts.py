"""The reports of the shards of a run, each a file in the output folder, and the one report that they make together."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lstsr_jax.errors import InputError
from lstsr_jax.files import write_text
from lstsr_jax.geo import Skipped
from lstsr_jax.product.report import Outcome, Report, report_of
from lstsr_jax.product.shard import Shard

_NAME: Final = re.compile(r"report\.(\d+)-of-(\d+)\.json", re.ASCII)


def part_path(directory: Path, shard: Shard) -> Path:
    """Where a shard leaves its report, such as ``report.0-of-3.json``."""
    return directory / f"report.{shard.index}-of-{shard.count}.json"


def write_part(path: Path, run: Mapping[str, Any], places: Mapping[int, Outcome], skipped: Sequence[Skipped]) -> None:
    """Write the report of a shard.

    Args:
        path: from :func:`part_path`.
        run: what decides the whole run, by name: equal in all its shards.
        places: what became of the shard's layers, by place in the whole report.
        skipped: what was left aside.
    """
    outcomes = [{"place": place, **_record(outcome)} for place, outcome in sorted(places.items())]
    left = [[str(path), reason] for path, reason in skipped]
    write_text(path, json.dumps({"run": run, "outcomes": outcomes, "skipped": left}, indent=1) + "\n")


def merge_reports(directory: Path) -> Report:
    """Put the reports of all shards together: the report that one run over everything gives.

    Args:
        directory: the output folder that the shards shared.

    Returns:
        The report, in the order of one run.

    Raises:
        InputError: if a shard's report is missing or damaged, or the shards were of different runs.
    """
    found = {
        Shard(int(match[1]), int(match[2])): path
        for path in (sorted(directory.iterdir()) if directory.is_dir() else [])
        if (match := _NAME.fullmatch(path.name)) and int(match[1]) < int(match[2])
    }
    counts = sorted({shard.count for shard in found})
    if not counts:
        raise InputError(
            f"{directory}: holds no report of a shard (report.0-of-N.json); give `output_dir` of a run with `shard`"
        )
    if len(counts) > 1:
        said = " and of ".join(map(str, counts))
        raise InputError(
            f"{directory}: holds reports of {said} shards; "
            f"remove those that do not count, such as report.*-of-{counts[0]}.json"
        )
    (count,) = counts
    missing = [str(shard) for shard in (Shard(index, count) for index in range(count)) if shard not in found]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(
            f"{directory}: no report of shard {', '.join(missing[:3])}{more}: "
            "it has not come to its end; run it (again) with `shard`"
        )
    parts = [_read(found[Shard(index, count)]) for index in range(count)]
    run = parts[0]["run"]
    for index, part in enumerate(parts):
        differing = sorted(key for key in {*run, *part["run"]} if run.get(key) != part["run"].get(key))
        if differing:
            raise InputError(
                f"{directory}: shard {index}/{count} was of another run than shard 0/{count} (other "
                f"{', '.join(differing)}); run all shards again alike (what is finished stays)"
            )
    places = {outcome["place"]: _outcome(outcome) for part in parts for outcome in part["outcomes"]}
    skipped = [Skipped(Path(path), reason) for part in parts for path, reason in part["skipped"]]
    return report_of(places, skipped, run["request"]["bbox"])


def _read(path: Path) -> dict[str, Any]:
    try:
        part = json.loads(path.read_text())
        for outcome in part["outcomes"]:
            _outcome(outcome), outcome["place"]
        return {
            "run": {**part["run"], "request": {**part["run"]["request"]}},
            **{key: part[key] for key in ("outcomes", "skipped")},
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}); run that shard again") from error


def _record(outcome: Outcome) -> dict[str, Any]:
    output = None if outcome.output is None else str(outcome.output)
    return {**vars(outcome), "source": str(outcome.source), "output": output}


def _outcome(record: Mapping[str, Any]) -> Outcome:
    output = None if record["output"] is None else Path(record["output"])
    return Outcome(
        Path(record["source"]), record["overpass"], record["status"], record["note"], output, tuple(record["warnings"])
    )
