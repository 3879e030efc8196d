"""Which granules are found, and what is said when none are."""

import datetime
import http.client
import socket

import pytest

from data_builders.download import fetch, plan
from data_builders.download.products import PRODUCTS, parse_file_name
from data_builders.download.request import requests_for, tiles_of
from lstsr_jax.errors import InputError
from lstsr_jax.geo.grid import tile_of


def names(planned):
    return [item.remote.file_name for item in planned]


@pytest.fixture
def look(archive, tmp_path):
    def look(product="MOD11A1", **options):
        options = {"tiles": ["h18v04"], "start": "2020-06-01", "end": "2020-06-30", "back_off_s": 0.01} | options
        return plan(product, tmp_path / "none", cmr_url=archive.cmr_url, **options)

    return look


def test_all_pages_are_read(archive, look):
    tiles = [f"h{h:02d}v{v:02d}" for h in range(10, 20) for v in range(2, 12)]
    for tile in tiles[:-1]:
        for day in range(1, 26):
            archive.add(day, size=10, tile=tile)
    for day in range(1, 26):
        archive.add(day, size=10, tile=tiles[-1])
    found = look(tiles=tiles)
    assert len(archive.granules) == 2500
    assert sorted(names(found)) == sorted(granule.name for granule in archive.granules)


def test_2500_granules_of_one_tile_come_over_two_pages(archive, look):
    for day in range(1, 2501):
        archive.add(day, size=10)
    found = look(end="2027-12-31")
    assert len(found) == 2500 and len(archive.asked) == 2
    assert archive.asked[1][1]["CMR-Search-After"] == "2000:1"
    assert archive.asked[0][0] == archive.asked[1][0]


def test_pages_of_any_size_are_followed_until_the_header_is_absent(archive, look):
    granules = [archive.add(day) for day in range(1, 31)]
    archive.pages = [7, 0, 1, 2, 20]
    assert names(look()) == [granule.name for granule in granules]


def test_a_search_that_gives_less_than_it_announced_is_an_error(archive, look, monkeypatch):
    archive.add(1)
    monkeypatch.setattr(type(archive.granules[0]), "echo10", lambda self, base: "")
    with pytest.raises(InputError, match="announced 1 granules and gave 0"):
        look()


def test_the_newest_production_of_a_day_and_tile_is_taken(archive, look):
    old, new = archive.add(1, production="2020154000000"), archive.add(1, production="2021003000000")
    older = archive.add(1, production="2020153235959")
    assert names(look()) == [new.name] and {old.name, older.name}.isdisjoint(names(look()))


def test_the_query_asks_for_full_utc_days_of_the_cloud_archive(archive, look):
    archive.add(1)
    look()
    (path, _), *_ = archive.asked
    for part in (
        "provider=LPCLOUD",
        "version=061",
        "page_size=2000",
        "2020-06-01T00%3A00%3A00Z%2C2020-06-30T23%3A59%3A59Z",
    ):
        assert part in path
    assert "readable_granule_name%5B%5D=MOD11A1.A%2A.h18v04.061.%2A" in path


def test_results_that_were_not_asked_for_are_left_aside_with_a_word(archive, look, monkeypatch, capsys):
    asked = archive.add(1)
    archive.add(40), archive.add(1, tile="h17v04"), archive.add(1, product="MYD11A1")
    archive.add(2, url="s3://bucket/MOD11A1.A2020154.h18v04.061.2020200000000.hdf")
    every = [granule.echo10(archive.base) for granule in archive.granules]
    monkeypatch.setattr(
        archive, "search", lambda handler, query: handler.answer(200, f"<results>{''.join(every)}</results>".encode())
    )
    assert names(look(end="2020-06-01")) == [asked.name]
    assert "4 results of other products" in capsys.readouterr().err


def test_days_without_a_granule_are_told(archive, look, capsys):
    for day in (1, 2, 5, 30):
        archive.add(day)
    look()
    error = capsys.readouterr().err
    assert "2020-06-03 to 2020-06-04 (2 days)" in error and "2020-06-06 to 2020-06-29 (24 days)" in error


