"""docker-compose.yml and the Dockerfile, where no container engine runs.

The file obeys the Compose specification's schema (check-jsonschema carries it), and keeps
the rules of this application; its commands and health checks are run here, outside containers.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]

from quisait.settings import beside_file, load_settings
from tests.engines import ensure_opensearch, ensure_tika
from tests.opensearch_index import client
from tests.postgres_server import database, find_binaries
from tests.service.layouts import Layout, container_layout, systemd_layout
from tests.service.place import COMMAND, Place, make_place
from tests.service.running import free_port, wait_until

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("server", "worker")
WRITES_ITS_OWN_FILES = {"opensearch"}
"""It makes a keystore beside its configuration at its first start."""


def checked(service: str, **instead: str) -> bool:
    """Return whether a service's health check passes here, with replaced ports and programs."""
    kind, *command = SERVICES[service]["healthcheck"]["test"]
    assert kind == "CMD"
    for old, new in instead.items():
        command = [part.replace(old.lstrip("_"), new) for part in command]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def test_the_file_obeys_the_specification() -> None:
    """By the schema that its authors publish."""
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text("utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(COMPOSE)


def test_nothing_is_reached_from_elsewhere() -> None:
    """Pages on loopback alone; index, extraction and state on a network without a way out."""
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published == {"server": ["127.0.0.1:8077:8077"]}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name, one in SERVICES.items():
        assert name in (*OURS, "demo") or one["networks"] == ["inside"]
    # The demonstration refuses any address but loopback (`_check_door`): this machine's own.
    assert SERVICES["demo"]["network_mode"] == "host"
    assert SERVICES["demo"]["profiles"] == ["demo"]


@pytest.mark.parametrize("name", OURS)
def test_who_comes_in_by_the_published_port_is_a_proxy(name: str) -> None:
    """From the gateway: without it all agents would share one address, and its rate."""
    (outside,) = COMPOSE["networks"]["outside"]["ipam"]["config"]
    proxies = json.loads(SERVICES[name]["environment"]["QUISAIT_DOOR__PROXIES"])
    assert outside["gateway"] in proxies


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_bounded_and_watched(name: str) -> None:
    """Memory, processors, rights, health, a version: none is left to chance."""
    one = SERVICES[name]
    assert {"mem_limit", "cpus", "healthcheck", "restart"} <= one.keys()
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["user"].split(":")[0] not in ("", "0", "root")
    assert one.get("read_only", False) is (name not in WRITES_ITS_OWN_FILES)
    assert re.fullmatch(r"[\w./-]+:\d[\w.-]+", one["image"])


def test_secrets_stand_in_files_that_are_not_committed() -> None:
    """None in the environment, where a listing of processes might show it."""
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()
    for one in SERVICES.values():
        named = [
            key for key in one["environment"] if re.search("PASSWORD|TOKEN|SECRET|KEY", key, re.I)
        ]
        assert all(one["environment"][key].startswith("/run/secrets") for key in named)
        assert set(one.get("secrets", ())) <= COMPOSE["secrets"].keys()


@pytest.mark.parametrize("name", OURS)
def test_its_environment_is_made_of_settings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable is understood, and each secret is a setting's."""
    environment = SERVICES[name]["environment"] | {"QUISAIT_SECRETS": str(tmp_path)}
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    for secret in SERVICES[name]["secrets"]:
        (tmp_path / secret).write_text(f"{secret}-" + "x" * 40)
    settings = load_settings()
    assert settings.server.token_key.startswith("server__token_key")
    assert settings.metrics.token.startswith("metrics__token")
    assert settings.database_password.startswith("database_password")
    assert (settings.index.engine, settings.extractor.kind) == ("opensearch", "tika")
    model = 600_000_000
    asked = settings.expertise.max_memory_bytes + settings.scans.max_memory_bytes + model
    assert asked < _bytes(SERVICES[name]["mem_limit"])


def _bytes(limit: str) -> int:
    return int(limit[:-1]) * {"g": 2**30, "m": 2**20}[limit[-1]]


def test_the_sum_of_the_limits_is_the_one_that_is_told() -> None:
    """Without the demonstration, at the top of the file, of the chart's values and in the docs."""
    bounded = [one for one in SERVICES.values() if "profiles" not in one]
    memory = sum(_bytes(one["mem_limit"]) for one in bounded) / 2**30
    told = f"{memory:g} GB of memory and {sum(one['cpus'] for one in bounded)} processors"
    for page in ("docker-compose.yml", "deploy/helm/quisait/values.yaml"):
        assert told in (REPOSITORY / page).read_text("utf-8")
    assert f"{memory:g} Go" in (REPOSITORY / "docs/administration.md").read_text("utf-8")


def test_the_chart_has_the_parts_of_the_file() -> None:
    """The same images, limits, variables and settings of Tika."""
    chart = REPOSITORY / "deploy/helm/quisait"
    values = yaml.safe_load((chart / "values.yaml").read_text("utf-8"))
    for name, one in SERVICES.items():
        if "profiles" in one:
            continue
        assert values[name].get("image", values["image"]) == one["image"]
        assert values[name]["cpu"] == str(one["cpus"])
        memory = values[name]["memory"].removesuffix("i").lower()
        assert _bytes(memory) == _bytes(one["mem_limit"])
    template = (chart / "templates/quisait.yaml").read_text("utf-8")
    named = set(re.findall(r"name: (QUISAIT_\w+)", template))
    # The register stands where the image puts it.
    own = {"QUISAIT_PRIVACY__REGISTER_FILE"}
    assert named == set(SERVICES["server"]["environment"]) - own
    assert (chart / "tika.xml").read_text() == (REPOSITORY / "containers/tika.xml").read_text()
    if helm := shutil.which("helm"):
        import kubernetes_validate  # type: ignore[import-untyped]

        drawn = subprocess.run(
            [helm, "template", "qs", str(chart)], check=True, capture_output=True, text=True
        )
        parts = [one for one in yaml.safe_load_all(drawn.stdout) if one]
        for part in parts:
            kubernetes_validate.validate(part, "1.33", strict=True)
        assert len(parts) == 14


def test_a_backup_is_made_at_once_and_old_ones_are_deleted(tmp_path: Path) -> None:
    """By the script of Compose and the chart; a signal ends it, as Docker sends it to a process."""
    place, backups = make_place(tmp_path / "place"), tmp_path / "backups"
    place.run("crawl", "--accept-deletions")
    former = backups / "2026-01-01-023000"
    former.mkdir(parents=True)
    os.utime(former, (0, 0))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = ["sh", str(REPOSITORY / "containers/backups.sh"), str(backups), "30"]
    file = {"QUISAIT_FILE": str(place.folder / "quisait.toml"), "PATH": path}
    running = subprocess.Popen(script, env={**os.environ, **place.environment, **file})
    try:
        wait_until(lambda: any(backups.glob("*/manifest.json")) and not former.exists())
        assert running.poll() is None
    finally:
        running.terminate()
        running.wait(20)


def test_the_chart_admits_the_scraper_and_restarts_what_hangs() -> None:
    """To the metrics of both containers; liveness asks the process alone."""
    templates = REPOSITORY / "deploy/helm/quisait/templates"
    policy = (templates / "network.yaml").read_text("utf-8")
    assert ".Values.scraper" in policy
    assert "ports: [{port: 8078}, {port: 8079}]" in policy
    pod = (templates / "quisait.yaml").read_text("utf-8")
    assert "/health/live" in pod.partition("livenessProbe:")[0]
    assert "livenessProbe:" in pod
    assert "quisait-backups" in pod


def test_the_image_is_made_of_what_is_there() -> None:
    """What it copies exists and is not ignored; its user is not root; it starts `quisait`."""
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if re.match("COPY (?!--from)", line)]
    sources = [source for parts in copied for source in parts]
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert {"requirements.txt", "quisait", "search_api"} <= set(sources)
    for source in sources:
        assert (REPOSITORY / source).exists()
        assert f"!{source}" in ignored
    user = next(line for line in lines if line.startswith("USER ")).removeprefix("USER ")
    assert user == SERVICES["server"]["user"] == SERVICES["worker"]["user"]
    assert 'ENTRYPOINT ["quisait"]' in lines


