"""The files in `deploy/` are correct: metrics exist, and systemd accepts the units."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from joserfc.jwk import ECKey
from prometheus_client.metrics_core import Metric

from deploy.kit.wheels import is_bundled, is_of_sources
from quisait.application.assembly import open_application
from quisait.server.metrics import registry_of
from quisait.settings import load_settings
from search_api.middleware.metrics import request_metrics
from tests.service.running import wait_until

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
LABELS = {"source", "task", "outcome", "kind", "route", "status", "le", "instance", "server"}
_NAME = re.compile(r"\b(?:quisait|process)_\w+")
_LABEL = re.compile(r"(\w+)\s*=~?\"|by \(([\w, ]+)\)|\{\{ ?\$?(?:labels\.)?(\w+) ?\}\}")


def rules() -> list[dict[str, Any]]:
    written = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
    return [rule for group in written["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "quisait.json").read_text())[
        "panels"
    ]
    return found


def asked() -> list[str]:
    """Every expression of the rules and the dashboard."""
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + shown


def served(metrics: Iterator[Metric]) -> set[str]:
    """The names under which Prometheus keeps them."""
    return {f"{one.name}{ending}" for one in metrics for ending in ENDINGS.get(one.type, ("",))}


def test_rules_and_dashboard_name_metrics_that_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an application that is really opened; and labels that they have."""
    settings = '[directory]\nagents = "agents.csv"\n[[sources]]\nname = "forum"\nkind = "push"\n'
    (tmp_path / "quisait.toml").write_text(settings, "utf-8")
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    with open_application(load_settings()) as application:
        registry = registry_of(application)
        request_metrics(registry)
        known = served(iter(registry.collect()))
    named = {name for text in asked() for name in _NAME.findall(text)}
    assert named > {"quisait_source_lag_seconds", "quisait_requests_total"}
    assert named - known == set()
    legends = [target["legendFormat"] for panel in panels() for target in panel["targets"]]
    told = [text for rule in rules() for text in rule["annotations"].values()]
    labels = {
        label
        for text in (*asked(), *legends, *told)
        for found in _LABEL.findall(text)
        for label in ", ".join(filter(None, found)).split(", ")
    }
    assert labels - LABELS == set()


def test_each_alert_says_what_to_do() -> None:
    """Once, in a sentence; panels have numbers of their own."""
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert all(rule["annotations"]["remedy"].endswith((".", ")")) for rule in rules())
    if promtool := shutil.which("promtool"):
        command = [promtool, "check", "rules", str(DEPLOY / "prometheus" / "alerts.yml")]
        subprocess.run(command, check=True, capture_output=True)
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """As `systemd-analyze verify` says where there is one, the program being there."""
    units = sorted((DEPLOY / "systemd").iterdir())
    assert {unit.name for unit in units if unit.suffix == ".service"} == {
        "quisait.service",
        "quisait-backup.service",
        "quisait-signataire.service",
    }
    for unit in units:
        text = unit.read_text("utf-8")
        assert "NoNewPrivileges=yes" in text or unit.suffix == ".timer"
        there = re.sub(r"/opt/quisait/bin/(quisait|python)", "/bin/true", text)
        (tmp_path / unit.name).write_text(there)
    if analyze := shutil.which("systemd-analyze"):
        command = [analyze, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in units)]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert [line for line in told.splitlines() if "quisait" in line] == []


@pytest.mark.parametrize("name", ["quisait.service", "quisait-signataire.service"])
def test_a_service_returns_however_often_it_failed(name: str) -> None:
    """PostgreSQL may start later than it, or be away for hours."""
    lines = (DEPLOY / "systemd" / name).read_text("utf-8").splitlines()
    head = lines[: lines.index("[Service]")]
    assert "StartLimitIntervalSec=0" in head
    assert {"Restart=on-failure", "RestartSec=5"} <= set(lines)


def test_the_service_starts_after_the_engines_of_its_machine() -> None:
    for name in ("quisait.service", "quisait-backup.service"):
        text = (DEPLOY / "systemd" / name).read_text("utf-8")
        (after,) = re.findall(r"^After=(.+)$", text, re.MULTILINE)
        assert {"postgresql.service", "opensearch.service"} <= set(after.split())


def test_the_command_of_the_signing_unit_opens_its_socket(tmp_path: Path) -> None:
    """As the unit says it, in this environment and folder."""
    unit = (DEPLOY / "systemd" / "quisait-signataire.service").read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    key = tmp_path / "relais.key"
    key.write_text(ECKey.generate_key("P-256").as_pem(private=True).decode(), "utf-8")
    for written, here in (
        ("/opt/quisait/bin/python", sys.executable),
        ("/opt/quisait-relais/relais.key", str(key)),
        ("/opt/quisait-relais", str(DEPLOY / "proxy")),
        ("/run/quisait-signataire", str(tmp_path)),
        ("${ISSUER}", "https://relais.example"),
    ):
        assert written in command
        command = command.replace(written, here)
    process = subprocess.Popen(command.split())
    try:
        wait_until(lambda: (tmp_path / "socket").is_socket() or process.poll() is not None)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_the_kit_is_made_without_the_test_environment() -> None:
    """What it imports beside quisait's own dependencies is what its own target installs."""
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    assert re.search(r"^kit: \.venv/kit ", makefile, re.MULTILINE)
    (installed,) = re.findall(r"--constraint requirements-test\.txt (.+)", makefile)
    imported = {
        name.partition(".")[0]
        for path in (DEPLOY / "kit").glob("*.py")
        for found in re.findall(r"^from (\S+) import|^import (\S+)", path.read_text("utf-8"), re.M)
        for name in found
        if name
    }
    own = {"deploy", "indexer", "quisait_models", "packageurl"}  # packageurl comes with cyclonedx
    names = {"cyclonedx": "cyclonedx-python-lib"}
    others = imported - set(sys.stdlib_module_names) - own
    assert {names.get(one, one) for one in others} <= set(installed.split())


def test_every_package_of_sources_is_named_where_it_is_offered() -> None:
    """In the help of the kit's installer, its page and the documentation."""
    projects = (REPOSITORY / "packages").glob("*/pyproject.toml")
    packages = {
        path.parent.name for path in projects if is_of_sources(path) and not is_bundled(path)
    }
    assert "smb" in packages
    for page, mark in (
        ("deploy/kit/install.sh", "({})"),
        ("deploy/kit/LISEZMOI.md", "`{}`"),
        ("docs/administration.md", "`{}`"),
    ):
        text = (REPOSITORY / page).read_text("utf-8")
        assert [one for one in sorted(packages) if mark.format(one) not in text] == []
