"""Signed addresses of the mailbox, for answers by mail and for bounces.

The token in `reponses+TOKEN@example.fr` contains a purpose, the id of a question or a message, the
last valid day, and a MAC. The MAC also covers the agent for whom the address was made, so that
other senders cannot use it.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_TOKEN = re.compile(r"([ab])([a-z2-7]{45})")
_ID_BYTES, _DAY_BYTES, _MAC_BYTES = 16, 2, 10
"""The MAC has 80 bits: each guess costs one mail."""
_FIRST_DAY = date(2020, 1, 1).toordinal()
LONGEST_LOCAL_PART = 64 - len("+") - 46
"""Maximum characters before the +: a local part has at most 64 (RFC 5321, 4.5.3.1.1)."""


class Purpose(StrEnum):
    """The purpose of an address: it receives answers to a question, or bounces of a message."""

    ANSWER = "a"
    BOUNCE = "b"


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """Unverified content of an address: anybody may have written it (`ReplyAddresses.is_of`).

    `subject_id`: 32 hexadecimal digits, the id of a question or a queued message.
    """

    purpose: Purpose
    subject_id: str
    until: date
    mac: bytes


class ReplyAddresses:
    """Makes and reads signed addresses of `mailbox`, which are valid for `days` days."""

    def __init__(self, key: bytes, mailbox: str, days: int) -> None:
        self._key, self.days = key, days
        self._local, _, self._domain = mailbox.partition("@")

    def make(self, purpose: Purpose, subject_id: str, agent_id: str, until: date) -> str:
        """Return the address for an agent. Raises `ValueError` for an id of another form."""
        if len(subject_id) != 2 * _ID_BYTES:
            raise ValueError("an id has 32 hexadecimal digits")
        mac = self._mac(purpose, subject_id, agent_id, until)
        raw = bytes.fromhex(subject_id) + _day(until) + mac
        token = base64.b32encode(raw).decode().rstrip("=").lower()
        return f"{self._local}+{purpose}{token}@{self._domain}"

    def read(self, address: str) -> SignedAddress | None:
        """Return the unverified content of a signed address; None for any other address."""
        local, _, domain = address.lower().rpartition("@")
        bare, _, token = local.rpartition("+")
        found = _TOKEN.fullmatch(token)
        if found is None or (bare, domain) != (self._local.lower(), self._domain.lower()):
            return None
        raw = base64.b32decode(f"{found[2].upper()}===")
        id_, day, mac = raw[:_ID_BYTES], raw[_ID_BYTES:-_MAC_BYTES], raw[-_MAC_BYTES:]
        until = date.fromordinal(_FIRST_DAY + int.from_bytes(day))
        return SignedAddress(Purpose(found[1]), id_.hex(), until, mac)

    def is_of(self, address: SignedAddress, agent_id: str) -> bool:
        """Return whether the address was made here for this agent.

        The last valid day is not checked.
        """
        mac = self._mac(address.purpose, address.subject_id, agent_id, address.until)
        return hmac.compare_digest(mac, address.mac)

    def _mac(self, purpose: Purpose, subject_id: str, agent_id: str, until: date) -> bytes:
        signed = b"\0".join((purpose.encode(), bytes.fromhex(subject_id), _day(until)))
        signed += b"\0" + agent_id.encode()
        return hmac.new(self._key, signed, hashlib.sha256).digest()[:_MAC_BYTES]


def _day(until: date) -> bytes:
    return (until.toordinal() - _FIRST_DAY).to_bytes(_DAY_BYTES)