def test_the_health_checks_tell_the_well_from_the_absent(postgres: str) -> None:
    """Each on the real service, then on a port where nobody listens."""
    ensure_opensearch()
    ensure_tika()
    port = postgres.rpartition(":")[2]
    ready = str(find_binaries() / "pg_isready")
    nobody = str(free_port())
    assert checked("opensearch", _9200="19200")
    assert checked("tika", _9998="19998")
    assert checked("postgres", _5432=port, pg_isready=ready)
    assert not checked("opensearch", _9200=nobody)
    assert not checked("tika", _9998=nobody)
    assert not checked("postgres", _5432=nobody, pg_isready=ready)


@pytest.mark.parametrize("name", OURS)
def test_its_commands_run_outside_containers(name: str, tmp_path: Path, postgres: str) -> None:
    """With the file's own environment, on real engines; its health check agrees; it stops."""
    place = make_place(tmp_path / "place")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for secret in SERVICES[name]["secrets"]:
        (secrets / secret).write_text("x" * 40 + "\n")
    alias = f"test-{uuid4().hex}"
    ports = {"8077": str(free_port()), "8078": str(free_port())}
    with database(postgres) as url:
        instead = {
            "QUISAIT_SECRETS": str(secrets),
            "QUISAIT_DATABASE": url,
            "QUISAIT_INDEX__URL": ensure_opensearch(),
            "QUISAIT_INDEX__ALIAS": alias,
            "QUISAIT_EXTRACTOR__URL": ensure_tika(),
            "QUISAIT_SERVER__HOST": "127.0.0.1",
            "QUISAIT_SERVER__PORT": ports["8077"],
            "QUISAIT_METRICS__HOST": "127.0.0.1",
            "QUISAIT_METRICS__PORT": ports["8078"],
        }
        environment = SERVICES[name]["environment"] | instead
        process = subprocess.Popen(
            [*COMMAND, *SERVICES[name]["command"]],
            cwd=place.folder,
            env=os.environ | environment,
            stderr=(tmp_path / "journal").open("wb"),
        )
        programs = {f"_{old}": new for old, new in ports.items()} | {"python": sys.executable}
        try:
            wait_until(lambda: process.poll() is not None or checked(name, **programs))
            assert process.poll() is None, (tmp_path / "journal").read_text()
            if name == "worker":
                asking = Place(place.folder, environment)
                wait_until(lambda: all(one["documents"] == 3 for one in asking.json("sources")), 60)
            process.terminate()
            assert process.wait(20) == 0
            assert not checked(name, **programs)
        finally:
            process.kill()
            process.wait()
            opensearch = client()
            opensearch.indices.delete(index=f"{alias}*", ignore_unavailable=True)
            opensearch.close()


