"""Signing on through deploy/proxy as it is written, by real nginx, Apache and OpenID provider.

Ports and files are replaced; the rest of each example stands.
"""

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

from quisait.application.database import migrate
from tests.made_certificates import Authority, authority
from tests.oidc_provider import ProviderPlan, running_provider
from tests.pages.conftest import Parts, served
from tests.pages.signing_on import ACCOUNTS, signed_on, signing_on_app
from tests.service.place import make_place
from tests.service.running import free_port, running, wait_until

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PROXY = Path(__file__).resolve().parents[2] / "deploy" / "proxy"
HOST = "localhost"
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {site};
}}
"""
APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/errors
User www-data
Group www-data
Listen {port}
{modules}
Include {site}
"""
MODULES = ("mpm_event", "authz_core", "env", "headers", "proxy", "proxy_http", "ssl")
SIGNING_MODULES = ("auth_basic", "authn_core", "authn_file", "authz_user", "rewrite")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A web server, by the settings that it includes the example into."""

    name: str
    program: str
    command: Callable[[Path, Path, int], list[str]]


def _nginx(folder: Path, site: Path, _port: int) -> list[str]:
    settings = folder / "nginx.conf"
    settings.write_text(NGINX.format(folder=folder, site=site))
    return ["-p", str(folder), "-c", str(settings)]


def _apache(folder: Path, site: Path, port: int) -> list[str]:
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
        for name in (*MODULES, *SIGNING_MODULES)
    )
    settings = folder / "apache2.conf"
    settings.write_text(APACHE.format(folder=folder, site=site, port=port, modules=modules))
    return ["-f", str(settings), "-DFOREGROUND"]


PROXIES = (Proxy("nginx", "nginx", _nginx), Proxy("apache", "apache2", _apache))


@dataclass(frozen=True, slots=True)
class Site:
    """Quisait behind a proxy: the addresses of both, and the authority of its certificate."""

    address: str
    behind: str
    authority: Authority

    def browser(self) -> httpx.Client:
        known = ssl.create_default_context(cafile=str(self.authority.file))
        return httpx.Client(trust_env=False, timeout=30, verify=known)


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def site(
    request: pytest.FixtureRequest, parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    proxy: Proxy = request.param
    folder = tmp_path_factory.mktemp(proxy.name)
    behind, port, provider_port = free_port(), free_port(), free_port()
    address = f"https://{HOST}:{port}"
    plan = ProviderPlan(provider_port, address, ACCOUNTS)
    database = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    made = signing_on_app(parts, database, address, plan.issuer)
    ours = authority(folder, "ca")
    text = (PROXY / f"{proxy.name}.conf").read_text("utf-8")
    for written, here in {
        r"\b8077\b": str(behind),
        r"\b443\b": str(port),
        "quisait.exemple.fr": HOST,
        r"/etc/ssl/quisait\.(pem|key)": str(ours.server(HOST)),
    }.items():
        text, count = re.subn(written, here, text)
        assert count, written
    example = folder / "site.conf"
    example.write_text(text, "utf-8")
    program = shutil.which(proxy.program, path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program, f"{proxy.program} is missing: `make servers`"
    with running_provider(plan), served(made.app, behind):
        process = subprocess.Popen([program, *proxy.command(folder, example, port)])
        running = Site(address, f"http://127.0.0.1:{behind}", ours)
        try:
            with running.browser() as asking:
                wait_until(lambda: asking.get(f"{address}/health/live").is_success, 20)
            yield running
        finally:
            process.terminate()
            process.wait(20)
    database.dispose()


def test_a_reader_signs_on_through_it(site: Site) -> None:
    """To the provider with the public address, back through the proxy, with a cookie for TLS."""
    with site.browser() as browser:
        asked = browser.get(f"{site.address}/?q=bordereau")
        assert asked.status_code == 303
        assert browser.get(f"{site.address}/api/v1/search?q=a").status_code == 401
        answer = signed_on(browser, site.address, "claire", back="/?q=bordereau")
        assert answer.status_code == 303
        (cookie,) = [
            one
            for one in answer.headers.get_list("set-cookie")
            if "quisait_session=" in one and "Max-Age=0" not in one
        ]
        assert cookie.startswith("__Host-quisait_session=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
        found = browser.get(f"{site.address}{answer.headers['location']}")
        assert found.status_code == 200
        assert ">bordereau</textarea>" in found.text
        # A page's own form is known as such by the host that the proxy hands on.
        own, other = ({"Origin": origin} for origin in (site.address, "https://ailleurs.example"))
        assert browser.post(f"{site.address}/sign-out", headers=other).status_code == 403
        assert browser.post(f"{site.address}/sign-out", headers=own).status_code == 200
        assert browser.get(f"{site.address}/?q=bordereau").status_code == 303


def test_measures_are_not_served_by_it(site: Site) -> None:
    with site.browser() as browser:
        assert browser.get(f"{site.address}/metrics").status_code == 404


SIGNED = """
[signed_header]
name = "X-Agent"
issuer = "https://relais.exemple.fr"
audience = "quisait"
keys_file = "relais.pem"
[door]
hosts = ["localhost"]
"""


BASIC = r"""AuthType Basic
        AuthName "Qui sait ?"
        AuthBasicProvider file
        AuthUserFile {agents}"""


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def signed_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A real `quisait run` behind each example that signs, with two accounts of the web server."""
    proxy: Proxy = request.param
    folder = tmp_path_factory.mktemp("signe")
    key = ECKey.generate_key("P-256")
    (folder / "relais.key").write_bytes(key.as_pem(private=True))
    place = make_place(folder / "place")
    (place.folder / "relais.pem").write_bytes(key.as_pem(private=False))
    settings = place.folder / "quisait.toml"
    settings.write_text(SIGNED + settings.read_text("utf-8"), "utf-8")
    agents = folder / "agents"
    for name, password in (("ag-1", "un"), ("inconnue", "deux")):
        digest = b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest())
        with agents.open("a", encoding="utf-8") as written_to:
            written_to.write(f"{name}:{{SHA}}{digest.decode()}\n")
    place.run("crawl")
    ours, port, at = authority(folder, "ca"), free_port(), folder / "socket"
    signer = [sys.executable, str(PROXY / "signataire.py"), "--socket", str(at)]
    signer += ["--key", str(folder / "relais.key"), "--issuer", "https://relais.exemple.fr"]
    program = shutil.which(proxy.program, path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program, f"{proxy.program} is missing: `make servers`"
    with running(place, "--no-crawl") as quisait, ExitStack() as stack:
        replaced = {
            r"\b8077\b": quisait.pages.rpartition(":")[2],
            r"\b443\b": str(port),
            "quisait.exemple.fr": HOST,
            r"/etc/ssl/quisait\.(pem|key)": str(ours.server(HOST)),
        }
        if proxy.name == "nginx":
            replaced |= {"/etc/nginx/agents": str(agents), r"/run/[\w/-]+/socket": str(at)}
        else:
            replaced |= {
                r"(?s)AuthType GSSAPI.*?LocalName On": BASIC.format(agents=agents),
                "/opt/quisait/bin/python": sys.executable,
                r"/opt/quisait-relais/(?=s)": f"{PROXY}/",
                r"/opt/quisait-relais/(?=r)": f"{folder}/",
                r'" signataire:signataire': '"',
            }
        text = (PROXY / f"{proxy.name}-signe.conf").read_text("utf-8")
        for written, here in replaced.items():
            text, count = re.subn(written, here, text)
            assert count, written
        example = folder / "site.conf"
        example.write_text(text, "utf-8")
        for command in (signer, [program, *proxy.command(folder, example, port)]):
            process = subprocess.Popen(command)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        wait_until(at.exists, 20)  # Apache starts one of its own beside it
        if os.geteuid() == 0:  # the web server's workers are then of another account
            at.chmod(0o666)
            agents.chmod(0o644)
            for one in (folder, *folder.parents):
                if not one.stat().st_mode & 0o001:
                    one.chmod(0o755)
        known = ssl.create_default_context(cafile=str(ours.file))
        address = f"https://{HOST}:{port}"
        with httpx.Client(trust_env=False, timeout=60, verify=known) as asking:
            wait_until(lambda: asking.get(address).status_code == 401, 20)
        yield f"{address} {ours.file}"


def test_who_the_proxy_authenticates_is_signed_for(signed_site: str) -> None:
    """And nobody else, whatever header a browser sends; who is no agent is told so."""
    address, ca_file = signed_site.split(" ")
    with httpx.Client(
        trust_env=False, timeout=60, verify=ssl.create_default_context(cafile=ca_file)
    ) as browser:
        search = f"{address}/api/v1/search?q=bornage"
        assert browser.get(search).status_code == 401
        assert browser.get(search, auth=("ag-1", "deux")).status_code == 401
        found = browser.get(search, auth=("ag-1", "un"), headers={"X-Agent": "forged"})
        assert found.status_code == 200
        assert "notes:bornage.txt" in [one["id"] for one in found.json()["documents"]]
        unknown = browser.get(search, auth=("inconnue", "deux"))
        assert (unknown.status_code, unknown.json()["code"]) == (401, "not_an_agent")
        assert "expirer" not in browser.get(f"{address}/", auth=("inconnue", "deux")).text
        # Its own forms are known by the host and port that the proxy hands on.
        own, other = ({"Origin": origin} for origin in (address, "https://ailleurs.example"))
        for headers, refused in ((own, False), (other, True)):
            answer = browser.post(
                f"{address}/mes-donnees", auth=("ag-1", "un"), headers=headers, data={}
            )
            assert (answer.status_code == 403) is refused, answer.text