def test_periods_that_meet_the_dates_are_found(archive, look):
    first, second = archive.add(-3, product="MOD13A2"), archive.add(13, product="MOD13A2")
    archive.add(29, product="MOD13A2")
    assert names(look("MOD13A2", end="2020-06-14")) == [first.name, second.name]


@pytest.mark.parametrize(
    ("product", "ndvi"),
    [("MOD11A1", "MOD13A2"), ("MYD21A1N", "MYD13A2"), ("VNP21A1D", "VNP13A2"), ("VJ221A1D", "VJ113A2")],
)
def test_ndvi_of_the_same_family_comes_with_it(archive, look, product, ndvi):
    suffix = "hdf" if product.startswith("M") else "h5"
    lst, guide = archive.add(1, product=product, suffix=suffix), archive.add(-3, product=ndvi, suffix=suffix)
    assert names(look(product, with_ndvi=True, end="2020-06-01")) == [lst.name, guide.name]


def test_no_granule_is_an_error_that_names_what_was_asked_for(archive, look):
    archive.add(400)
    with pytest.raises(InputError, match=r"no granule found: MOD11A1.061 of h18v04 from 2020-06-01 to 2020-06-30"):
        look()
    archive.add(1)
    with pytest.raises(InputError, match=r"no granule found: MOD11A1.061 of h17v04"):
        look(tiles=["h18v04", "h17v04"])


def test_a_collection_that_is_not_there_is_an_error_of_its_own(archive, look):
    archive.add(1)
    with pytest.raises(InputError, match=r"MOD11A1.006: the archive has no such collection"):
        look(collection="006")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"product": "MOD11A9"}, "--product MOD11A9: not known"),
        ({"start": "2020-02-30"}, "--start 2020-02-30: no such day"),
        ({"start": "2020-07-01"}, "--start 2020-07-01 is after --end"),
        ({"tiles": ["h18v4"]}, "--tile h18v4: .* write it like 'h18v04'"),
        ({"tiles": ["h36v04"]}, "--tile h36v04: .* outside"),
        ({"tiles": []}, "--tile: give tiles"),
        ({"bbox": (0, 0, 1, 1)}, "one of the two"),
        ({"tiles": [], "bbox": (5, 50, 6, 40)}, "--bbox 5 50 6 40: west south east north"),
        ({"tiles": [], "bbox": (5, 50, 6)}, "--bbox 5 50 6"),
        ({"collection": "6"}, "--collection 6"),
        ({"cmr_url": "ftp://x/search"}, "--cmr-url ftp://x/search: no address"),
        ({"cmr_url": "http://example.org/search"}, "plain http is for this machine only"),
        ({"jobs": 0}, "--jobs 0"),
    ],
)
def test_bad_arguments_are_named(tmp_path, change, says):
    options = {"product": "MOD11A1", "tiles": ["h18v04"], "start": "2020-06-01", "end": "2020-06-30"} | change
    with pytest.raises(InputError, match=says):
        fetch(options.pop("product"), tmp_path, **options)


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"{}", b"<results><result>", b'<!DOCTYPE r [<!ENTITY a "b">]><results/>']
)
def test_an_answer_that_is_no_echo10_is_an_error(archive, look, monkeypatch, body):
    monkeypatch.setattr(archive, "search", lambda handler, query: handler.answer(200, body))
    with pytest.raises(InputError, match="check --cmr-url"):
        look()


def test_what_the_search_says_of_a_bad_query_is_repeated(archive, look, monkeypatch):
    said = b"<errors><error>Parameter [page_size] must be\n less</error></errors>"
    monkeypatch.setattr(archive, "search", lambda handler, query: handler.answer(400, said))
    with pytest.raises(InputError, match=r"status 400: Parameter \[page_size\] must be less"):
        look()


def test_a_search_that_is_not_there_is_one_line(archive, look):
    archive.close()
    with pytest.raises(InputError, match=r"search at http://127.0.0.1:\d+/search: 127.0.0.1 cannot be reached"):
        look(attempts=2)


