"""Ask NASA's Common Metadata Repository (CMR) which granules there are."""

import dataclasses
import datetime
import urllib.parse
from typing import Final

from data_builders.download.addresses import whole_number
from data_builders.download.echo10 import parse_errors, parse_results
from data_builders.download.faults import Broken, Refused
from data_builders.download.outcome import Remote
from data_builders.download.request import Request
from data_builders.download.session import Session, http_date
from lstsr_jax.errors import InputError

PROVIDER: Final = "LPCLOUD"
PAGE_SIZE: Final = 2000  # the most that CMR gives
TILES_AT_ONCE: Final = 40  # keeps the address below 4 kB
LARGEST_PAGE: Final = 1 << 28
QUERY_S: Final = 180.0  # CMR gives up after 170 s
_NEXT: Final = "CMR-Search-After"


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search gave.

    Attributes:
        remotes: one per product, date and tile, the newest production; in order of date and tile.
        others: results that were left aside: of another product, tile or date, or without a data file.
        server_time: by the server's clock; None if it does not say.
        local_time: by ours, at that moment.
    """

    remotes: list[Remote]
    others: int
    server_time: datetime.datetime | None
    local_time: datetime.datetime


@dataclasses.dataclass(frozen=True)
class _Page:
    remotes: list[Remote]
    results: int
    hits: int | None
    after: str | None
    date: datetime.datetime | None


def search(session: Session, cmr_url: str, request: Request) -> Found:
    """Find the granules of a request.

    Raises:
        InputError: none, or the search cannot be used; one line with the remedy.
    """
    offered: list[Remote] = []
    results, date = 0, None
    for i in range(0, len(request.tiles), TILES_AT_ONCE):
        pages = _pages(session, cmr_url, _query(request, request.tiles[i : i + TILES_AT_ONCE]))
        offered += [remote for page in pages for remote in page.remotes]
        results += sum(page.results for page in pages)
        date = pages[-1].date
    local_time = datetime.datetime.now(datetime.UTC)
    newest: dict[tuple[datetime.date, str], Remote] = {}
    fitting = [remote for remote in offered if request.holds(remote.name)]
    for remote in fitting:
        key = (remote.name.date, remote.name.tile)
        if key not in newest or newest[key].name.production < remote.name.production:
            newest[key] = remote
    tiles = {tile for _, tile in newest}
    absent = tuple(tile for tile in request.tiles if tile not in tiles)
    if not newest or (absent and request.every_tile):
        raise InputError(_nothing(session, cmr_url, dataclasses.replace(request, tiles=absent), results))
    return Found([newest[key] for key in sorted(newest)], results - len(fitting), date, local_time)


def _query(request: Request, tiles: tuple[str, ...]) -> list[tuple[str, str]]:
    """Parameters of the search, by the days in full."""
    patterns = [f"{request.product}.A*.{tile}.{request.collection}.*" for tile in tiles]
    return [
        ("short_name", request.product),
        ("version", request.collection),
        ("provider", PROVIDER),
        ("temporal", f"{request.start}T00:00:00Z,{request.end}T23:59:59Z"),
        *(("readable_granule_name[]", pattern) for pattern in patterns),
        ("options[readable_granule_name][pattern]", "true"),
    ]


def _pages(session: Session, cmr_url: str, query: list[tuple[str, str]]) -> list[_Page]:
    """All pages of a query: the header is sent back until the answer has none."""
    pages: list[_Page] = []
    after: str | None = None
    while True:
        page = _ask(session, cmr_url, [*query, ("page_size", str(PAGE_SIZE))], after)
        pages.append(page)
        if page.after is None:
            break
        if page.after == after and not page.results:
            raise InputError(f"{cmr_url}: the search repeats an empty page; try again later")
        after = page.after
    got, hits = sum(page.results for page in pages), max(page.hits or 0 for page in pages)
    if got < hits:
        raise InputError(f"{cmr_url}: the search announced {hits} granules and gave {got}; try again")
    return pages


def _ask(session: Session, cmr_url: str, query: list[tuple[str, str]], after: str | None) -> _Page:
    """One page.

    Raises:
        InputError: no answer that can be used.
    """
    url = f"{cmr_url.rstrip('/')}/granules.echo10?{urllib.parse.urlencode(query)}"
    headers = {} if after is None else {_NEXT: after}

    def once() -> _Page:
        with session.get(url, headers, timeout_s=QUERY_S) as response:
            body = response.read(LARGEST_PAGE)
            remotes, results = parse_results(body)
            return _Page(
                remotes,
                results,
                whole_number(response.headers.get("CMR-Hits")),
                response.headers.get(_NEXT) or None,
                http_date(response.headers.get("Date", "")),
            )

    try:
        return session.patiently(once)
    except Refused as refused:
        said = parse_errors(refused.body)
        raise InputError(f"search at {cmr_url}: {refused}{f': {said}' if said else ''}") from None
    except Broken as broken:
        raise InputError(f"search at {cmr_url}: {broken}") from None


def _nothing(session: Session, cmr_url: str, request: Request, results: int) -> str:
    """Why nothing was found: is there any granule of this product and collection?"""
    any_of_it = [("short_name", request.product), ("version", request.collection), ("provider", PROVIDER)]
    page = _ask(session, cmr_url, [*any_of_it, ("page_size", "1")], None)
    if not page.results and not page.hits:
        return (
            f"{request.product}.{request.collection}: the archive has no such collection; "
            "leave --collection out (061 is MODIS, 002 is VIIRS)"
        )
    aside = f" ({results} results are of other products, tiles or dates, or without a data file)" if results else ""
    return f"no granule found: {request}{aside}; check the dates, whether the tile holds land, and --collection"
