"""A real Apache with WebDAV on loopback, one for a whole session of tests.

`ensure_dav()` serves a scratch folder on a free port, for one account, and ends with the session.
"""

import atexit
import functools
import hashlib
import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import requests

from tests.needs import starting
from tests.server_process import begun, end, scratch_folder, wait_for
from tests.service.running import free_port

USER, PASSWORD = "lecteur", "mot de passe d'été"

_MODULES = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic"),
    *("mime", "dav", "dav_fs", "rewrite"),
)
_CONF = """
ServerRoot {run}
ServerName localhost
PidFile {run}/pid
ErrorLog {run}/errors
User www-data
Group www-data
Listen 127.0.0.1:{port}
{modules}
TypesConfig /etc/mime.types
DocumentRoot {run}/data
DavLockDB {run}/locks/db
RewriteEngine On
RewriteRule ^/ailleurs/(.*) https://ailleurs.example/$1 [R=302,L]
RewriteRule ^(.*)/renvoi\\.txt$ $1/rh/secret.txt [R=302,L]
<Directory {run}/data>
  Dav On
  DavDepthInfinity Off
  AuthType Basic
  AuthName essai
  AuthUserFile {run}/users
  Require valid-user
</Directory>
"""


class ApacheMissingError(RuntimeError):
    """No WebDAV can be served here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class DavFolder:
    """A folder of the server: `path` on this machine, `url` for those who read it."""

    path: Path
    url: str


@dataclass(frozen=True, slots=True)
class DavServer:
    """The server at `url`; each test takes a folder of its own."""

    run: Path
    port: int
    numbers: Iterator[int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @contextmanager
    def folder(self) -> Iterator[DavFolder]:
        """An empty folder, until the block ends."""
        name = f"été {next(self.numbers)}"
        path = self.run / "data" / name
        path.mkdir()
        path.chmod(0o755)  # an application that is open in this process lets nobody else in
        try:
            yield DavFolder(path, requests.Request("GET", f"{self.url}{name}/").prepare().url or "")
        finally:
            shutil.rmtree(path, ignore_errors=True)


@functools.cache
def ensure_dav() -> DavServer:
    """The session's server; started at the first call."""
    answers = starting("apache")
    apache = shutil.which("apache2", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if apache is None:
        raise ApacheMissingError("WebDAV's tests need apache2-bin (`make servers`).")
    run = scratch_folder("dav")
    run.chmod(0o755)  # the server's own account enters it
    (run / "data").mkdir()
    (run / "locks").mkdir(mode=0o777)
    (run / "locks").chmod(0o777)
    digest = b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
    (run / "users").write_text(f"{USER}:{{SHA}}{digest}\n")
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES
    )
    server = DavServer(run, free_port(), count(1))
    settings = run / "apache2.conf"
    settings.write_text(_CONF.format(run=run, port=server.port, modules=modules))
    process = begun([apache, "-f", str(settings), "-DFOREGROUND"], run / "errors")
    atexit.register(end, process)
    with requests.Session() as asking:
        asking.trust_env = False
        ready = partial(asking.get, server.url, timeout=1)
        wait_for(process, run / "errors", ready, ApacheMissingError)
    answers()
    return server
