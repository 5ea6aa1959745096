"""A real Samba, one for a whole session of tests: a domain controller that serves shares too.

`ensure_samba()` makes a domain (Active Directory) with agents and groups, and serves LDAP over TLS
and SMB on a loopback address of its own: a domain controller's ports cannot be chosen. It runs in
its own mount namespace, so that what it keeps under `/run/samba` is its own; both need root.
"""

import atexit
import functools
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3
from quisait_smb.client import Share, SharePlace
from smbprotocol.file_info import FileAttributes, InfoType
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    ImpersonationLevel,
    Open,
    ShareAccess,
    SMB2SetInfoRequest,
)

from tests.made_certificates import make_certificates
from tests.needs import starting
from tests.server_process import begun, scratch_folder, wait_for

REALM, DOMAIN, SUFFIX = "DGFIP.TEST", "DGFIP", "DC=dgfip,DC=test"
USERS = f"CN=Users,{SUFFIX}"
ADMINISTRATOR, READER, PASSWORD = "Administrator", "lecteur", "Mot-de-passe-2026!"
SHARES = ("commun", "projets")

_CONF = """
[global]
server role = active directory domain controller
server services = s3fs, rpc, ldap, winbindd
netbios name = DC1
realm = {realm}
workgroup = {domain}
private dir = {run}/dc/private
state directory = {run}/dc/state
cache directory = {run}/dc/cache
lock directory = {run}/dc
binddns dir = {run}/dc/bind-dns
pid directory = {run}/pids
ncalrpc dir = {run}/ncalrpc
log file = {run}/log.%m
interfaces = {address}/8
bind interfaces only = yes
dns update command = /bin/true
prefork children = 1
tls enabled = yes
tls cafile = {run}/ca.pem
tls certfile = {run}/server.pem
tls keyfile = {run}/server.key
"""
_SHARE = """
[{name}]
path = {run}/{name}
read only = no
"""


class SambaMissingError(RuntimeError):
    """No Samba can be served here; the text says what is missing."""


@dataclass
class SambaServer:
    """A domain and its shares, on `address`. `sids` are those of the accounts made, by name."""

    run: Path
    address: str
    sids: dict[str, str] = field(default_factory=dict)

    @property
    def ca_file(self) -> str:
        return str(self.run / "ca.pem")

    @property
    def tls_url(self) -> str:
        return f"ldaps://{self.address}"

    def folder(self, share: str) -> Path:
        """The local folder of a share's files."""
        return self.run / share

    def sid_of(self, name: str) -> str:
        """The identifier of a user or group that was added."""
        return self.sids[name]

    def place(self, share: str = "commun", user: str = READER, folder: str = "") -> SharePlace:
        """A share, or a folder of it, as an account reads it."""
        name = rf"{DOMAIN}\{user}"
        return SharePlace(self.address, 445, share, folder, name, PASSWORD, protocol="ntlm")

    @contextmanager
    def changed(self) -> Iterator[ldap3.Connection]:
        """A connection of the domain's administrator."""
        server = ldap3.Server(self.tls_url, get_info=ldap3.NONE)
        connection = ldap3.Connection(
            server, f"{DOMAIN}\\{ADMINISTRATOR}", PASSWORD, auto_bind=True, raise_exceptions=True
        )
        with connection:
            yield connection

    def add_user(self, name: str, given: str, family: str, **more: Any) -> str:
        """A new account of the domain; its SID."""
        attributes = {
            "objectClass": ["top", "person", "organizationalPerson", "user"],
            "sAMAccountName": name,
            "givenName": given,
            "sn": family,
            "unicodePwd": f'"{PASSWORD}"'.encode("utf-16-le"),
            "userAccountControl": "512",
        }
        return self._added(f"CN={name},{USERS}", name, attributes | more)

    def add_group(self, name: str, members: Sequence[str], **more: Any) -> str:
        """A new group of the domain with these members, accounts or groups; its SID."""
        attributes: dict[str, Any] = {
            "objectClass": ["top", "group"],
            "sAMAccountName": name,
            "groupType": "-2147483646",
        }
        if members:
            attributes["member"] = [f"CN={one},{USERS}" for one in members]
        return self._added(f"CN={name},{USERS}", name, attributes | more)

    def _added(self, dn: str, name: str, attributes: dict[str, Any]) -> str:
        with self.changed() as connection:
            connection.add(dn, attributes=attributes)
            connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
            raw = connection.response[0]["raw_attributes"]["objectSid"][0]
        self.sids[name] = sid_text(raw)
        return self.sids[name]

    def write(
        self, share: str, path: str, content: bytes, aces: Sequence[bytes], owner: str = READER
    ) -> None:
        """Write a file as the administrator, over SMB, with this access list and owner."""
        (self.folder(share) / path).parent.mkdir(parents=True, exist_ok=True)
        writer = _writer(self.place(share, ADMINISTRATOR))
        writer.write(path, content)
        writer.set_security(path, descriptor(aces, self.sids[owner]))

    def set_list(
        self, share: str, path: str, aces: Sequence[bytes], owner: str | None = None
    ) -> None:
        """Give a file or folder this access list, over SMB."""
        writer = _writer(self.place(share, ADMINISTRATOR))
        writer.set_security(path, descriptor(aces, self.sids[owner] if owner else None))


