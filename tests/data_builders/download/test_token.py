"""Who sees the token: the search and the archive, and nobody else."""

import base64
import json
import logging
import subprocess
import sys
import types

import pytest

from data_builders.download.addresses import origin_of
from data_builders.download.fetching import open_session
from data_builders.download.login import Login
from lstsr_jax.errors import InputError

TOKEN = "secret-token-of-the-tests"


def tokens(server):
    return {headers.get("Authorization") for _, headers in server.asked}


@pytest.mark.parametrize(
    "url", ["https://data.lpdaac.earthdatacloud.nasa.gov/x", "https://cmr.earthdata.nasa.gov/search"]
)
def test_nasa_over_tls_may_see_it(url):
    session = open_session("https://cmr.earthdata.nasa.gov/search")
    assert session.may_see_token(origin_of(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://data.lpdaac.earthdatacloud.nasa.gov/x",
        "https://data.lpdaac.earthdatacloud.nasa.gov:8443/x",
        "https://earthdata.nasa.gov.example.org/x",
        "https://evilearthdata.nasa.gov/x",
        "https://d1nklfio7vscoe.cloudfront.net/x",
        "http://127.0.0.1/x",
    ],
)
def test_nobody_else_may(url):
    session = open_session("https://cmr.earthdata.nasa.gov/search")
    assert not session.may_see_token(origin_of(url))


def test_search_and_data_of_the_stand_in_see_it(archive, get):
    archive.add(1)
    get()
    assert tokens(archive) == {f"Bearer {TOKEN}"}


def test_another_host_never_sees_it_on_a_redirect(archive, other, get):
    granule = archive.add(1)
    other.granules.append(granule)
    target = f"{other.base}/data/{granule.name}?signature=x"
    archive.faults[granule.name] = lambda handler, _: handler.answer(303, b"", {"Location": target})
    assert get()[granule.name].status == "fetched"
    assert len(other.asked) == 1 and tokens(other) == {None}


def test_nor_does_the_archive_when_the_other_host_sends_us_back(archive, other, get):
    granule = archive.add(1)
    other.granules.append(granule)
    there, back = f"{other.base}/data/{granule.name}", f"{archive.base}/data/{granule.name}?back"
    archive.faults[granule.name] = lambda handler, granule: (
        handler.serve(granule) if "back" in handler.path else handler.answer(302, b"", {"Location": there})
    )
    other.faults[granule.name] = lambda handler, _: handler.answer(302, b"", {"Location": back})
    assert get()[granule.name].status == "fetched"
    assert archive.asked[-1][0].endswith("?back") and "Authorization" not in archive.asked[-1][1]


def test_a_redirect_within_the_host_keeps_it(archive, get):
    granule = archive.add(1)
    archive.faults[granule.name] = lambda handler, granule: (
        handler.serve(granule)
        if "again" in handler.path
        else handler.answer(307, b"", {"Location": f"{handler.path}?again"})
    )
    assert get()[granule.name].status == "fetched"
    assert tokens(archive) == {f"Bearer {TOKEN}"}


def test_a_data_address_on_another_host_does_not_see_it(archive, other, get):
    granule = archive.add(1)
    granule.record["url"] = f"{other.base}/data/{granule.name}"
    other.granules.append(granule)
    assert get()[granule.name].status == "fetched"
    assert tokens(other) == {None}


@pytest.mark.parametrize("location", ["http://example.org/x", "ftp://example.org/x", "loop"])
def test_redirects_to_nowhere_good_are_refused(archive, get, location):
    granule = archive.add(1)
    archive.faults[granule.name] = lambda handler, _: handler.answer(
        302, b"", {"Location": handler.path if location == "loop" else location}
    )
    outcome = get()[granule.name]
    assert outcome.status == "failed" and ("redirect" in outcome.reason or "plain http" in outcome.reason)


def test_over_tls_too_and_only_with_a_certificate_that_is_trusted(tls_archive, get, monkeypatch):
    granule = tls_archive.add(1)
    assert get(tls_archive)[granule.name].status == "fetched"
    assert tokens(tls_archive) == {f"Bearer {TOKEN}"}
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(InputError, match="localhost: its certificate is not trusted here"):
        get(tls_archive)


