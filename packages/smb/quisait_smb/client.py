"""A client of a share over SMB 2 or 3: list a folder, read an access list, read a file.

All messages are signed; each answer has a timeout; no symbolic link is followed. Failures are
raised as `SourceError` (`connectors.ports`), or as `Unreadable`.
"""

import logging
import struct
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from smbprotocol import exceptions as smb
from smbprotocol.connection import Connection
from smbprotocol.file_info import FileInformationClass, InfoType
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    ImpersonationLevel,
    InfoAdditionalInformation,
    Open,
    ShareAccess,
    SMB2QueryDirectoryResponse,
    SMB2QueryInfoRequest,
    SMB2QueryInfoResponse,
    SMB2ReadResponse,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect
from spnego.exceptions import SpnegoError

from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable
from connectors.timeouts import call_with_timeout

for _name in ("smbprotocol", "spnego"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # they log file names

_LISTED = struct.Struct("<IIQQQQQQIII")
_FILE_ID_AT, _NAME_AT = 96, 104
"""Offsets of the file's number and name in FileIdBothDirectoryInformation, after its fixed fields
(MS-FSCC 2.4.17).
"""
_CREATED, _HANDLE_AT = struct.Struct("<8sQQQQQQ"), 64
"""The first fields of the answer to CREATE, and the offset of its handle (MS-SMB2 2.2.14)."""
_CHUNK = 65_536
"""Maximum bytes of an answer: a larger answer would cost several credits (MS-SMB2 3.1.5.2)."""
_READ_DATA, _ADD_FILE, _READ_ATTRIBUTES, _READ_CONTROL = 0x1, 0x2, 0x80, 0x20000
_DIRECTORY, _REPARSE, _ARCHIVED = 0x10, 0x400, 0x0040_1000
"""File attributes. Archived: offline, or recalled when read (MS-FSCC 2.6)."""
_NAME_SURROGATE, _DFS_TAGS = 0x2000_0000, frozenset({0x8000_000A, 0x8000_0012})
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

_ACCOUNT_REFUSED = frozenset(
    {
        0xC000006D,
        0xC000006A,
        0xC0000064,
        0xC000006E,
        0xC000006F,
        0xC0000070,
        0xC0000071,
        0xC0000072,
        0xC0000193,
        0xC0000224,
        0xC0000234,
        0xC000015B,
        0xC0000022,
    }
)
"""Logon failures: the account is unknown, disabled, locked, expired or not allowed here (MS-ERREF
2.3).
"""

_VANISHED = (
    smb.ObjectNameNotFound,
    smb.ObjectPathNotFound,
    smb.NoSuchFile,
    smb.DeletePending,
    smb.StatusNotADirectory,
    smb.FileIsADirectory,
)
_REFUSED = {
    smb.AccessDenied: "le compte n'en a pas le droit",
    smb.SharingViolation: "un autre programme le garde ouvert",
    smb.StoppedOnSymlink: "c'est un lien, qui n'est pas suivi",
    smb.PathNotCovered: "il est sur un autre serveur (DFS), qui n'est pas lu",
    smb.ObjectNameInvalid: "son nom n'est pas permis",
    smb.ObjectPathSyntaxBad: "son nom n'est pas permis",
    smb.NotSupported: "le serveur ne le permet pas",
    smb.InvalidDeviceRequest: "le serveur ne le permet pas",
    smb.PrivilegeNotHeld: "le compte n'en a pas le droit",
}

_FAULTS_OF_A_FILE = frozenset(
    {
        0xC0000023,  # BUFFER_TOO_SMALL: an access list of more than an answer
        0xC0000032,  # DISK_CORRUPT_ERROR
        0xC0000039,  # OBJECT_PATH_INVALID
        0xC000003E,  # DATA_ERROR
        0xC0000054,  # FILE_LOCK_CONFLICT
        0xC000009C,  # DEVICE_DATA_ERROR
        0xC0000102,  # FILE_CORRUPT_ERROR
        0xC000019C,  # FS_DRIVER_REQUIRED
        0xC0000267,  # FILE_IS_OFFLINE
        0xC000026D,  # DFS_UNAVAILABLE
        0xC0000278,  # IO_REPARSE_DATA_INVALID
        0xC0000279,  # IO_REPARSE_TAG_NOT_HANDLED
        0xC0000293,  # FILE_ENCRYPTED
        0xC0000906,  # VIRUS_INFECTED
        0xC0000907,  # VIRUS_DELETED
    }
)
"""Errors that concern one file or folder only (MS-ERREF 2.3). If they counted as an unreachable
server, every reading would end at that file.
"""


class Unreadable(Exception):
    """A file or folder could not be read although the share answers; the text says why."""


@dataclass(frozen=True, slots=True)
class SharePlace:
    """A share and the account that reads it. `folder` is the folder to read; empty reads all."""

    host: str
    port: int
    share: str
    folder: str
    user: str
    password: str = field(repr=False)
    encrypt: bool = True
    protocol: str = "negotiate"
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class FileTimes:
    """The size and times that identify a version of a file; times are in 100 ns since 1601.

    `changed` also changes with the file's rights or name. `created` is not compared, because some
    servers invent a time if the file has none.
    """

    size: int
    modified: int
    changed: int
    created: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class ShareEntry:
    """An entry of a folder. `number` is the server's number of the file; links are not followed.

    `is_archived`: the file's content is on a slow medium, from which reading would recall it.
    """

    name: str
    is_folder: bool
    is_link: bool
    is_archived: bool
    number: int
    times: FileTimes


def moment_of(filetime: int) -> datetime | None:
    """Return the moment of a file time, or None if it is out of range."""
    try:
        return _EPOCH + timedelta(microseconds=filetime // 10) if filetime else None
    except OverflowError:
        return None


class Share:
    """A share, connected at its first use. Threads take turns.

    The connection closes with this object, because files may be read long after the walk.
    """

    def __init__(self, place: SharePlace) -> None:
        self.place = place
        self._lock = threading.RLock()
        self._tree: Any = None

    def connect(self) -> None:
        """Connect, unless already connected. Raises `SourceUnreachable` or `SourceRefused`."""
        with self._lock:
            if self._tree is None:
                late = _unreachable(self.place, "ne répond pas à temps")
                connecting = lambda: _connected(self.place)  # noqa: E731 - one expression
                self._tree = call_with_timeout(3 * self.place.timeout_s, connecting, late)
                weakref.finalize(self, _disconnect, self._tree.session.connection)

    def entries(self, path: str) -> list[ShareEntry]:
        """Return a folder's entries by name. Raises `SourceError`, `RecordVanished`, `Unreadable`.

        `path` is relative to the folder of the place, with slashes.
        """
        with self._asking():
            found: list[ShareEntry] = []
            options = CreateOptions.FILE_DIRECTORY_FILE
            with self._opened(path, _READ_DATA | _READ_ATTRIBUTES, options) as (opened, _):
                while (page := self._page(opened)) is not None:
                    found += page
            return sorted(found, key=lambda entry: entry.name)

    def descriptor(self, path: str) -> tuple[bytes, FileTimes]:
        """Return a file's descriptor and its times at that moment. Raises as `entries` does."""
        with self._asking():
            opened = Open(self._tree, self._path(path))
            query = SMB2QueryInfoRequest()
            query["info_type"] = InfoType.SMB2_0_INFO_SECURITY
            query["output_buffer_length"] = _CHUNK
            query["additional_information"] = (
                InfoAdditionalInformation.OWNER_SECURTIY_INFORMATION  # the library's spelling
                | InfoAdditionalInformation.DACL_SECURITY_INFORMATION
            )
            query["file_id"] = opened.file_id
            access = _READ_CONTROL | _READ_ATTRIBUTES
            create = _create(opened, access, CreateOptions.FILE_NON_DIRECTORY_FILE)
            created, read, _ = self._ask(create, query, opened.close(send=False)[0])
            answer = SMB2QueryInfoResponse()
            answer.unpack(read)
            return bytes(answer["buffer"].get_value()), _times(created)

    def content(self, path: str, times: FileTimes, most: int | None = None) -> bytes:
        """Return a file's first `most` bytes, or all, if it has these times.

        Raises `SourceError`, or `RecordVanished` if it changed meanwhile or cannot be read.
        """
        access, options = _READ_DATA | _READ_ATTRIBUTES, CreateOptions.FILE_NON_DIRECTORY_FILE
        pieces: list[bytes] = []
        size, end = 0, times.size if most is None else min(most, times.size)
        try:
            with self._asking():
                with self._opened(path, access, options) as (opened, found):
                    while found == times and size < end:
                        piece = self._piece(opened, size, min(_CHUNK, end - size))
                        size += len(piece)
                        pieces.append(piece)
                with self._opened(path, _READ_ATTRIBUTES, options) as (_, later):
                    pass
        except Unreadable as error:
            raise RecordVanished(f"Le fichier ne se lit pas : {error}.") from error
        if not found == later == times:
            raise RecordVanished("Le fichier, ou ses droits, ont changé pendant la lecture.")
        return b"".join(pieces)

    def may_write(self) -> bool:
        """Return whether the account may add files to the folder. Raises as `entries` does."""
        with self._asking():
            try:
                with self._opened("", _ADD_FILE, CreateOptions.FILE_DIRECTORY_FILE):
                    return True
            except smb.AccessDenied:
                return False

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Let one thread at a time send requests; convert errors to `SourceError`."""
        with self._lock:
            self.connect()
            try:
                yield
            except _VANISHED as error:
                raise RecordVanished("Le fichier a disparu.") from error
            except tuple(_REFUSED) as error:
                raise Unreadable(_REFUSED[type(error)]) from error
            except smb.SMBResponseException as error:
                if error.status in _FAULTS_OF_A_FILE:
                    raise Unreadable(
                        f"le serveur ne le donne pas (0x{error.status:08X})"
                    ) from error
                raise _unreachable(
                    self.place, f"répond par une erreur (0x{error.status:08X})"
                ) from error
            except (smb.SMBException, OSError, ValueError, LookupError, struct.error) as error:
                raise _unreachable(self.place, "ne répond plus") from error

    def _ask(self, *messages: Any) -> list[bytes]:
        """Send messages together and return their answers; all refer to the file opened first.

        Raises the first `SMBResponseException`.
        """
        tree, session = self._tree, self._tree.session
        connection, ids = session.connection, (session.session_id, tree.tree_connect_id)
        sent = (
            [connection.send(messages[0], *ids)]
            if len(messages) == 1
            else connection.send_compound(list(messages), *ids, related=True)
        )
        answers: list[bytes] = []
        failed: smb.SMBResponseException | None = None
        for request in sent:
            try:
                answer = connection.receive(
                    request, timeout=self.place.timeout_s, resolve_symlinks=False
                )
                answers.append(answer["data"].get_value())
            except smb.SMBResponseException as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return answers

    @contextmanager
    def _opened(self, path: str, access: int, options: int) -> Iterator[tuple[Any, FileTimes]]:
        opened = Open(self._tree, self._path(path))
        (created,) = self._ask(_create(opened, access, options))
        opened.file_id = created[_HANDLE_AT : _HANDLE_AT + 16]
        try:
            yield opened, _times(created)
        finally:
            self._ask(opened.close(send=False)[0])

    def _page(self, opened: Any) -> list[ShareEntry] | None:
        message, _ = opened.query_directory(
            "*",
            FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION,
            max_output=_CHUNK,
            send=False,
        )
        try:
            (read,) = self._ask(message)
        except smb.NoMoreFiles:
            return None
        answer = SMB2QueryDirectoryResponse()
        answer.unpack(read)
        return list(read_entries(bytes(answer["buffer"].get_value())))

    def _piece(self, opened: Any, start: int, count: int) -> bytes:
        try:
            (read,) = self._ask(opened.read(start, count, send=False)[0])
        except smb.EndOfFile as error:
            raise RecordVanished("Le fichier a été raccourci pendant la lecture.") from error
        answer = SMB2ReadResponse()
        answer.unpack(read)
        piece = bytes(answer["buffer"].get_value())
        if not piece:
            raise RecordVanished("Le fichier a été raccourci pendant la lecture.")
        return piece

    def _path(self, path: str) -> str:
        return "/".join(filter(None, (self.place.folder, path))).replace("/", "\\")


def read_entries(raw: bytes) -> Iterator[ShareEntry]:
    """Yield the entries of an answer, without the folder itself and its parent.

    Raises `ValueError` if the sizes in the answer are wrong.
    """
    at = 0
    while True:
        try:
            following, _, created, _, modified, changed, size, _, attributes, length, tag = (
                _LISTED.unpack_from(raw, at)
            )
            (number,) = struct.unpack_from("<Q", raw, at + _FILE_ID_AT)
        except struct.error as error:
            raise ValueError("listing cut short") from error
        name = raw[at + _NAME_AT : at + _NAME_AT + length]
        if len(name) != length or length % 2:
            raise ValueError("name cut short")
        if (text := name.decode("utf-16-le", "surrogatepass")) not in {".", ".."}:
            is_link = bool(attributes & _REPARSE) and (
                bool(tag & _NAME_SURROGATE) or tag in _DFS_TAGS
            )
            yield ShareEntry(
                text,
                bool(attributes & _DIRECTORY),
                is_link,
                bool(attributes & _ARCHIVED),
                number,
                FileTimes(size, modified, changed, created),
            )
        if not following:
            return
        at += following


def _create(opened: Any, access: int, options: int) -> Any:
    sharing = (
        ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
    )
    message, _ = opened.create(
        ImpersonationLevel.Impersonation,
        access,
        0,
        sharing,
        CreateDisposition.FILE_OPEN,
        options,
        send=False,
    )
    return message


def _times(created: bytes) -> FileTimes:
    _, made, _, modified, changed, _, size = _CREATED.unpack_from(created)
    return FileTimes(size, modified, changed, made)


def _connected(place: SharePlace) -> Any:
    connection = Connection(uuid.uuid4(), place.host, place.port, require_signing=True)
    try:
        connection.connect(timeout=place.timeout_s)
        session = Session(
            connection,
            place.user,
            place.password,
            require_encryption=place.encrypt,
            auth_protocol=place.protocol,
        )
        session.connect()
        tree = TreeConnect(session, rf"\\{place.host}\{place.share}")
        tree.connect()
    except BaseException as error:
        _disconnect(connection)
        raise _connection_error(place, error) from error
    return tree


def _connection_error(place: SharePlace, error: BaseException) -> BaseException:
    """Return the error for a failed connection, without the library's own text."""
    what = f"{place.host} refuse le compte : vérifiez « user », le mot de passe et ses dates"
    if isinstance(error, (smb.BadNetworkName, smb.ObjectNameNotFound)):
        return SourceRefused(
            f"{place.host} n'a pas de partage « {place.share} » : corrigez « url »."
        )
    if isinstance(error, smb.AccessDenied):
        return SourceRefused(
            f"{place.host} n'ouvre pas le partage « {place.share} » à ce compte : donnez-lui le "
            "droit de lire, sur le partage lui-même."
        )
    if isinstance(error, smb.SMBResponseException):
        if error.status in _ACCOUNT_REFUSED:
            return SourceRefused(f"{what}.")
        return _unreachable(place, f"refuse de répondre (0x{error.status:08X})")
    if isinstance(error, (smb.SMBAuthenticationError, SpnegoError)):
        return SourceRefused(f"{what}, ou « protocol ».")
    if isinstance(error, smb.SMBException) and "ncrypt" in str(error):
        return SourceRefused(
            f"{place.host} ne sait pas chiffrer (SMB 3) : faites-le permettre, ou réglez "
            "« encrypt = false » sur un réseau sûr."
        )
    if isinstance(error, (smb.SMBException, OSError, ValueError, LookupError, struct.error)):
        return _unreachable(place, "ne répond pas")
    return error


def _unreachable(place: SharePlace, what: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"Le serveur de fichiers {place.host} {what} : il sera relu plus tard, ce qui est lu reste."
    )


def _disconnect(connection: Any) -> None:
    with suppress(Exception):
        connection.disconnect(close=False)