def test_the_register_has_a_volume_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for server and workers, written by them, and not the state's, which is restored."""
    places = set()
    for name in OURS:
        for key, value in SERVICES[name]["environment"].items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("QUISAIT_SECRETS", str(tmp_path))
        monkeypatch.setenv("QUISAIT_FILE", "/etc/quisait/quisait.toml")
        register = beside_file(load_settings().privacy.register_file)
        mounts = [mount.split(":") for mount in SERVICES[name]["volumes"]]
        (volume,) = [mount[0] for mount in mounts if register.is_relative_to(mount[1])]
        assert volume != "state"
        assert volume in COMPOSE["volumes"]
        places.add((volume, register))
    assert len(places) == 1


@pytest.fixture(params=["containers", "systemd"])
def layout(request: pytest.FixtureRequest, postgres: str) -> Iterator[Layout]:
    """Settings of root that may only be read; the account that the layout names."""
    if request.param == "systemd":
        with systemd_layout() as made:
            yield made
        return
    alias = f"test-{uuid4().hex}"
    with (
        database(postgres) as url,
        container_layout(
            "server",
            QUISAIT_DATABASE=url,
            QUISAIT_INDEX__URL=ensure_opensearch(),
            QUISAIT_INDEX__ALIAS=alias,
            QUISAIT_EXTRACTOR__URL=ensure_tika(),
            QUISAIT_SERVER__HOST="127.0.0.1",
            QUISAIT_METRICS__HOST="127.0.0.1",
            QUISAIT_METRICS__PORT=str(free_port()),
        ) as made,
    ):
        yield made
    opensearch = client()
    opensearch.indices.delete(index=f"{alias}*", ignore_unavailable=True)
    opensearch.close()


def test_deletions_closures_and_withdrawals_act_in_it(layout: Layout) -> None:
    """Read, delete a file, close another, read again; withdraw by the page of the server."""
    assert "ÉCHEC" not in layout.run("check").stdout
    layout.run("crawl")
    tokens = {one: layout.run("token", one).stdout.strip() for one in ("ag-1", "ag-2")}
    rules = "pattern,allowed,author\n*,everyone,ana\nregie.md,annuaire:group:fraude,ana\n"
    with layout.running("run", "--no-crawl", port=free_port()) as address:

        def asked(agent: str, path: str, **more: Any) -> httpx.Response:
            header = {"Authorization": f"Bearer {tokens[agent]}"}
            return httpx.request(
                more.pop("method", "GET"),
                f"{address}{path}",
                headers=header,
                timeout=60,
                trust_env=False,
                **more,
            )

        def found() -> set[str]:
            questions = ("bornage+parcelles", "régisseur+de+recettes")
            answers = [asked("ag-1", f"/api/v1/search?q={one}").json() for one in questions]
            return {one["id"] for answer in answers for one in answer["documents"]}

        def proposed() -> list[str]:
            answer = asked("ag-2", "/api/v1/experts?q=bornage+de+parcelles").json()
            return [one["agent"]["id"] for one in answer["candidates"]]

        assert {"notes:bornage.txt", "notes:regie.md"} <= found()
        assert "ag-1" in proposed()
        (layout.notes / "bornage.txt").unlink()
        (layout.notes / "_quisait.csv").chmod(0o644)
        (layout.notes / "_quisait.csv").write_text(rules, "utf-8")
        layout.run("crawl", "notes", "--accept-deletions")
        assert not {"notes:bornage.txt", "notes:regie.md"} & found()

        form = {"act": "ask", "kind": "withdraw"}
        assert asked("ag-1", "/mes-donnees", method="POST", data=form).status_code == 303
        assert "pas encore notée" not in asked("ag-1", "/preferences").text
        assert "ag-1" not in proposed()
    noted = Path(layout.environment["QUISAIT_PRIVACY__REGISTER_FILE"]).read_text("utf-8")
    assert {json.loads(line)["kind"] for line in noted.splitlines()} == {"gone", "closed", "wish"}
    assert "ÉCHEC" not in layout.run("check").stdout
