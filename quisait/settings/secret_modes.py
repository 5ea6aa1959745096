"""Which files hold secrets, and whether other accounts of the machine may read them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from quisait.settings import Settings, beside_file, settings_file
from quisait.settings.secret_files import FOLDER

OTHERS = stat.S_IROTH | stat.S_IWOTH


def open_to_others(settings: Settings) -> list[str]:
    """Paths of files of secrets that every account may read or change, in order."""
    return sorted({str(path) for path in _holding_secrets(settings) if _open(path)})


def _holding_secrets(settings: Settings) -> Iterator[Path]:
    if folder := os.environ.get(FOLDER):
        yield from (path for path in Path(folder).iterdir() if path.is_file())
    yield from (beside_file(one.password_file) for one in settings.sources if one.password_file)
    said = settings_file().read_text("utf-8") if settings_file().is_file() else ""
    told = {settings.index.password, settings.server.token_key, settings.metrics.token}
    told |= {settings.database_password, settings.oidc.client_secret}
    if any(secret and secret in said for secret in told):
        yield settings_file()


def _open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False
