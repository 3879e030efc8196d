"""What the archive may answer, and what becomes of it (the stand-in is in conftest.py)."""

import datetime
import email.utils
import errno
import hashlib
import time

import pytest

from data_builders.download import transfer
from data_builders.download.digest import Digest
from data_builders.download.outcome import Checksum
from lstsr_jax.errors import InputError
from lstsr_jax.geo.manifest import read_manifest

PAGE = b"<!DOCTYPE html><html><title>Earthdata Login</title></html>"


def right(outcome, granule):
    return outcome.path.read_bytes() == granule.content


@pytest.fixture
def pair(archive):
    """A good granule and one for faults; the good one must come whatever happens to the other."""
    return archive.add(1), archive.add(2)


@pytest.fixture
def failure(archive, pair, get):
    """Fetch with a fault; returns the failed outcome, after making sure that the good granule came."""

    def failure(fault):
        good, bad = pair
        archive.faults[bad.name] = fault
        outcomes = get()
        assert outcomes[good.name].status == "fetched" and right(outcomes[good.name], good)
        assert outcomes[bad.name].status == "failed" and outcomes[bad.name].bytes == 0
        assert not outcomes[bad.name].path.exists()
        assert "\n" not in outcomes[bad.name].reason
        assert list(read_manifest(outcomes[good.name].path.parent)) == [outcomes[good.name].granule]
        return outcomes[bad.name]

    return failure


def test_a_login_page_with_status_200_is_no_granule(failure, archive, pair):
    outcome = failure(lambda handler, _: handler.answer(200, PAGE, kind="text/html; charset=utf-8"))
    assert "login page instead of data" in outcome.reason and "EARTHDATA_TOKEN" in outcome.reason
    assert len(archive.of_file(pair[1])) == 1


def test_a_login_page_called_octet_stream_is_seen_too(failure):
    assert "login page" in failure(lambda handler, _: handler.answer(200, b"\n" + PAGE)).reason


def test_other_text_is_no_granule(failure):
    assert "not HDF" in failure(lambda handler, _: handler.answer(200, b'{"error": "no"}')).reason


@pytest.mark.parametrize(("status", "says"), [(401, "token"), (403, "terms"), (404, "not there"), (410, "410")])
def test_refusals_are_asked_once(failure, archive, pair, status, says):
    outcome = failure(lambda handler, _: handler.answer(status, b"no"))
    assert says in outcome.reason
    assert len(archive.of_file(pair[1])) == 1


def test_terms_not_accepted_name_the_place_to_accept_them(failure):
    body = b'{"error_description":"EULA","resolution_url":"https://urs.earthdata.nasa.gov/approve_app?client_id=X1"}'
    assert "https://urs.earthdata.nasa.gov/approve_app?client_id=X1" in failure(lambda h, _: h.answer(403, body)).reason


def test_a_wrong_checksum_leaves_nothing(failure):
    outcome = failure(lambda handler, granule: handler.answer(200, granule.content[:-1] + b"\0"))
    assert "sha256" in outcome.reason
    assert not list(outcome.path.parent.glob("*.part"))


def test_a_file_longer_than_its_record_is_refused(failure):
    assert "bytes" in failure(lambda handler, granule: handler.answer(200, granule.content + b"\0")).reason


def test_a_body_that_is_always_cut_short_fails_after_some_attempts(failure, archive, pair):
    def cut(handler, granule):
        handler.answer(200, granule.content[:1000], length=len(granule.content))

    assert "run the same command again" in failure(cut).reason
    assert 3 <= len(archive.of_file(pair[1])) <= 6


def test_a_body_short_by_its_own_account_fails(failure):
    assert "only 1000 of 3000 bytes" in failure(lambda h, g: h.answer(200, g.content[:1000])).reason


def test_a_body_cut_short_once_goes_on_where_it_broke(archive, get):
    granule = archive.add(1)

    def cut_once(handler, granule):
        if "Range" in handler.headers:
            handler.serve(granule)
        else:
            handler.answer(200, granule.content[:1000], {"ETag": '"1"'}, length=len(granule.content))

    archive.faults[granule.name] = cut_once
    assert right(get()[granule.name], granule)
    first, second = archive.of_file(granule)
    assert "Range" not in first and second["Range"] == "bytes=1000-" and second["If-Range"] == '"1"'


