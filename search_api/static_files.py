"""Style sheets, scripts and themes: compressed, and cached by browsers while unchanged.

Pages are never compressed: they contain the reader's query and restricted text, and the compressed
length would reveal the text (the BREACH attack, 2013).
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

STATIC = Path(__file__).parent / "static"
STATIC_FOLDERS = [STATIC]
"""Folders of the files at `/static`: quisait's own first, then those of features."""
FOREVER, ASK = "public, max-age=31536000, immutable", "public, no-cache"


def add_static(folder: Path) -> None:
    """Serve the files of this folder at `/static`, unless an earlier folder has the same name."""
    if folder not in STATIC_FOLDERS:
        STATIC_FOLDERS.append(folder)


@lru_cache
def static_address(name: str) -> str:
    """Return the address of a file at `/static`, which changes with the file's content."""
    file = next(folder / name for folder in STATIC_FOLDERS if (folder / name).is_file())
    return f"/static/{name}?v={sha256(file.read_bytes()).hexdigest()[:12]}"


def static_files(folder: Path, *more: Path) -> ASGIApp:
    """Serve the files of folders, compressed for browsers that accept it."""
    files = _CachedStaticFiles(directory=folder)
    files.all_directories.extend(more)
    return GZipMiddleware(files)


class _CachedStaticFiles(StaticFiles):
    """Serves files: cached for a year at the versioned address, revalidated at other addresses."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file. Raises a 404 as `StaticFiles` does."""
        response = await super().get_response(path, scope)
        if tag := response.headers.get("etag"):
            # Weak (RFC 9110, 8.8.1): compression changes the bytes, not the content.
            response.headers["etag"] = f"W/{tag}"
        asked = f"/static/{path}?{scope['query_string'].decode('latin-1')}"
        known = self.directory == STATIC and scope["query_string"] and response.status_code < 400
        forever = known and asked == static_address(path)
        response.headers["Cache-Control"] = FOREVER if forever else ASK
        return response
