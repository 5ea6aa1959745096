"""Files of a folder as a web site on loopback, for the sources that read sites."""

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from tests.http_server import serving


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """Serve what lies in it until the block ends; yields the address of its root."""
    handler = functools.partial(_Silent, directory=str(folder))
    with serving(handler) as origin:
        yield f"{origin}/"


def write_sitemap(folder: Path, url: str, paths: Iterable[str]) -> None:
    """The site's map names these pages, and no other."""
    entries = "".join(f"<url><loc>{url}{path}</loc></url>" for path in paths)
    (folder / "sitemap.xml").write_text(f"<urlset>{entries}</urlset>", "utf-8")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
