"""A real CMIS repository on loopback: OpenCMIS's in-memory server, once per session of tests.

Maven downloads it once, into a folder that git ignores. `ensure_cmis()` starts it at the first
call; each test takes a folder of its own in it.
"""

import atexit
import functools
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import requests

from deploy.kit.engines import Engine, fetch
from tests.engines import DOWNLOADS, find_jdk
from tests.needs import starting
from tests.server_process import begun, end, scratch_folder, wait_for
from tests.service.running import free_port

USER, PASSWORD = "quisait", "mot de passe d'été"
REPOSITORY = "essai"

_WAR = Engine(
    "org.apache.chemistry.opencmis",
    "chemistry-opencmis-server-inmemory",
    "1.1.0",
    "war",
    "Apache-2.0",
    "un dépôt CMIS pour les essais",
    "e030b04199dfaaaee0850bc2e077b36f69a67d344543aff95e1ec71e7aff98cf"
    "3ca82da0c0895a26c2b1c12dcf970c2723bd7f312734855612145b99fdb641d8",
)
_JETTY = Engine(
    "org.eclipse.jetty",
    "jetty-runner",
    "9.4.54.v20240208",
    "jar",
    "Apache-2.0",
    "ce qui le sert",
    "8301661de5b120592b55f8e86c2423ed56b4ad655e50188d4d189b5fa4f6be81"
    "53092e01754bb1e8817f5af9564545fee19159e950ed4932c7cfcf9f21b1bc68",
)
# Only the browser binding: the web services need parts of Java that later ones do not have.
_WEB = """<web-app version="2.4" xmlns="http://java.sun.com/xml/ns/j2ee">
<listener><listener-class>
org.apache.chemistry.opencmis.server.impl.CmisRepositoryContextListener</listener-class></listener>
<servlet><servlet-name>browser</servlet-name><servlet-class>
org.apache.chemistry.opencmis.server.impl.browser.CmisBrowserBindingServlet</servlet-class>
<init-param><param-name>callContextHandler</param-name><param-value>
org.apache.chemistry.opencmis.server.impl.browser.token.TokenCallContextHandler</param-value>
</init-param></servlet>
<servlet-mapping><servlet-name>browser</servlet-name><url-pattern>/browser/*</url-pattern>
</servlet-mapping></web-app>
"""
_SETTINGS = f"""
class=org.apache.chemistry.opencmis.inmemory.server.InMemoryServiceFactoryImpl
InMemoryServer.RepositoryId={REPOSITORY}
InMemoryServer.TypesCreatorClass=org.apache.chemistry.opencmis.inmemory.types.DefaultTypeSystemCreator
InMemoryServer.Class=org.apache.chemistry.opencmis.inmemory.storedobj.impl.StoreManagerImpl
RepositoryFiller.Enable=false
"""


class CmisMissingError(RuntimeError):
    """No repository can be served here; the text says what is missing."""


