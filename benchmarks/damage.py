"""Damage files in the ways that disks, downloads and copies do, read every copy, and count what becomes of it.

``python -m benchmarks.damage --all --copies 500`` makes a small one of every container that is read, damages each so
many times, and prints a table. ``python -m benchmarks.damage FILE --copies 500`` does so with FILE: a granule (HDF4,
HDF5), a GeoTIFF layer, a netCDF, a checkpoint directory, a prepared dataset directory, or a folder with an exported
model.

Copies are read in a process of their own, kept between copies. Every copy of a granule, layer or netCDF is read twice:
alone, and with a ``manifest.csv`` beside it that describes the undamaged one (which is damaged too in every tenth
folder), as ``predict.py --verify`` reads. The other containers hold checksums of their own. Exit status 0 only if no
copy gave a traceback, ended the process or hung, and none with a manifest gave other numbers.
"""

import argparse
import collections
import hashlib
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.damage_reading import Worker, kind_of
from benchmarks.damage_samples import SAMPLES
from benchmarks.damaging import DAMAGES, damage

OUTCOMES = ("refused", "equal", "other numbers", "traceback", "abort", "hang")
BAD = OUTCOMES[3:]
Counts = collections.Counter[str]
_HEAD = """\
| container | copies | refused | equal | other numbers | tracebacks | aborts | hangs | with a manifest: refused \
| equal | other numbers | tracebacks, aborts, hangs |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def write_manifest(original: Path, folder: Path, chance: random.Random | None = None) -> None:
    """Describe an undamaged file in the manifest of a folder; with ``chance`` the manifest is damaged itself."""
    from lstsr_jax.geo.manifest import MANIFEST, ManifestRow
    from lstsr_jax.geo.manifest import write_manifest as write

    content = original.read_bytes()
    checksum, place = hashlib.sha256(content).hexdigest(), f"https://example.org/{original.name}"
    row = ManifestRow(original.stem, len(content), checksum, place, "2026-01-01T00:00:00Z")
    write(folder, {row.granule: row})
    if chance is not None:
        path = folder / MANIFEST
        path.write_bytes(chance.choice(DAMAGES)(path.read_bytes(), chance))


def campaign(
    original: Path, copies: int, seed: int, report: Callable[[str], None] = print
) -> tuple[Counts, Counts | None]:
    """Damage and read ``copies`` times; tells every unexpected outcome.

    Returns:
        Counts by outcome, without and with a manifest; None where the container takes none.
    """
    kind, chance = kind_of(original), random.Random(seed)
    counts = {verify: collections.Counter(dict.fromkeys(OUTCOMES, 0)) for verify in (False, True)}
    modes = (False, True) if original.is_file() else (False,)
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
                for verify in modes:
                    if verify:
                        also = random.Random(f"{seed} {number}") if number % 10 == 9 else None
                        write_manifest(original, place, also)
                    ((outcome, word),) = worker.read(place / original.name, verify).items()
                    if outcome == "digest":
                        outcome = "equal" if word == whole["digest"] else "other numbers"
                    counts[verify][outcome] += 1
                    line = "" if outcome in ("equal", "other numbers") else word.replace(str(place), "")
                    if outcome not in ("refused", "equal") or (outcome == "refused" and "\n" in line):
                        manifest = " (manifest)" if verify else ""
                        report(f"copy {number}{manifest}: {outcome}: {done}: {line[:300]}")
                shutil.rmtree(place)
    finally:
        worker.close()
    return counts[False], counts[True] if True in modes else None


def _samples(file: Path | None, folder: Path) -> Iterator[tuple[str, Path]]:
    """Containers by name: the file given, or all that are made here."""
    if file is not None:
        yield file.name, file.absolute()
        return
    for number, (name, make) in enumerate(SAMPLES.items()):
        place = folder / str(number)
        place.mkdir()
        yield name, make(place)


def _table(found: Mapping[str, tuple[Counts, Counts | None]]) -> Iterator[str]:
    """The table, line by line; a last row with the sums."""
    yield _HEAD
    sums: list[Counts] = [collections.Counter(), collections.Counter()]
    for name, (alone, listed) in found.items():
        sums[0] += alone
        sums[1] += listed or collections.Counter()
        yield _row(name, alone, listed)
    if len(found) > 1:
        yield _row("all", sums[0], sums[1])


def _row(name: str, alone: Counts, listed: Counts | None) -> str:
    cells = [name, alone.total(), *(alone[outcome] for outcome in OUTCOMES)]
    if listed is None:
        cells += ["own checksums", "", "", ""]
    else:
        cells += [*(listed[outcome] for outcome in OUTCOMES[:3]), sum(listed[outcome] for outcome in BAD)]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Print a line for every copy that was not refused or equal, and the counts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--all", action="store_true", help="a small one of every container, made here")
    parser.add_argument("--copies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.all == (args.file is not None):
        parser.error("give FILE or --all")
    found = {}
    with tempfile.TemporaryDirectory(prefix="damage-samples-") as folder:
        for name, path in _samples(args.file, Path(folder)):
            print(f"{name}:", flush=True)
            found[name] = campaign(path, args.copies, args.seed, lambda line: print(line, flush=True))
            print(_row(name, *found[name]), flush=True)
    print(*_table(found), sep="\n")
    silent = sum(counts["other numbers"] for counts, _ in found.values())
    listed = sum(counts["other numbers"] for _, counts in found.values() if counts is not None)
    bad = sum(counts[outcome] for pair in found.values() for counts in pair if counts for outcome in BAD)
    copies = args.copies * len(found)
    share = silent / max(1, copies)
    print(f"read with other numbers: {silent} of {copies} copies ({share:.2%}), {listed} with a manifest")
    sys.exit(bool(bad or listed))


if __name__ == "__main__":
    main()
