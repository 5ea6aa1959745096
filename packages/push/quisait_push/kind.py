"""The kind `push` of sources; `quisait_push.connector` reads the inbox."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.installed import ConnectorKind, SourcePlace
from quisait_push.options import PushOptions

if TYPE_CHECKING:
    from quisait_push.connector import PushConnector
    from quisait_push.files import PushedFiles


def open_push(place: SourcePlace, options: PushOptions) -> "PushConnector":
    """Return the connector of one source that an application pushes to."""
    # Imported here: SQLAlchemy would take half a second of commands that list the kinds.
    from quisait_push.connector import PushConnector
    from quisait_push.inbox import Inbox

    assert place.database is not None  # noqa: S101 - nothing else can be read
    inbox = Inbox(place.database, lambda _: None, max_waiting=0)
    return PushConnector(place.source, inbox, _pushed_files(place, options))


def _pushed_files(place: SourcePlace, options: PushOptions) -> "PushedFiles | None":
    """Return the reader of files pushed by address, or None; tokens are read later."""
    if not options.file_hosts:
        return None
    # Imported here: `requests` is slow to import.
    from quisait_push.files import FileOrigin, PushedFiles

    def token_in(path: str) -> str:
        """Return the token in a file, empty without one. Raises `OSError`, `UnicodeDecodeError`."""
        return Path(place.file(path)).read_text("utf-8").strip() if path else ""

    ca_file = place.file(options.ca_file)
    return PushedFiles(
        {
            origin: FileOrigin(partial(token_in, token), ca_file)
            for origin, token in options.file_hosts.items()
        }
    )


def check_push(place: SourcePlace, options: PushOptions) -> str:
    """Return how many tokens a push source has.

    Raises `ValueError` if it has none, or if a token for files that it fetches cannot be read.
    """
    from quisait_push.tokens import PushTokens

    assert place.database is not None  # noqa: S101 - nothing else can be checked
    tokens = len(PushTokens(place.database).of(place.source))
    if not tokens:
        raise ValueError(f"aucun jeton : « quisait push token add {place.source} » en fait un")
    for origin, token in options.file_hosts.items():
        if token and not _has_text(place.file(token)):
            raise ValueError(f"le jeton de {origin} ne se lit pas : vérifiez « file_hosts »")
    return f"push, {tokens} jetons"


def _has_text(path: str) -> bool:
    """Return whether a file is a non-empty text that this account can read."""
    try:
        return bool(Path(path).read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False


KIND = ConnectorKind(
    "application qui pousse ses documents",
    PushOptions,
    open_push,
    about="Une application envoie elle-même ses documents, avec leurs lecteurs : La Suite, ou la "
    "vôtre. Un jeton lui est donné ensuite.",
    credential="",
    asks=("trust", "join"),
    check=check_push,
    every="1 min",
    has_no_secret_option=True,
)
