"""Connections that are kept, those that the server has ended meanwhile, and those through a proxy."""

import base64
import select
import socket
import socketserver
import threading

import pytest

from data_builders.download import addresses
from data_builders.download.addresses import target_of


def test_a_kept_connection_that_the_server_ended_is_replaced(archive, get):
    granules = [archive.add(day) for day in range(1, 11)]

    def serve_and_hang_up(handler, granule):
        handler.serve(granule)
        handler.close_connection = True  # without saying so

    for granule in granules:
        archive.faults[granule.name] = serve_and_hang_up
    assert all(outcome.status == "fetched" for outcome in get(jobs=1, attempts=1).values())
    assert all(len(archive.of_file(granule)) == 1 for granule in granules)


def test_a_body_in_chunks_is_whole_and_its_connection_kept(archive, get, monkeypatch):
    granules = [archive.add(day, size=70_000) for day in range(1, 6)]
    opened = []
    accept = archive.server.get_request
    monkeypatch.setattr(archive.server, "get_request", lambda: opened.append(1) or accept())

    def chunks(handler, granule):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for i in range(0, 70_000, 7_000):
            handler.wfile.write(b"%x\r\n%s\r\n" % (7_000, granule.content[i : i + 7_000]))
        handler.wfile.write(b"0\r\n\r\n")

    for granule in granules:
        archive.faults[granule.name] = chunks
    outcomes = get(jobs=1)
    assert all(outcomes[g.name].path.read_bytes() == g.content for g in granules)
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.org", "/"),
        ("https://a.org?q=1", "/?q=1"),
        ("https://a.org/x%20y/z?a=b%2Fc&d=[e]#f", "/x%20y/z?a=b%2Fc&d=[e]"),
        ("https://a.org/x y/\u00e9", "/x%20y/%C3%A9"),
    ],
)
def test_what_is_asked_is_path_and_query_encoded_once(url, target):
    assert target_of(url) == target


@pytest.fixture
def proxy():
    """A proxy that tunnels, and what it was asked: (first line, login)."""
    asked = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            line, login = self.rfile.readline().decode().strip(), ""
            while header := self.rfile.readline().decode().strip():
                name, _, value = header.partition(": ")
                login = value if name.lower() == "proxy-authorization" else login
            asked.append((line, login))
            if not login:
                self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            host, _, port = line.split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as other:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                ends = {self.connection: other, other: self.connection}
                while True:
                    for end in select.select([*ends], [], [])[0]:
                        data = end.recv(1 << 16)
                        if not data:
                            return
                        ends[end].sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


@pytest.fixture
def elsewhere(monkeypatch):
    """The stand-in counts as another machine."""
    monkeypatch.setattr(addresses, "_is_loopback", lambda host: False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_proxy_of_the_environment_is_used_over_a_tunnel(tls_archive, get, proxy, elsewhere, monkeypatch, scheme):
    address, asked = proxy
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}me:s%40cret@{address}")
    granules = [tls_archive.add(day) for day in range(1, 4)]
    outcomes = get(tls_archive, jobs=1)
    assert all(outcomes[g.name].path.read_bytes() == g.content for g in granules)
    login = f"Basic {base64.b64encode(b'me:s@cret').decode()}"
    ((line, sent),) = asked
    assert line.startswith(f"CONNECT {tls_archive.base.removeprefix('https://')} HTTP/1.") and sent == login


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("http://{}", "cannot be reached through the proxy; check HTTPS_PROXY"),
        ("http://127.0.0.1:1", "cannot be reached through the proxy; check HTTPS_PROXY"),
        ("socks5://{}", "set HTTPS_PROXY=http://HOST:PORT"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_line(tls_archive, get, proxy, elsewhere, monkeypatch, named, says):
    monkeypatch.setenv("HTTPS_PROXY", named.format(proxy[0]))
    tls_archive.add(1)
    with pytest.raises(ValueError, match=says):
        get(tls_archive)