def test_no_token_is_needed_for_a_search_and_none_is_sent(archive, get, monkeypatch):
    monkeypatch.delenv("EARTHDATA_TOKEN")
    granule = archive.add(1)
    archive.faults[granule.name] = lambda handler, granule: handler.answer(401)
    assert "needs a login (401)" in get()[granule.name].reason
    assert tokens(archive) == {None}


@pytest.mark.parametrize("bad", ["a\nb", "a b", "ä"])
def test_a_token_that_cannot_be_one_is_told_without_showing_it(bad):
    with pytest.raises(InputError) as caught:
        Login(bad)
    assert bad not in str(caught.value)


def test_it_is_in_no_output_log_or_file(archive, tmp_path, get, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    good, bad = archive.add(1), archive.add(2)
    archive.faults[bad.name] = lambda handler, _: handler.answer(403, TOKEN.encode())
    outcomes = get(debug=True)
    shown = capsys.readouterr()
    assert "GET" in shown.err and good.name in shown.err
    for text in (shown.out, shown.err, caplog.text, repr(outcomes), repr(Login(TOKEN))):
        assert TOKEN not in text
    for path in (tmp_path / "granules").iterdir():
        assert TOKEN.encode() not in path.read_bytes()


def token_until(seconds):
    part = base64.urlsafe_b64encode(json.dumps({"exp": seconds}).encode()).decode().rstrip("=")
    return f"e30.{part}.x"


def test_a_token_says_when_it_ends():
    assert Login(token_until(1767225600)).expiry().isoformat() == "2026-01-01T00:00:00+00:00"
    assert Login("opaque").expiry() is None and Login("a.b.c").expiry() is None


@pytest.fixture
def no_login(monkeypatch, tmp_path):
    for name in ("EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return tmp_path / "netrc"


@pytest.fixture
def earthaccess(monkeypatch):
    """In place of the package: remembers the strategy and gives a token."""
    asked = []
    module = types.ModuleType("earthaccess")
    module.login = lambda strategy: asked.append(strategy)
    module.get_edl_token = lambda: "made"
    monkeypatch.setitem(sys.modules, "earthaccess", module)
    return module, asked


DATA = origin_of("https://data.lpdaac.earthdatacloud.nasa.gov/x")


def test_without_any_login_the_remedies_are_named(no_login):
    with pytest.raises(InputError, match=r"EARTHDATA_TOKEN.*netrc"):
        Login().token_for(DATA)


def test_a_password_makes_a_token_for_the_data_only(no_login, earthaccess):
    no_login.write_text("machine urs.earthdata.nasa.gov login me password hush\n")
    login = Login()
    assert login.token_for(origin_of("https://cmr.earthdata.nasa.gov/search")) is None
    assert login.token_for(origin_of("http://127.0.0.1:1/search")) is None
    assert (login.token_for(DATA), login.token_for(DATA)) == ("made", "made")
    assert earthaccess[1] == ["netrc"]


def test_user_name_and_password_of_the_environment(no_login, earthaccess, monkeypatch):
    monkeypatch.setenv("EARTHDATA_USERNAME", "me")
    monkeypatch.setenv("EARTHDATA_PASSWORD", "hush")
    assert Login().token_for(DATA) == "made" and earthaccess[1] == ["environment"]


def test_a_refused_password_is_one_line_that_does_not_show_it(no_login, earthaccess):
    no_login.write_text("machine urs.earthdata.nasa.gov login me password hush\n")

    def refuse(strategy):
        raise RuntimeError("hush is wrong")

    earthaccess[0].login = refuse
    with pytest.raises(InputError, match="login by netrc failed") as caught:
        Login().token_for(DATA)
    assert "hush" not in str(caught.value)


def test_a_netrc_without_the_extra_names_it(no_login, monkeypatch):
    no_login.write_text("machine urs.earthdata.nasa.gov login me password hush\n")
    monkeypatch.setitem(sys.modules, "earthaccess", None)
    with pytest.raises(InputError, match=r"lstsr-jax\[download\]"):
        Login().token_for(DATA)


def test_the_environments_token_needs_no_other_package():
    code = "import data_builders.download, sys; assert not {'earthaccess', 'requests', 'jax'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
