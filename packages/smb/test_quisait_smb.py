"""Settings of a share, and answers of servers that the tests cannot run."""

import struct
from typing import Any

import pytest
from pydantic import ValidationError
from quisait_connector_kit.connector_contract import last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_smb.client import FileTimes, Share, ShareEntry, SharePlace, Unreadable
from quisait_smb.connector import ShareSource
from quisait_smb.options import ShareOptions
from quisait_smb.readers import SidReading
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.header import SMB2HeaderResponse

from connectors.ports import ContentStale, SourceUnreachable, Upsert
from connectors.snapshot import Snapshot

GOOD: dict[str, Any] = {
    "url": "smb://fichiers.exemple.fr/commun/cadastre",
    "user": "lecteur",
    "share_allowed": ["everyone", "S-1-5-21-1-2-3-1104"],
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://fichiers.exemple.fr/commun"},
        {"url": "smb://fichiers.exemple.fr/"},
        {"url": "smb://lecteur:secret@fichiers.exemple.fr/commun"},
        {"url": "smb://fichiers.exemple.fr/commun/../autre"},
        {"share_allowed": ["tous"]},
        {"share_allowed": None},
        {"principals": {"Utilisateurs": ["everyone"]}},
        {"principals": {"S-1-5-32-545": ["tous"]}},
        {"authority": "everyone"},
        {"user": ""},
        {"exclude": ["a\\b"]},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    """And nobody is let in by the share for want of a setting."""
    assert ShareOptions.model_validate(GOOD)
    with pytest.raises(ValidationError):
        ShareOptions.model_validate({k: v for k, v in (GOOD | wrong).items() if v is not None})


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (0xC0000906, Unreadable),  # its antivirus holds it back
        (0xC0000023, Unreadable),  # the access list is longer than an answer
        (0xC0000203, SourceUnreachable),  # the session is over
    ],
)
def test_one_file_that_the_server_does_not_give_ends_no_reading(
    status: int, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server here can be made to say so: its answer is given as it would come."""
    monkeypatch.setattr(Share, "connect", lambda _: None)
    header = SMB2HeaderResponse()
    header["status"] = status
    share = Share(SharePlace("f.test", 445, "commun", "", "lecteur", "secret"))
    with pytest.raises(raised), share._asking():
        raise SMBResponseException(header)


def test_a_folder_that_lists_older_times_hides_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """NTFS does, of a file with two names or one that is still written to: it is read once."""
    listed, opened = FileTimes(1, 10, 10, 5), FileTimes(9, 20, 20, 5)
    without_list = struct.pack("<BBHIIII", 1, 0, 0, 0, 0, 0, 0)
    entry = ShareEntry("a.txt", False, False, False, 1, listed)
    monkeypatch.setattr(Share, "entries", lambda *_: [entry])
    monkeypatch.setattr(Share, "descriptor", lambda *_: (without_list, opened))
    monkeypatch.setattr(Share, "content", lambda *_, **__: b"un texte.")
    place = SharePlace("f.test", 445, "commun", "", "lecteur", "secret")
    connector = Snapshot(ShareSource("p", place, SidReading("ldap")), MemorySeen())
    first = list(connector.changes(None))
    assert [one.document.version for one in first if isinstance(one, Upsert)] == ["9:20:1"]
    again = list(connector.changes(last_cursor(first)))
    assert not [one for one in again if isinstance(one, Upsert | ContentStale)]