def test_a_stalled_connection_is_given_up_and_resumed(archive, get):
    granule = archive.add(1)

    def stall_once(handler, granule):
        if "Range" in handler.headers:
            handler.serve(granule)
            return
        handler.answer(200, granule.content[:500], length=len(granule.content))
        time.sleep(1.5)

    archive.faults[granule.name] = stall_once
    start = time.monotonic()
    assert right(get(timeout_s=0.2)[granule.name], granule)
    assert time.monotonic() - start < 1.4  # it did not wait for the server


def test_busy_servers_are_asked_again(archive, get):
    granule = archive.add(1)
    answers = iter([503, 503])

    def busy(handler, granule):
        status = next(answers, None)
        handler.serve(granule) if status is None else handler.answer(status, b"busy")

    archive.faults[granule.name] = busy
    assert right(get()[granule.name], granule)
    assert len(archive.of_file(granule)) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept(archive, get, form):
    granule, times = archive.add(1), []
    date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=archive.clock + 2)
    wait = "1" if form == "seconds" else email.utils.format_datetime(date, usegmt=True)

    def busy(handler, granule):
        times.append(time.time())
        handler.serve(granule) if len(times) > 1 else handler.answer(429, b"", {"Retry-After": wait})

    archive.faults[granule.name] = busy
    assert right(get()[granule.name], granule)
    assert times[1] >= (times[0] + 1 if form == "seconds" else date.timestamp() // 1) - 0.05


def test_a_server_that_is_always_busy_fails_in_the_end(failure, archive, pair):
    assert "503" in failure(lambda handler, _: handler.answer(503)).reason
    assert len(archive.of_file(pair[1])) == 4


def put_part(folder, granule, content):
    folder.mkdir()
    (folder / f"{granule.name}.part").write_bytes(content)


def test_a_part_of_an_earlier_run_is_resumed(archive, get, tmp_path):
    granule = archive.add(1)
    put_part(tmp_path / "granules", granule, granule.content[:1200])
    assert right(get()[granule.name], granule)
    assert [headers["Range"] for headers in archive.of_file(granule)] == ["bytes=1200-"]
    assert not list((tmp_path / "granules").glob("*.part"))


def test_a_part_that_is_complete_is_not_fetched(archive, get, tmp_path):
    granule = archive.add(1)
    put_part(tmp_path / "granules", granule, granule.content)
    assert right(get()[granule.name], granule)
    assert not archive.of_file(granule)


@pytest.mark.parametrize("part", ["other bytes", "too long", "complete but wrong"])
def test_a_part_that_does_not_fit_is_thrown_away(archive, get, tmp_path, part):
    granule = archive.add(1)
    content = {"other bytes": b"x" * 1200, "too long": granule.content + b"x", "complete but wrong": b"x" * 3000}[part]
    put_part(tmp_path / "granules", granule, content)
    assert right(get()[granule.name], granule)


def test_a_part_without_a_checksum_to_judge_it_is_not_used(archive, get, tmp_path):
    granule = archive.add(1, checksum=None)
    put_part(tmp_path / "granules", granule, b"x" * 1200)
    assert right(get()[granule.name], granule)
    assert "Range" not in archive.of_file(granule)[0]


def test_servers_that_ignore_range_or_refuse_it_start_again(archive, get, tmp_path):
    ignoring, refusing = archive.add(1), archive.add(2)
    for granule in (ignoring, refusing):
        (tmp_path / "granules").mkdir(exist_ok=True)
        (tmp_path / "granules" / f"{granule.name}.part").write_bytes(granule.content[:1200])
    archive.faults[ignoring.name] = lambda handler, granule: handler.answer(200, granule.content)
    archive.faults[refusing.name] = lambda handler, granule: (
        handler.answer(416) if "Range" in handler.headers else handler.answer(200, granule.content)
    )
    outcomes = get()
    assert right(outcomes[ignoring.name], ignoring) and right(outcomes[refusing.name], refusing)


def test_existing_files_count_only_with_the_right_size(archive, get, tmp_path):
    short, whole = archive.add(1), archive.add(2)
    (tmp_path / "granules").mkdir()
    (tmp_path / "granules" / short.name).write_bytes(short.content[:3])
    (tmp_path / "granules" / whole.name).write_bytes(whole.content)
    outcomes = get()
    assert outcomes[short.name].status == "fetched" and right(outcomes[short.name], short)
    assert outcomes[whole.name].status == "kept" and not archive.of_file(whole)
    assert set(read_manifest(tmp_path / "granules")) == {outcome.granule for outcome in outcomes.values()}


def test_verify_reads_what_is_there(archive, get):
    granule = archive.add(1)
    path = get()[granule.name].path
    path.write_bytes(granule.content[:-1] + b"\0")
    assert get()[granule.name].status == "kept"
    assert get(verify=True)[granule.name].status == "fetched" and path.read_bytes() == granule.content
    assert get(verify=True)[granule.name].status == "kept"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-1", "SHA512", "Adler-32"])
def test_other_checksums_are_checked_and_unknown_ones_left(archive, get, algorithm):
    granule = archive.add(1)
    if algorithm != "Adler-32":
        granule.record["checksum"] = hashlib.new(algorithm.lower().replace("-", ""), granule.content).hexdigest()
    granule.record["algorithm"] = algorithm
    outcome = get()[granule.name]
    assert outcome.status == "fetched"
    row = read_manifest(outcome.path.parent)[outcome.granule]
    assert row.checksum == hashlib.sha256(granule.content).hexdigest()
    granule.content = granule.content[:4] + bytes(len(granule.content) - 4)
    outcome.path.unlink()
    assert get()[granule.name].status == ("fetched" if algorithm == "Adler-32" else "failed")


@pytest.mark.parametrize(("content", "cksum"), [(b"123456789", "930766865"), (b"\x0e\x03\x13\x01", "2993786103")])
def test_cksum_is_that_of_posix(content, cksum):
    digest = Digest(Checksum("cksum", cksum))
    for byte in content:
        digest.update(bytes([byte]))
    assert digest.complaint() == ""
    digest.update(b"0")
    assert cksum in digest.complaint()


def test_without_a_size_in_the_record_the_servers_length_counts(archive, get):
    granule = archive.add(1, size=3000, checksum=None)
    granule.record["size"] = None
    path = get()[granule.name].path
    assert path.read_bytes() == granule.content
    (path.parent / "manifest.csv").unlink()
    assert get()[granule.name].status == "kept"
    (path.parent / "manifest.csv").unlink()
    path.write_bytes(b"abc")
    assert get()[granule.name].status == "fetched"


def test_an_account_that_is_refused_is_not_tried_on_every_granule(archive, get):
    granules = [archive.add(day) for day in range(1, 31)]
    for granule in granules:
        archive.faults[granule.name] = lambda handler, _: handler.answer(401)
    outcomes = get(jobs=2)
    assert len(outcomes) == 30 and all("token" in outcome.reason for outcome in outcomes.values())
    assert sum(len(archive.of_file(granule)) for granule in granules) <= 5 + 4


def test_a_full_disk_ends_it_and_loses_nothing(archive, get, monkeypatch):
    granules = [archive.add(day) for day in range(1, 21)]
    replace, renamed = transfer.os.replace, []

    def full_after_five(source, target):
        if len(renamed) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        renamed.append(target)
        replace(source, target)

    monkeypatch.setattr(transfer.os, "replace", full_after_five)
    outcomes = get(jobs=1)
    fetched = [name for name, outcome in outcomes.items() if outcome.status == "fetched"]
    assert len(fetched) == 5
    assert {outcome.reason for outcome in outcomes.values()} == {"", outcomes[granules[-1].name].reason}
    assert "disk full" in outcomes[granules[-1].name].reason
    assert len(archive.of_file(granules[9])) == 0
    monkeypatch.setattr(transfer.os, "replace", replace)
    outcomes = get()
    assert [name for name, outcome in outcomes.items() if outcome.status == "kept"] == fetched
    assert all(right(outcomes[granule.name], granule) for granule in granules)


def test_too_little_room_is_told_before_anything_is_fetched(archive, get):
    granule = archive.add(1)
    granule.record["size"] = 10**18
    with pytest.raises(InputError, match="disk full: 1000000"):
        get()
    assert not archive.of_file(granule)


def test_a_kept_connection_serves_many_files(archive, get, monkeypatch):
    for day in range(1, 21):
        archive.add(day)
    opened = []
    accept = archive.server.get_request
    monkeypatch.setattr(archive.server, "get_request", lambda: opened.append(1) or accept())
    assert all(outcome.status == "fetched" for outcome in get(jobs=2).values())
    assert len(opened) <= 3