def ace(sid: str, mask: int, kind: int = 0, flags: int = 0, more: bytes = b"") -> bytes:
    """An entry of an access list (MS-DTYP 2.4.4)."""
    body = struct.pack("<I", mask) + sid_bytes(sid) + more
    return struct.pack("<BBH", kind, flags, 4 + len(body)) + body


def descriptor(aces: Sequence[bytes] | None, owner: str | None = None) -> bytes:
    """A descriptor with this list, or with none, not inherited from the folder."""
    owner_raw = sid_bytes(owner) if owner else b""
    listed = b"" if aces is None else b"".join(aces)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(listed), len(aces or ()), 0) + listed
    control = 0x8000 | 0x1000 | 0x0004
    dacl_at = 0 if aces is None else 20 + len(owner_raw)
    head = struct.pack("<BBHIIII", 1, 0, control, 20 if owner else 0, 0, 0, dacl_at)
    return head + owner_raw + (b"" if aces is None else acl)


def sid_bytes(text: str) -> bytes:
    authority, *parts = map(int, text.removeprefix("S-1-").split("-"))
    head = struct.pack("<BB", 1, len(parts)) + authority.to_bytes(6, "big")
    return head + struct.pack(f"<{len(parts)}I", *parts)


def sid_text(raw: bytes) -> str:
    parts = struct.unpack_from(f"<{raw[1]}I", raw, 8)
    return "-".join(["S-1", str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


class _Writer(Share):
    """A client that writes too: only tests have one."""

    def write(self, path: str, content: bytes) -> None:
        with self._asking():
            opened = Open(self._tree, self._path(path))
            opened.create(
                ImpersonationLevel.Impersonation,
                0x40000000,
                FileAttributes.FILE_ATTRIBUTE_NORMAL,
                ShareAccess.FILE_SHARE_READ,
                CreateDisposition.FILE_OVERWRITE_IF,
                CreateOptions.FILE_NON_DIRECTORY_FILE,
            )
            if content:
                opened.write(content)
            opened.close()

    def set_security(self, path: str, raw: bytes) -> None:
        with self._asking():
            access = 0x40000 | 0x80000 | 0x20000
            with self._opened(path, access, 0) as (opened, _):
                message = SMB2SetInfoRequest()
                message["info_type"] = InfoType.SMB2_0_INFO_SECURITY
                owner_too = 1 if struct.unpack_from("<I", raw, 4)[0] else 0
                message["additional_information"] = 4 | owner_too
                message["file_id"] = opened.file_id
                message["buffer"] = raw
                self._ask(message)


@functools.cache
def _writer(place: SharePlace) -> _Writer:
    return _Writer(place)


@functools.cache
def ensure_samba() -> SambaServer:
    """The session's domain; started at the first call."""
    answers = starting("samba")
    if os.geteuid() != 0:
        raise SambaMissingError(
            "A domain controller listens on ports of the system: it needs root."
        )
    if shutil.which("samba", path="/usr/sbin:/usr/bin") is None:
        raise SambaMissingError("The shares' tests need Debian's samba (`make servers`).")
    run = scratch_folder("samba")
    run.chmod(0o755)
    samba = SambaServer(run, f"127.83.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}")
    make_certificates(run, samba.address)
    (run / "server.key").chmod(0o600)
    _run(
        *("samba-tool", "domain", "provision", f"--realm={REALM}", f"--domain={DOMAIN}"),
        *("--server-role=dc", "--dns-backend=NONE", f"--adminpass={PASSWORD}"),
        *("--host-name=dc1", f"--host-ip={samba.address}", f"--targetdir={run / 'dc'}"),
    )
    for name in ("pids", "ncalrpc", *SHARES):
        (run / name).mkdir()
    names = {"run": run, "address": samba.address, "realm": REALM, "domain": DOMAIN}
    shares = "".join(_SHARE.format(name=name, run=run) for name in SHARES)
    (run / "smb.conf").write_text(_CONF.format(**names) + shares, "utf-8")
    _serve(samba)
    samba.sids[ADMINISTRATOR] = _sid_of_administrator(samba)
    samba.add_user(READER, "Compte", "Lecteur")
    answers()
    return samba


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SambaMissingError(f"{command[0]} failed:\n{done.stderr[-2000:]}")


def _serve(samba: SambaServer) -> None:
    private = (
        "mkdir -p /run/samba && mount -t tmpfs -o mode=755 tmpfs /run/samba && "
        f"exec samba --foreground --no-process-group --configfile={samba.run}/smb.conf"
    )
    log = samba.run / "out.log"
    server = begun(["unshare", "--mount", "--propagation", "private", "sh", "-c", private], log)
    atexit.register(_end, server, samba)

    def ready() -> None:
        for port in (445, 636):
            socket.create_connection((samba.address, port), timeout=1).close()
        Share(samba.place(SHARES[0], ADMINISTRATOR)).entries("")

    wait_for(server, log, ready, SambaMissingError)


def _sid_of_administrator(samba: SambaServer) -> str:
    with samba.changed() as connection:
        who = f"CN={ADMINISTRATOR},{USERS}"
        connection.search(who, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
        return sid_text(connection.response[0]["raw_attributes"]["objectSid"][0])


def _end(server: subprocess.Popen[bytes], samba: SambaServer) -> None:
    """By the ids that it wrote: smbd and winbindd are groups of their own."""
    ids = [int(one.read_text()) for one in (samba.run / "pids").glob("*.pid")]
    for one in (server.pid, *ids):
        try:
            os.kill(one, 15)
        except ProcessLookupError:
            continue
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
