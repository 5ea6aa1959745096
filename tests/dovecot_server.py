"""A real Dovecot on loopback, one for a whole session of tests, plain and with TLS.

`ensure_dovecot()` serves it on free ports, and ends it with the session. Any user may log in with
`PASSWORD`, and has a mailbox of their own; `shared/NAME` is another user's, by its access lists.
"""

import atexit
import functools
import getpass
import grp
import os
import pwd
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imapclient import IMAPClient

from tests.made_certificates import make_certificates
from tests.needs import starting
from tests.server_process import begun, end, wait_for
from tests.service.running import free_port

PASSWORD = "mot-de-passe-d-été"

_NO_MOVE = "imap_capability = IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+"
"""What a server from before RFC 4315 and RFC 6851 offers."""

_CONF = """
base_dir = {run}/base
state_dir = {run}/state
log_path = {run}/dovecot.log
instance_name = essai-{port}
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{run}/server.pem
ssl_key = <{run}/server.key
disable_plaintext_auth = no
auth_failure_delay = 0
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
service anvil {{
  chroot =
  # No delay after a wrong password: whoever came next would wait for seconds.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
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
{more}
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

    def deliver(self, user: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a mail in a mailbox."""
        with self.account(user) as client:
            client.append(folder, raw)

    def mails(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """Return the mails in a folder; empty if the folder does not exist."""
        with self.account(user) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(["UNDELETED"]), ["BODY.PEEK[]"])
            return [one[b"BODY[]"] for _, one in sorted(found.items())]


@functools.cache
def ensure_dovecot() -> DovecotServer:
    """The session's server; started at the first call, ended with the process."""
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(dovecot_server())


@contextmanager
def dovecot_server(*, with_move: bool = True) -> Iterator[DovecotServer]:
    """A server of its own, until the block ends; `with_move`: it can move mails by itself."""
    answers = starting("dovecot")
    dovecot = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if dovecot is None:
        raise DovecotMissingError("The tests of mailboxes need dovecot-imapd (`make servers`).")
    memory = Path("/dev/shm")  # noqa: S108 - a scratch folder, made by mkdtemp
    # Not below a test's own folder: paths of sockets are short, and another account reads it.
    with tempfile.TemporaryDirectory(
        prefix="quisait-dovecot-",
        dir=str(memory) if memory.is_dir() else None,
        ignore_cleanup_errors=True,
    ) as folder:
        run = Path(folder)
        run.chmod(0o755)
        make_certificates(run)
        server = DovecotServer(run, free_port(), free_port())
        _write(server, "" if with_move else _NO_MOVE)
        with _serving(dovecot, server):
            answers()
            yield server


def _write(server: DovecotServer, more: str) -> None:
    """The configuration; as root, Dovecot gives each process an account of its own."""
    run, root = server.run, os.geteuid() == 0
    own = getpass.getuser()
    owner = pwd.getpwnam("mail" if root else own)
    internal, login = ("dovecot", "dovenull") if root else (own, own)
    for name in ("base", "state", "mail"):
        (run / name).mkdir()
    os.chown(run / "mail", owner.pw_uid, owner.pw_gid)
    group = grp.getgrgid(pwd.getpwnam(internal).pw_gid).gr_name
    ports = {"port": server.port, "tls_port": server.tls_port}
    accounts = {"owner": owner.pw_name, "internal": internal, "login": login, "group": group}
    conf = _CONF.format(run=run, password=PASSWORD, more=more, **ports, **accounts)
    (run / "dovecot.conf").write_text(conf, "utf-8")


@contextmanager
def _serving(dovecot: str, server: DovecotServer) -> Iterator[None]:
    log = server.run / "output"
    master = begun([dovecot, "-F", "-c", str(server.run / "dovecot.conf")], log)

    def ready() -> None:
        with server.account("essai"):
            pass

    try:
        wait_for(master, log, ready, DovecotMissingError)
        yield
    finally:
        end(master)
