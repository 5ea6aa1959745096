"""A real Dovecot on loopback: IMAP with STARTTLS and over TLS, mailboxes in a folder of its own."""

import getpass
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imapclient import IMAPClient

from tests.made_certificates import make_certificates
from tests.needs import refuse_where_fast
from tests.service.running import free_port

PASSWORD = "un mot de passe d'essai"
START_TIMEOUT_S = 20
_NO_MOVE = "imap_capability = IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+"
"""What a server from before RFC 4315 and RFC 6851 offers."""

_CONF = """
base_dir = {run}/base
state_dir = {run}/state
log_path = {run}/log
instance_name = {name}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{run}/server.pem
ssl_key = <{run}/server.key
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{run}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {run}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={run}/home/%u
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
{more}
"""


class DovecotMissingError(RuntimeError):
    """No mailbox can be served here; the text says what is missing."""


@dataclass(frozen=True)
class DovecotServer:
    """IMAP at `port` (STARTTLS) and `tls_port`; its CA is `ca_file`. Any user of `users`."""

    run: Path
    port: int
    tls_port: int

    @property
    def ca_file(self) -> Path:
        return self.run / "ca.pem"

    @contextmanager
    def session(self, user: str) -> Iterator[IMAPClient]:
        """As a mail program, unencrypted on loopback."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=START_TIMEOUT_S) as client:
            client.login(user, PASSWORD)
            yield client

    def deliver(self, user: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a mail in a mailbox."""
        with self.session(user) as client:
            client.append(folder, raw)

    def mails(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What a folder holds; nothing where there is none."""
        with self.session(user) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(["UNDELETED"]), ["BODY.PEEK[]"])
            return [one[b"BODY[]"] for _, one in sorted(found.items())]


@contextmanager
def dovecot_server(*users: str, with_move: bool = True) -> Iterator[DovecotServer]:
    """Serve a mailbox for each user, until the block ends."""
    refuse_where_fast("dovecot")
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise DovecotMissingError("dovecot is missing (Debian: dovecot-imapd): run make servers")
    # Not below a test's own folder: paths of sockets are short, and another account reads it.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder:
        run = Path(folder)
        run.chmod(0o711)
        make_certificates(run)
        server = DovecotServer(run, free_port(), free_port())
        _write(server, users, "" if with_move else _NO_MOVE)
        process = subprocess.Popen([program, "-F", "-c", str(run / "dovecot.conf")])
        try:
            _wait(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(START_TIMEOUT_S)


def _write(server: DovecotServer, users: tuple[str, ...], more: str) -> None:
    run, root = server.run, os.getuid() == 0
    # Dovecot gives no mailbox to root: its own account has them then.
    owner = pwd.getpwnam("dovecot" if root else getpass.getuser())
    internal, login = ("dovecot", "dovenull") if root else (owner.pw_name, owner.pw_name)
    for name in ("mail", "home"):
        (run / name).mkdir()
        os.chown(run / name, owner.pw_uid, owner.pw_gid)
    accounts = "".join(f"{one}:{{PLAIN}}{PASSWORD}\n" for one in users)
    (run / "users").write_text(accounts, "utf-8")
    (run / "users").chmod(0o644)
    (run / "dovecot.conf").write_text(
        _CONF.format(
            run=run,
            name=f"essai-{server.port}",
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            internal=internal,
            login=login,
            group=grp.getgrgid(owner.pw_gid).gr_name,
            port=server.port,
            tls_port=server.tls_port,
            more=more,
        ),
        "utf-8",
    )


def _wait(server: DovecotServer, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=1) as line:
                if line.recv(4) == b"* OK":
                    return
        except OSError:
            time.sleep(0.05)
    log = server.run / "log"
    raise RuntimeError(log.read_text("utf-8") if log.exists() else "dovecot did not start")