def test_a_host_that_has_no_address_is_one_line_after_two_attempts(tmp_path, monkeypatch):
    asked = []

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    what = {"tiles": ["h18v04"], "start": "2020-06-01", "end": "2020-06-30", "back_off_s": 0.01}
    with pytest.raises(InputError, match=r"^search at https://cmr.example.org/search: cmr.example.org: no such host; "):
        plan("MOD11A1", tmp_path, cmr_url="https://cmr.example.org/search", attempts=9, **what)
    assert asked == ["cmr.example.org"] * 2


def test_a_connection_that_fails_after_answers_is_tried_again(archive, look, monkeypatch):
    archive.add(1), archive.add(2)
    archive.pages, refused = [1, 1], []
    connect = http.client.HTTPConnection.connect

    def refuse(connection):
        if len(archive.asked) == 1 and len(refused) < 3:
            refused.append(connection)
            raise ConnectionRefusedError
        connect(connection)

    monkeypatch.setattr(http.client.HTTPConnection, "connect", refuse)
    archive.server.RequestHandlerClass.protocol_version = "HTTP/1.0"  # a new connection for each page
    assert len(look(attempts=5)) == 2 and len(refused) == 3


def test_a_busy_search_is_asked_again(archive, look, monkeypatch):
    granule, search, busy = archive.add(1), archive.search, iter([429, 503])

    def sometimes(handler, query):
        status = next(busy, None)
        search(handler, query) if status is None else handler.answer(status, b"", {"Retry-After": "0"})

    monkeypatch.setattr(archive, "search", sometimes)
    assert names(look()) == [granule.name]


def test_the_checksum_of_the_granule_counts_where_its_files_have_none(archive, get, monkeypatch):
    good, bad = archive.add(1), archive.add(2)
    bad.record["checksum"] = "0" * 64
    monkeypatch.setattr(
        type(good),
        "echo10",
        lambda self, base: (
            f"<result><Granule><DataGranule><DataGranuleSizeInBytes>3000</DataGranuleSizeInBytes><Checksum><Value>"
            f"{self.record['checksum'].upper()}</Value><Algorithm>sha256</Algorithm></Checksum></DataGranule>"
            f"<OnlineAccessURLs><OnlineAccessURL><URL>{base}/data/{self.name}</URL></OnlineAccessURL></OnlineAccessURLs>"
            "</Granule></result>"
        ),
    )
    outcomes = get()
    assert outcomes[good.name].status == "fetched" and outcomes[bad.name].status == "failed"


def test_every_product_has_a_name_that_is_recognised():
    for product, entry in PRODUCTS.items():
        suffix = "hdf" if product.startswith("M") else "h5"
        name = parse_file_name(f"{product}.A2024183.h18v04.{entry.collection}.2024184093015.{suffix}")
        assert name is not None and (name.product, name.tile) == (product, "h18v04")
        assert name.date == datetime.date(2024, 7, 1)
    for name in (
        "MOD11A1.A2023366.h18v04.061.2024184093015.hdf",
        "../MOD11A1.A2023001.h18v04.061.2024184093015.hdf",
        "x",
    ):
        assert parse_file_name(name) is None
    assert len(PRODUCTS) == 12 + 4 + 8


@pytest.mark.parametrize("box", [(5.0, 43.0, 17.5, 52.5), (-10.0, -12.0, 12.0, 5.0), (170.0, -48.0, -175.0, -33.0)])
def test_the_tiles_of_a_box_are_those_of_its_places(box):
    west, south, east, north = box
    span = (east - west) % 360
    places = [
        ((west + span * i / 150 + 180) % 360 - 180, south + (north - south) * j / 150)
        for i in range(1, 150)
        for j in range(1, 150)
    ]
    assert set(tiles_of(box)) >= {tile_of(*place) for place in places}
    assert len(set(tiles_of(box)) - {tile_of(*place) for place in places}) <= 1  # a corner smaller than the mesh


def test_whole_tiles_and_the_globe():
    assert tiles_of((0, 40, 1, 50)) == ("h18v04",)
    assert len(tiles_of((-180, -90, 180, 90))) == 460  # tiles of the grid that hold land or sea
    assert requests_for("MOD11A1", "2020-06-01", "2020-06-02", bbox=(5, 43, 6, 44))[0].tiles == ("h18v04",)
