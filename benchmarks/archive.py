"""A stand-in for NASA's search and archive on this machine, for the benchmarks of the download.

``python -m benchmarks.archive --files 100 --bytes 3000000`` prints its search address and serves until it is ended.
"""

import argparse
import datetime
import hashlib
import random
import re
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MAGIC = b"\x0e\x03\x13\x01"
FIRST = datetime.date(2012, 1, 1)


class Archive:
    """Files of MOD11A1, one a day, of which every byte is sent at a given pace at most.

    Attributes:
        files: content by file name.
        asked: (file name, first byte) of every request of a file.
    """

    def __init__(self, files: int, size: int, *, bytes_per_second: float = 0.0, seed: int = 0) -> None:
        """Make the files and serve them; 0 bytes per second are as fast as it goes."""
        chance = random.Random(seed)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, int]] = []
        for i in range(files):
            date = FIRST + datetime.timedelta(days=i)
            name = f"MOD11A1.A{date:%Y%j}.h18v04.061.2021003092415.hdf"
            self.files[name] = MAGIC + chance.randbytes(size - len(MAGIC))
        self._checksums = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        self.last = FIRST + datetime.timedelta(days=files - 1)
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                name = urllib.parse.urlsplit(self.path).path.rpartition("/")[2]
                if name == "granules.echo10":
                    self.send(200, archive.records().encode(), {})
                    return
                content = archive.files[name]
                found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                start = int(found[1]) if found else 0
                archive.asked.append((name, start))
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                headers = {"ETag": '"1"', **({"Content-Range": span} if found else {})}
                self.send(206 if found else 200, memoryview(content)[start:], headers)

            def send(self, status: int, body: bytes | memoryview, headers: dict[str, str]) -> None:
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                step = int(bytes_per_second / 50) or len(body)
                for i in range(0, len(body), max(step, 1)):
                    self.connection.sendall(body[i : i + step])
                    if bytes_per_second:
                        time.sleep(0.02)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: socket.socket, client_address: tuple[str, int]) -> None:
                """A client that was killed is no error of ours."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def flags(self) -> list[str]:
        """Flags of the download for all files."""
        dates = ["--start", str(FIRST), "--end", str(self.last)]
        return ["--product", "MOD11A1", "--tile", "h18v04", *dates, "--cmr-url", f"{self.base}/search"]

    def records(self) -> str:
        """All granules in ECHO10."""
        results = (
            f"<result><Granule><DataGranule><AdditionalFile><Name>{name}</Name><SizeInBytes>{len(content)}</SizeInBytes>"
            f"<Checksum><Value>{self._checksums[name]}</Value><Algorithm>SHA-256</Algorithm></Checksum>"
            f"</AdditionalFile></DataGranule><OnlineAccessURLs><OnlineAccessURL><URL>{self.base}/data/{name}</URL>"
            "</OnlineAccessURL></OnlineAccessURLs></Granule></result>"
            for name, content in self.files.items()
        )
        return f"<results>{''.join(results)}</results>"

    def is_right(self, path: Path) -> bool:
        """Whether a file is what was to be fetched."""
        return path.read_bytes() == self.files[path.name]


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=3_000_000)
    parser.add_argument("--bytes-per-second", type=float, default=0.0, help="of each connection; 0: no limit")
    arguments = parser.parse_args()
    archive = Archive(arguments.files, arguments.bytes, bytes_per_second=arguments.bytes_per_second)
    print(f"lstsr-download {' '.join(archive.flags)} --output-dir D", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
