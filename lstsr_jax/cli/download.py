"""``python -m data_builders.download`` and ``lstsr-download``: flags in, lines out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data_builders.download.addresses import CMR_URL
from data_builders.download.fetching import fetch, open_session, plan
from data_builders.download.folder import readable
from data_builders.download.outcome import Outcome
from data_builders.download.products import PRODUCTS
from data_builders.download.request import requests_for
from lstsr_jax.cli.door import door

EXAMPLE = """example:
  lstsr-download --product MOD11A1 --tile h18v04 --start 2020-06-01 --end 2020-06-30 --output-dir granules

The login: a token made at https://urs.earthdata.nasa.gov (Generate Token) in the environment variable EARTHDATA_TOKEN;
or user name and password in ~/.netrc (machine urs.earthdata.nasa.gov) with pip install 'lstsr-jax[download]'.
Run the same command again after any end: what is there and right is kept. More in docs/download.md."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; ends with exit status 0 only when all granules are there."""
    arguments = _parser().parse_args(argv)
    door(lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lstsr-download",
        description="Bring granules of NASA's LP DAAC into a folder, each checked by size and checksum.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--product", action="append", required=True, metavar="NAME", help=f"may be repeated: {' '.join(PRODUCTS)}")
    add("--tile", action="append", default=[], metavar="hHHvVV", help="MODIS tile; may be repeated")
    add("--bbox", nargs=4, type=float, metavar=("W", "S", "E", "N"), help="instead of tiles: degrees")
    add("--start", required=True, metavar="YYYY-MM-DD", help="first day (UTC)")
    add("--end", required=True, metavar="YYYY-MM-DD", help="last day, included")
    add("--output-dir", required=True, type=Path, metavar="D", help="receives the granules and manifest.csv")
    add("--with-ndvi", action="store_true", help="the 16-day 1 km NDVI of the same tiles and dates too")
    add("--collection", metavar="NNN", help="default: 061 of MODIS, 002 of VIIRS")
    add("--jobs", type=int, default=4, metavar="N", help="files at a time (default %(default)s)")
    add("--verify", action="store_true", help="read what is there and fetch again what has a wrong checksum")
    add("--dry-run", action="store_true", help="list what would be fetched, number and bytes; no login needed")
    add("--check", action="store_true", help="report on login, terms, clock, disk space and gaps; fetch nothing")
    add("--cmr-url", default=CMR_URL, metavar="URL", help="another search; the token goes there and to its host")
    add("--timeout", type=float, default=30.0, metavar="S", help="longest wait for bytes (default %(default)s s)")
    add("--debug", action="store_true", help="a line on stderr for each answer; the token is never shown")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    what = {
        "start": arguments.start,
        "end": arguments.end,
        "tiles": arguments.tile,
        "bbox": arguments.bbox,
        "collection": arguments.collection,
        "with_ndvi": arguments.with_ndvi,
    }
    connection = {"jobs": arguments.jobs, "timeout_s": arguments.timeout, "debug": arguments.debug}
    directory = arguments.output_dir.expanduser()
    if arguments.check:
        from data_builders.download.check import check

        with open_session(arguments.cmr_url, **connection) as session:
            findings = check(session, arguments.cmr_url, requests_for(arguments.product, **what), directory)
        print("\n".join(map(str, findings)))
        sys.exit(0 if all(finding.good for finding in findings) else 1)
    if arguments.dry_run:
        planned = plan(arguments.product, directory, cmr_url=arguments.cmr_url, **what, **connection)
        for item in planned:
            size = "?" if item.remote.size is None else item.remote.size
            print(f"{item.remote.file_name} {size} {'kept' if item.here else 'fetch'}")
        missing = [item.remote.about for item in planned if not item.here]
        total = f"{sum(missing)} bytes ({readable(sum(missing))})"
        print(f"{len(planned)} granules, {len(planned) - len(missing)} are there; to fetch: {len(missing)}, {total}")
        return
    outcomes = fetch(
        arguments.product, directory, cmr_url=arguments.cmr_url, verify=arguments.verify, **what, **connection
    )
    if not _report(outcomes, directory):
        sys.exit(1)


def _report(outcomes: Sequence[Outcome], directory: Path) -> bool:
    """Say what became of the granules; whether all are there."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    by_reason: dict[str, list[str]] = {}
    for outcome in failed:
        by_reason.setdefault(outcome.reason, []).append(outcome.granule)
    for reason, granules in by_reason.items():
        more = f" and {len(granules) - 3} more" if len(granules) > 3 else ""
        print(f"failed: {', '.join(granules[:3])}{more}: {reason}", file=sys.stderr)
    fetched = [outcome.bytes for outcome in outcomes if outcome.status == "fetched"]
    kept = len(outcomes) - len(fetched) - len(failed)
    print(f"{directory}: {len(fetched)} fetched ({readable(sum(fetched))}), {kept} kept, {len(failed)} failed")
    return not failed
