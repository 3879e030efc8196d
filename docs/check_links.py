"""Do the links inside a built site hold? ``python docs/check_links.py docs/_build/html`` names those that do not.

Every relative ``href`` and ``src`` must be a file of the site, and what follows ``#`` the id of something on that page.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class _Page(HTMLParser):
    """What a page links to, and what can be linked to on it."""

    def __init__(self, path: Path) -> None:
        """Read it."""
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Take ids and addresses."""
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value or "")
            elif name in ("href", "src") and value:
                self.links.append(value)


def broken(site: Path) -> tuple[int, list[str]]:
    """Number of internal links of a site, and those that lead nowhere, each with its page."""
    pages = {path.resolve(): _Page(path) for path in site.rglob("*.html")}
    count, found = 0, []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            count += 1
            address, anchor = urldefrag(link)
            target = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
            if not target.exists() or (target in pages and unquote(anchor) not in pages[target].anchors):
                found.append(f"{path.relative_to(site.resolve())}: {link}")
    return count, found


def main() -> None:
    """Check the site that is named; exit status 1 if a link is broken."""
    site = Path(sys.argv[1])
    count, found = broken(site)
    print(*found, f"{count} internal links, {len(found)} broken", sep="\n")
    sys.exit(bool(found) or count == 0)


if __name__ == "__main__":
    main()
