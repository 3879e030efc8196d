"""A stand-in for NASA's search and archive on this machine, which misbehaves on demand."""

import datetime
import fnmatch
import hashlib
import re
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

HDF4 = b"\x0e\x03\x13\x01"
TOKEN = "secret-token-of-the-tests"


class Granule:
    """A file of the archive and its record."""

    def __init__(self, name, content, **record):
        self.name, self.content = name, content
        self.record = {"size": len(content), "algorithm": "SHA-256", "checksum": hashlib.sha256(content).hexdigest()}
        self.record |= record
        self.date = datetime.datetime.strptime(name.split(".")[1], "A%Y%j").date()

    def echo10(self, base):
        r = self.record
        size = "" if r["size"] is None else f"<SizeInBytes>{r['size']}</SizeInBytes>"
        checksum = (
            f"<Checksum><Value>{r['checksum']}</Value><Algorithm>{r['algorithm']}</Algorithm></Checksum>"
            if r["checksum"]
            else ""
        )
        stem = self.name.rpartition(".")[0]
        url = r.get("url", f"{base}/data/{self.name}")
        return (
            f'<result concept-id="G1-LPCLOUD" format="application/echo10+xml" revision-id="1"><Granule>'
            f"<GranuleUR>{stem}</GranuleUR><DataGranule><SizeMBDataGranule>3.1</SizeMBDataGranule>"
            f"<AdditionalFile><Name>{self.name}</Name>{size}{checksum}</AdditionalFile></DataGranule><OnlineAccessURLs>"
            f"<OnlineAccessURL><URL>s3://bucket/{self.name}</URL></OnlineAccessURL>"
            f"<OnlineAccessURL><URL>{base}/browse/BROWSE.{stem}.1.jpg</URL></OnlineAccessURL>"
            f"<OnlineAccessURL><URL>{url}</URL></OnlineAccessURL></OnlineAccessURLs></Granule></result>"
        )


class Archive:
    """Search and data.

    ``faults`` maps a file name to a function of the handler and the granule, called instead of sending it; ``asked``
    lists every request: (path, headers).
    """

    def __init__(self, tls=None):
        self.granules, self.faults, self.asked, self.pages = [], {}, [], None
        self.clock = 0.0
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                archive.asked.append((self.path, dict(self.headers)))
                path = urllib.parse.urlsplit(self.path)
                if path.path == "/search/granules.echo10":
                    archive.search(self, urllib.parse.parse_qs(path.query))
                    return
                name = path.path.rpartition("/")[2]
                granule = next((g for g in archive.granules if g.name == name), None)
                if granule is None:
                    self.answer(404, b"no such file")
                elif name in archive.faults:
                    archive.faults[name](self, granule)
                else:
                    self.serve(granule)

            def serve(self, granule):
                """A file, or the rest of it."""
                found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                size = len(granule.content)
                if found is None:
                    self.answer(200, granule.content, {"ETag": '"1"'})
                elif int(found[1]) >= size:
                    self.answer(416, b"")
                else:
                    start = int(found[1])
                    part = granule.content[start : int(found[2]) + 1 if found[2] else None]
                    span = f"bytes {start}-{start + len(part) - 1}/{size}"
                    self.answer(206, part, {"Content-Range": span, "ETag": '"1"'})

            def answer(self, status, body=b"", headers=None, length=None, kind="application/octet-stream"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if length is not None and length > len(body):
                    self.close_connection = True

            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + archive.clock)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
        self.cmr_url = f"{self.base}/search"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def add(self, day, size=3000, tile="h18v04", product="MOD11A1", production="2020200000000", suffix="hdf", **record):
        """Put a granule of a day (2020-06-01 is 1) into the archive; returns it."""
        date = datetime.date(2020, 5, 31) + datetime.timedelta(days=day)
        collection = "061" if product.startswith("M") else "002"
        name = f"{product}.A{date:%Y%j}.{tile}.{collection}.{production}.{suffix}"
        noise = hashlib.shake_256(name.encode()).digest(size)
        granule = Granule(name, HDF4 + noise[4:], **record)
        self.granules.append(granule)
        return granule

    def search(self, handler, query):
        """A page of the granules that match; pages of the sizes asked for, unless `pages` says how large they are."""
        first, last = (
            (datetime.datetime.fromisoformat(t).date() for t in query["temporal"][0].split(","))
            if ("temporal" in query)
            else (datetime.date.min, datetime.date.max)
        )
        days = {"A1": 1, "A2": 16, "Q1": 16}
        found = [
            g
            for g in self.granules
            if g.name.startswith(f"{query['short_name'][0]}.")
            and f".{query['version'][0]}." in g.name
            and first - datetime.timedelta(days=days.get(g.name[5:7], 1) - 1) <= g.date <= last
            and any(fnmatch.fnmatchcase(g.name, pattern) for pattern in query.get("readable_granule_name[]", ["*"]))
        ]
        start, page = map(int, handler.headers.get("CMR-Search-After", "0:0").split(":"))
        size = int(query["page_size"][0]) if self.pages is None else self.pages[page]
        body = "".join(g.echo10(self.base) for g in found[start : start + size])
        headers = {"CMR-Hits": str(len(found))}
        if start + size < len(found):
            headers["CMR-Search-After"] = f"{start + size}:{page + 1}"
        text = f"<?xml version='1.0' encoding='UTF-8'?><results><hits>{len(found)}</hits>{body}</results>"
        handler.answer(200, text.encode(), headers, kind="application/echo10+xml")

    def of_file(self, granule):
        """The requests of a granule's file: their headers."""
        return [headers for path, headers in self.asked if path == f"/data/{granule.name}"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def archive(monkeypatch):
    """The stand-in over plain http, and a token in the environment."""
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)
    archive = Archive()
    yield archive
    archive.close()


@pytest.fixture
def other(archive):
    """A second server: another port is another host."""
    other = Archive()
    yield other
    other.close()


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def tls_archive(authority, monkeypatch, tmp_path):
    """The stand-in over TLS, whose authority is trusted."""
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    archive = Archive(authority.issue_cert("localhost"))
    yield archive
    archive.close()


@pytest.fixture
def get(archive, tmp_path):
    """`fetch` of June 2020 from the stand-in, quick to lose patience; returns outcomes by granule."""
    from data_builders.download import fetch

    def get(server=archive, **options):
        options = {"tiles": ["h18v04"], "start": "2020-06-01", "end": "2020-06-30", "back_off_s": 0.01} | options
        options = {"timeout_s": 5.0, "attempts": 4, "cmr_url": server.cmr_url} | options
        product = options.pop("product", "MOD11A1")
        outcomes = fetch(product, options.pop("output_dir", tmp_path / "granules"), **options)
        return {outcome.path.name: outcome for outcome in outcomes}

    return get
