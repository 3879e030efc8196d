"""``index.csv`` of a folder of pairs: the shifts recorded in it, in whatever form a spreadsheet has left it."""

import codecs
import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lstsr_jax.errors import InputError
from lstsr_jax.geo.warp import Shift

NAME: Final = "index.csv"
COLUMNS: Final = ("reg_ndvi_dy_px250", "reg_ndvi_dx_px250")
LARGEST_SHIFT: Final = 32.0
"""In 250 m pixels. Beyond it a number has lost its decimal point."""
OVERPASS: Final = "overpass_group"
"""Column that names the overpass a pair is of, for folds."""
_ID: Final = "id"
_DELIMITERS: Final = ",;\t|"
_EMPTY: Final = ("", "na", "n/a", "nan")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def index_shifts(directory: str | Path, names: Sequence[str]) -> dict[str, Shift]:
    """The shifts that a folder's ``index.csv`` records for pairs of these names.

    Columns ``id``, ``reg_ndvi_dy_px250`` and ``reg_ndvi_dx_px250``, in any order and beside others, separated by
    commas, semicolons, tabs or bars; decimal points or commas; UTF-8, UTF-16 or Windows-1252. A number that lost its
    leading zeros stands for the pair that is called so, if there is one only.

    Args:
        directory: the folder.
        names: of the pairs; rows of others are left alone.

    Returns:
        By name; without the pairs that it does not hold, or holds without a shift.

    Raises:
        InputError: the file is there but cannot be used: no text, no column ``id``, one shift column without the other,
            two rows of a pair, or a shift that is no number of pixels.
    """
    path = Path(directory) / NAME
    if not path.is_file():
        return {}
    header, rows = _table(path)
    present = [column for column in COLUMNS if column in header]
    if _ID not in header or len(present) == 1:
        missing = [column for column in (_ID, *COLUMNS) if column not in header]
        raise InputError(f"{path}: no column {' or '.join(missing)}; name the columns {', '.join((_ID, *COLUMNS))}")
    if not present:
        return {}
    found: dict[str, Shift] = {}
    for line, name, values, beyond in _of(names, header, rows):
        if any(beyond):
            raise InputError(f"{path}: line {line} has more values than columns; quote decimal commas")
        shift = _shift(path, line, values)
        if shift is None:
            continue
        if found.setdefault(name, shift) != shift:
            raise InputError(f"{path}: line {line} gives pair {name} a second shift; keep one")
    return found


def recorded_shifts(directory: str | Path, names: Sequence[str]) -> list[Shift] | None:
    """The shifts that the folder's ``index.csv`` records for the pairs of these names; None unless for all of them.

    Raises:
        InputError: the file is there but cannot be used, see ``index_shifts``.
    """
    found = index_shifts(directory, names)
    return [found[name] for name in names] if names and all(name in found for name in names) else None


def overpass_groups(directory: str | Path, names: Sequence[str]) -> dict[str, str]:
    """The overpass of each pair that the folder's ``index.csv`` names in its column ``overpass_group``.

    Args:
        directory: the folder.
        names: of the pairs; rows of others are left alone.

    Returns:
        By name; without the pairs that it does not hold, or whose cell is empty.

    Raises:
        InputError: the file is there but no text, without a column ``id``, or names two overpasses of a pair.
    """
    path = Path(directory) / NAME
    if not path.is_file():
        return {}
    header, rows = _table(path)
    if _ID not in header:
        raise InputError(f"{path}: no column {_ID}; name the pairs in it")
    found: dict[str, str] = {}
    for line, name, values, _ in _of(names, header, rows):
        overpass = values.get(OVERPASS, "")
        if overpass.lower() in _EMPTY:
            continue
        if found.setdefault(name, overpass) != overpass:
            raise InputError(f"{path}: line {line} gives pair {name} a second {OVERPASS}; keep one")
    return found


def _of(
    names: Sequence[str], header: list[str], rows: list[tuple[int, list[str]]]
) -> Iterator[tuple[int, str, dict[str, str], list[str]]]:
    """The rows of these pairs: line, pair, values by column, and those beyond the columns."""
    for line, row in rows:
        values = dict(zip(header, row, strict=False))
        name = _name(values.get(_ID, ""), names)
        if name is not None:
            yield line, name, values, row[len(header) :]


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names in small letters, and the rows with their line numbers."""
    lines = _text(path).splitlines()
    separator = None
    if lines and lines[0].strip().strip('"').lower().startswith("sep="):  # how a spreadsheet names its separator
        separator = lines[0].strip().strip('"')[4:5] or "\t"
        lines[0] = ""
    first = next((line for line in lines if line.strip()), "")
    delimiter = separator or max(_DELIMITERS, key=first.count)
    try:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        table = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: not a table of text ({error}); save it as CSV") from None
    table = [(line, row) for line, row in table if any(row)]
    if not table:
        raise InputError(f"{path}: empty; give columns {', '.join((_ID, *COLUMNS))}, or remove it")
    return [cell.lower() for cell in table[0][1]], table[1:]


def _text(path: Path) -> str:
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is None and b"\0" in data[:4]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    for name in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InputError(f"{path}: not a text file; save it as CSV")


def _name(written: str, names: Sequence[str]) -> str | None:
    """The pair that a row is of: of the same name, or of the same number if no other has it."""
    if written in names:
        return written
    same = [name for name in names if written.isdigit() and name.isdigit() and int(name) == int(written)]
    return same[0] if len(same) == 1 else None


def _shift(path: Path, line: int, values: dict[str, str]) -> Shift | None:
    cells = [values.get(column, "") for column in COLUMNS]
    empty = [cell.lower() in _EMPTY for cell in cells]
    if all(empty):
        return None
    try:
        rows, columns = (float(cell.replace(",", ".")) for cell in cells)
    except ValueError:
        wrong = next(cell for cell in cells if not _is_number(cell))
        raise InputError(f"{path}: line {line}: {wrong!r} is no shift; correct it or empty both cells") from None
    if not max(abs(rows), abs(columns)) <= LARGEST_SHIFT:
        raise InputError(
            f"{path}: line {line}: a shift of {rows:g} rows and {columns:g} columns of 250 m; correct the decimal point"
        )
    return Shift(rows, columns)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell.replace(",", ".")))
    except ValueError:
        return False
