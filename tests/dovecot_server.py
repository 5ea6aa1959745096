"""A real Dovecot on loopback, one for a whole session of tests, plain and with TLS.

`ensure_dovecot()` serves it on free ports, and ends it with the session. Any user may log in with
`PASSWORD`, and has a mailbox of their own; `shared/NAME` is another user's, by its access lists.
"""

import atexit
import functools
import os
import shutil
import socket
import ssl
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

PASSWORD = "mot-de-passe-d-été"
START_TIMEOUT_S = 20

_CONF = """
base_dir = {run}/base
state_dir = {run}/state
log_path = {run}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{run}/server.pem
ssl_key = <{run}/server.key
disable_plaintext_auth = no
mail_location = maildir:{run}/mail/%u/Maildir:LAYOUT=fs
mail_uid = {owner}
mail_gid = {owner}
first_valid_uid = 1
mail_plugins = acl
mail_fsync = never
protocol imap {{
  mail_plugins = acl imap_acl
  mail_max_userip_connections = 100
}}
plugin {{
  acl = vfile
  acl_shared_dict = file:{run}/mail/shared
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
namespace shared {{
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:{run}/mail/%%u/Maildir:LAYOUT=fs
  list = children
}}
service imap-login {{
  client_limit = 200
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = home={run}/mail/%u
}}
"""


class DovecotMissingError(RuntimeError):
    """No mailbox can be served here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class DovecotServer:
    """The server at `port` (plain, or StartTLS) and `tls_port`, whose CA is `ca_file`."""

    run: Path
    port: int
    tls_port: int

    @property
    def ca_file(self) -> str:
        return str(self.run / "ca.pem")

    @property
    def log(self) -> str:
        return (self.run / "dovecot.log").read_text("utf-8", "replace")

    @contextmanager
    def account(self, user: str) -> Iterator[IMAPClient]:
        """A session of that user, who may do anything in their own mailbox."""
        context = ssl.create_default_context(cafile=self.ca_file)
        with IMAPClient("127.0.0.1", self.tls_port, ssl_context=context, timeout=30) as client:
            client.plain_login(user, PASSWORD)
            yield client


@functools.cache
def ensure_dovecot() -> DovecotServer:
    """The session's server; started at the first call."""
    refuse_where_fast("dovecot")
    dovecot = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if dovecot is None:
        raise DovecotMissingError("The tests of mailboxes need dovecot-imapd (`make servers`).")
    if os.geteuid() != 0:
        raise DovecotMissingError("Dovecot gives each process its user: it begins as root only.")
    memory = Path("/dev/shm")  # noqa: S108 - a scratch folder, made by mkdtemp
    run = Path(
        tempfile.mkdtemp(prefix="quisait-dovecot-", dir=str(memory) if memory.is_dir() else None)
    )
    atexit.register(shutil.rmtree, run, ignore_errors=True)
    run.chmod(0o755)
    make_certificates(run)
    for name in ("base", "state", "mail"):
        (run / name).mkdir()
    shutil.chown(run / "mail", "mail", "mail")
    server = DovecotServer(run, _free_port(), _free_port())
    ports = {"port": server.port, "tls_port": server.tls_port}
    conf = _CONF.format(run=run, owner="mail", password=PASSWORD, **ports)
    (run / "dovecot.conf").write_text(conf, "utf-8")
    _serve(dovecot, server)
    return server


def _serve(dovecot: str, server: DovecotServer) -> None:
    with (server.run / "output").open("wb") as output:
        master = subprocess.Popen(
            [dovecot, "-F", "-c", str(server.run / "dovecot.conf")],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    atexit.register(_end, master)
    deadline = time.monotonic() + START_TIMEOUT_S
    while master.poll() is None and time.monotonic() < deadline:
        try:
            with server.account("essai"):
                return
        except OSError:
            time.sleep(0.05)
    output_text = (server.run / "output").read_text()
    raise DovecotMissingError(f"Dovecot did not start:\n{output_text}")


def _end(master: subprocess.Popen[bytes]) -> None:
    master.terminate()
    try:
        master.wait(timeout=10)
    except subprocess.TimeoutExpired:
        master.kill()
        master.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
