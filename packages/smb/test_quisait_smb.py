"""What the settings may say of a share, and its cursor."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quisait_smb.client import FileTimes, Share, ShareEntry, SharePlace, Unreadable
from quisait_smb.connector import ShareConnector, ShareFile, _Reading
from quisait_smb.cursor import FileMarks, ShareCursor, read_cursor
from quisait_smb.options import ShareOptions
from quisait_smb.readers import SidReading
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.header import SMB2HeaderResponse

from connectors.ports import ContentStale, SourceUnreachable, Upsert

GOOD: dict[str, Any] = {
    "url": "smb://fichiers.exemple.fr/commun/cadastre",
    "user": "lecteur",
    "share_allowed": ["everyone", "S-1-5-21-1-2-3-1104"],
}
six = st.binary(min_size=6, max_size=6)
cursors = st.builds(
    ShareCursor,
    st.dictionaries(st.binary(min_size=8, max_size=8), st.builds(FileMarks, six, six)),
    st.text(),
    st.text(),
)


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


@given(cursors)
def test_a_cursor_is_read_as_it_is_written(cursor: ShareCursor) -> None:
    """Back and forth, whatever it holds."""
    assert read_cursor(cursor.text()) == cursor


@given(cursors, st.integers(0, 40), st.text(max_size=3))
def test_another_text_is_no_cursor(cursor: ShareCursor, at: int, put: str) -> None:
    """Damaged, it is none or another one, never an error."""
    text = cursor.text()
    assert read_cursor(text[:at] + put) is None or put
    read_cursor(text[:at] + put + text[at:])


def test_a_text_of_another_kind_is_no_cursor() -> None:
    """Of another connector, or of none."""
    for text in (
        None,
        "",
        "[]",
        "7",
        '{"v": 1}',
        '{"v": 2, "files": ""}',
        '{"v": 1, "files": "AAAA"}',
    ):
        assert read_cursor(text) is None


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
    """NTFS does, of a file with two names or one that is still written to: it is read each time."""
    listed, opened = FileTimes(1, 10, 10, 5), FileTimes(9, 20, 20, 5)
    without_list = struct.pack("<BBHIIII", 1, 0, 0, 0, 0, 0, 0)
    monkeypatch.setattr(Share, "descriptor", lambda *_: (without_list, opened))
    place = SharePlace("f.test", 445, "commun", "", "lecteur", "secret")
    connector = ShareConnector("p", place, SidReading("ldap"))
    found = ShareFile("a.txt", "a.txt", ShareEntry("a.txt", False, False, False, 1, listed))
    cursor = None
    for _ in range(3):
        reading = _Reading(connector, Share(place), cursor, datetime.now(UTC))
        changes = [type(one) for one in reading.file(found)]
        assert Upsert in changes
        assert ContentStale not in changes
        cursor = reading.last_cursor()
