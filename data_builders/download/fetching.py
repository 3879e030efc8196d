"""The whole way: search, compare with the folder, fetch, record."""

import contextlib
import dataclasses
import datetime
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_builders.download.addresses import CMR_URL, origin_of
from data_builders.download.folder import Folder
from data_builders.download.login import Login
from data_builders.download.outcome import Outcome, Remote
from data_builders.download.request import Request, requests_for
from data_builders.download.search import Found, search
from data_builders.download.session import Session
from data_builders.download.workers import Result, Workers
from lstsr_jax.errors import InputError
from lstsr_jax.files import locked, make_directory
from lstsr_jax.geo.manifest import LOCK


@dataclasses.dataclass(frozen=True)
class Planned:
    """A granule of the archive, and whether the folder has it with the right size."""

    remote: Remote
    here: bool


def fetch(
    product: str | Sequence[str],
    output_dir: str | Path,
    *,
    start: datetime.date | str,
    end: datetime.date | str,
    tiles: Sequence[str] = (),
    bbox: Sequence[float] | None = None,
    collection: str | None = None,
    with_ndvi: bool = False,
    jobs: int = 4,
    verify: bool = False,
    cmr_url: str = CMR_URL,
    **connection: Any,
) -> list[Outcome]:
    """Bring the granules of some tiles and dates into a folder, each checked by size and checksum.

    What is there and right is kept. Every file appears whole or not at all, so the same call goes on after any end.

    Args:
        product: one or several, such as "MOD11A1".
        output_dir: receives the granules and `manifest.csv`.
        start: first day (UTC), a date or "YYYY-MM-DD".
        end: last day, included.
        tiles: such as ["h18v04"]; either these or ``bbox``.
        bbox: west, south, east, north in degrees.
        collection: default: the one that the archive serves.
        with_ndvi: the 1 km NDVI of the same tiles and dates too.
        jobs: files at a time.
        verify: read the files that are there and fetch again those whose checksum is wrong.
        cmr_url: the search.
        **connection: of `Session`: timeout_s, attempts, back_off_s, debug.

    Returns:
        One outcome per granule, in order of product, date and tile; look for ``status == "failed"``.

    Raises:
        InputError: an argument that cannot be used, no granule found, no login, no room.
    """
    requests = requests_for(product, start, end, tiles=tiles, bbox=bbox, collection=collection, with_ndvi=with_ndvi)
    with open_session(cmr_url, jobs=jobs, **connection) as session:
        remotes = [remote for request in requests for remote in searched(session, cmr_url, request).remotes]
        directory = Path(output_dir).expanduser()
        make_directory("`output_dir`", directory)
        outcomes = _fetch(session, remotes, directory, jobs, verify)
    return [outcomes[remote.name.granule] for remote in remotes]


def _fetch(session: Session, remotes: Sequence[Remote], directory: Path, jobs: int, verify: bool) -> dict[str, Outcome]:
    """Bring files into a folder that can be written to; returns outcomes by granule."""
    with locked(directory / LOCK, f"downloading into {directory}"):
        folder = Folder(directory)
        folder.tidy()
        missing = [item.remote for item in compare(folder, remotes) if not item.here]
        folder.need_space(sum(remote.about for remote in missing))
        for remote in missing[:1]:  # a missing login is one line, not one per file
            origin = origin_of(remote.url)
            if session.may_see_token(origin):
                session.login.token_for(origin)
        outcomes: dict[str, Outcome] = {}

        def record(result: Result) -> None:
            outcome, row = result
            outcomes[outcome.granule] = outcome
            if row is not None:
                folder.enter(row)

        total = sum(remote.about for remote in missing)
        with _progress(total) as on_bytes:
            try:
                Workers(session, folder, verify=verify, on_bytes=on_bytes).run(remotes, jobs, record)
            finally:
                unsaved = folder.save()
        if unsaved and not any(outcome.status == "failed" for outcome in outcomes.values()):
            raise InputError(unsaved)
    return outcomes


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """What is to be told how many bytes came: a bar on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda size: None
        return
    from tqdm import tqdm  # 20 ms

    with tqdm(total=total or None, unit="B", unit_scale=True, file=sys.stderr) as bar:
        yield bar.update


def plan(
    product: str | Sequence[str],
    output_dir: str | Path,
    *,
    start: datetime.date | str,
    end: datetime.date | str,
    tiles: Sequence[str] = (),
    bbox: Sequence[float] | None = None,
    collection: str | None = None,
    with_ndvi: bool = False,
    cmr_url: str = CMR_URL,
    **connection: Any,
) -> list[Planned]:
    """What `fetch` would fetch and keep, with its arguments and errors; writes nothing and needs no login."""
    requests = requests_for(product, start, end, tiles=tiles, bbox=bbox, collection=collection, with_ndvi=with_ndvi)
    with open_session(cmr_url, **connection) as session:
        remotes = [remote for request in requests for remote in searched(session, cmr_url, request).remotes]
    return compare(Folder(Path(output_dir).expanduser()), remotes)


def open_session(cmr_url: str, *, jobs: int = 1, **connection: Any) -> Session:
    """A session for a search.

    Raises:
        InputError: no address, or plain http to another machine.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: must be at least 1")
    try:
        origin = origin_of(cmr_url)
    except ValueError:
        raise InputError(f"--cmr-url {cmr_url}: no address; give one such as {CMR_URL}") from None
    if not origin.private:
        raise InputError(f"--cmr-url {cmr_url}: plain http is for this machine only; use https")
    return Session(Login(), origin, **connection)


def searched(session: Session, cmr_url: str, request: Request) -> Found:
    """Search, with a word on stderr about what was left aside and about days without a granule."""
    found = search(session, cmr_url, request)
    if found.others:
        text = f"{found.others} results of other products, tiles or dates, or without a data file, left aside"
        print(f"{request}: {text}", file=sys.stderr)
    for gap in gap_lines(request, found):
        print(f"{request.product}: {gap}", file=sys.stderr)
    return found


def gap_lines(request: Request, found: Found) -> list[str]:
    """The days asked for that no granule covers, a line per stretch."""
    lines = []
    for tile, first, last in request.gaps([remote.name for remote in found.remotes]):
        days = (last - first).days + 1
        stretch = f"{first}" if days == 1 else f"{first} to {last} ({days} days)"
        lines.append(f"the archive has no granule of {tile} for {stretch}")
    return lines


def compare(folder: Folder, remotes: Sequence[Remote]) -> list[Planned]:
    """Which granules the folder has with the right size."""
    return [Planned(remote, folder.looks_right(remote)) for remote in remotes]