@dataclass
class CmisFolder:
    """A folder of the repository, as one who fills it sees it. Paths are below it."""

    server: "CmisServer"
    name: str
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Its path in the repository."""
        return f"/{self.name}"

    def folder(self, path: str) -> str:
        """Make a folder and those above it, as far as they are not there; its id."""
        if path not in self.ids:
            above, _, name = path.rpartition("/")
            parent = self.folder(above) if above else self.ids[""]
            self.ids[path] = self.server.create(parent, name, "cmis:folder")
        return self.ids[path]

    def write(self, path: str, text: str | None, kind: str = "cmis:document", **more: str) -> str:
        """A new document, or a new text of one; its id."""
        content = text.encode() if text is not None else None
        if path in self.ids:
            self.server.post("setContent", self.ids[path], content, overwriteFlag="true")
        else:
            above, _, name = path.rpartition("/")
            parent = self.folder(above) if above else self.ids[""]
            self.ids[path] = self.server.create(parent, name, kind, content, **more)
        return self.ids[path]

    def new_version(self, path: str, text: str, *, major: bool) -> None:
        """A version of a document of a type that has some; the latest is its id from now on."""
        working = self.server.post("checkOut", self.ids[path])
        made = self.server.post(
            "checkIn", working, text.encode(), major="true" if major else "false"
        )
        self.ids[path] = made

    def let_read(self, path: str, *principals: str, permission: str = "cmis:read") -> None:
        """These, and the account that writes, are all who may read it."""
        wanted = {USER: "cmis:all"} | dict.fromkeys(principals, permission)
        said = self.server.get(cmisselector="acl", objectId=self.ids[path])["aces"]
        now = {one["principal"]["principalId"]: one["permissions"][0] for one in said}
        asked: dict[str, str] = {}
        for verb, entries in (  # who is there already keeps what they may
            ("add", {name: may for name, may in wanted.items() if name not in now}),
            ("remove", {name: may for name, may in now.items() if name not in wanted}),
        ):
            for number, (principal, may) in enumerate(entries.items()):
                asked[f"{verb}ACEPrincipal[{number}]"] = principal
                asked[f"{verb}ACEPermission[{number}][0]"] = may
        if asked:
            self.server.post("applyACL", self.ids[path], None, **asked)

    def delete(self, path: str) -> None:
        """A document with all its versions, or a folder with all that is in it."""
        self.server.post("delete", self.ids.pop(path), allVersions="true")


@dataclass
class CmisServer:
    """The server at `url`."""

    port: int
    session: requests.Session = field(default_factory=requests.Session)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.session.trust_env = False
        self.session.headers["Authorization"] = requests.auth._basic_auth_str(
            USER.encode(), PASSWORD.encode()
        )

    @property
    def url(self) -> str:
        """The service of the browser binding."""
        return f"http://127.0.0.1:{self.port}/browser"

    @contextmanager
    def folder(self) -> Iterator[CmisFolder]:
        """An empty folder, until the block ends."""
        made = CmisFolder(self, f"été {next(self.numbers)}")
        made.ids[""] = self.create("100", made.name, "cmis:folder")
        try:
            yield made
        finally:
            self.post("deleteTree", made.ids[""], allVersions="true", continueOnFailure="true")

    def create(
        self, parent: str, name: str, kind: str, content: bytes | None = None, **more: str
    ) -> str:
        """A folder or document; its id."""
        verb = "createFolder" if kind == "cmis:folder" else "createDocument"
        properties = {"cmis:objectTypeId": kind, "cmis:name": name}
        for number, (key, value) in enumerate(properties.items()):
            more |= {f"propertyId[{number}]": key, f"propertyValue[{number}]": value}
        return self.post(verb, parent, content, **more)

    def post(
        self,
        action: str,
        object_id: str,
        content: bytes | None = None,
        *,
        by: str = USER,
        **fields: str,
    ) -> str:
        """One change of an account; the id of what it answers. A refused one fails the test."""
        said = {"_charset_": "UTF-8", "cmisaction": action, "objectId": object_id}
        said |= {"succinct": "true"} | fields
        parts: dict[str, Any] = {key: (None, value) for key, value in said.items()}
        if content is not None:
            parts["content"] = ("a.txt", content, "text/plain")
        account = requests.auth.HTTPBasicAuth(by.encode(), PASSWORD.encode())
        answer = self.session.post(
            f"{self.url}/{REPOSITORY}/root", files=parts, auth=account, timeout=30
        )
        assert answer.ok, (action, answer.status_code, answer.text[:500])
        made = answer.json() if answer.content else {}
        properties: Mapping[str, Any] = made.get("succinctProperties", {})
        return str(properties.get("cmis:objectId", ""))

    def get(self, **parameters: str) -> Any:
        """Return the body of the answer to one request."""
        answer = self.session.get(f"{self.url}/{REPOSITORY}/root", params=parameters, timeout=30)
        assert answer.ok, (parameters, answer.status_code, answer.text[:500])
        return answer.json()


@functools.cache
def ensure_cmis() -> CmisServer:
    """The session's server; started at the first call."""
    answers = starting("cmis")
    java = find_jdk(11, "JAVA_HOME") / "bin/java"
    war, jetty = fetch(_WAR, DOWNLOADS), fetch(_JETTY, DOWNLOADS)
    run = scratch_folder("cmis")
    with zipfile.ZipFile(war) as packed:
        wanted = [one for one in packed.namelist() if one.startswith("WEB-INF/")]
        packed.extractall(run / "app", [one for one in wanted if "/cxf-" not in one])
    (run / "app/WEB-INF/web.xml").write_text(_WEB)
    (run / "app/WEB-INF/classes/repository.properties").write_text(_SETTINGS)
    server = CmisServer(free_port())
    log, application = run / "log", str(run / "app")
    command = [
        *(str(java), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
        *(f"-Djava.io.tmpdir={run}", "-jar", str(jetty), "--host", "127.0.0.1"),
        *("--port", str(server.port), "--path", "/", application),
    ]
    process = begun(command, log)
    atexit.register(end, process)
    wait_for(process, log, lambda: server.session.get(server.url, timeout=5).ok, CmisMissingError)
    answers()
    return server
