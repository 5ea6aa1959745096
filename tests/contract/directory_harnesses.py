"""Directories for the contract: tables, and a real slapd."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from quisait_ldap.config import AGENT_ATTRIBUTES, LdapConfig
from quisait_ldap.directory import LdapDirectory

from connectors.directory import AgentRecord, TableDirectory
from connectors.ports import Directory
from connectors.values import Agent
from tests.cut_relay import relay
from tests.ldap_server import PASSWORD, READER, SUFFIX, LdapServer, ensure_ldap

BRANCH = f"ou=contrat,{SUFFIX}"
GROUPS_FILTER = "(objectClass=groupOfNames)"


@dataclass
class TableDirectoryHarness:
    root: Path
    groups: list[str] = field(default_factory=list)

    def directory(self) -> Directory:
        return TableDirectory(self.root / "a.jsonl", self.root / "g.jsonl")

    def set_entries(self, agents: Sequence[Agent], groups: Mapping[str, Sequence[str]]) -> None:
        columns = AgentRecord.model_fields
        known = ({k: v for k, v in asdict(agent).items() if k in columns} for agent in agents)
        rows = [json.dumps(row, default=str) for row in known]
        (self.root / "a.jsonl").write_text("\n".join(rows) + "\n")
        made = [{"principal": f"t:group:{n}", "members": list(m)} for n, m in groups.items()]
        (self.root / "g.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made))

    def add_invalid_agent(self) -> None:
        with (self.root / "a.jsonl").open("a") as table:
            table.write('{"id": "parti", "departure": "bientôt"}\n')

    def truncate_reads(self) -> None:
        """The second table cannot be opened, as on a share that is unmounted."""
        (self.root / "g.jsonl").unlink()


@dataclass
class LdapDirectoryHarness:
    """A separate branch of the session's slapd."""

    stack: ExitStack
    ldap: LdapServer = field(default_factory=ensure_ldap)
    port: int = 0
    added_dns: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = self.ldap.port
        self.stack.callback(self._clear)

    def directory(self) -> Directory:
        return LdapDirectory(
            LdapConfig(
                (f"ldap://127.0.0.1:{self.port}",),
                BRANCH,
                "(objectClass=inetOrgPerson)",
                BRANCH,
                GROUPS_FILTER,
                READER,
                PASSWORD,
                attributes={
                    **AGENT_ATTRIBUTES,
                    "accounts": "labeledURI",
                    "departure": "carLicense",
                },
            )
        )

    def set_entries(self, agents: Sequence[Agent], groups: Mapping[str, Sequence[str]]) -> None:
        self._clear()
        self._add(BRANCH, {"objectClass": ["organizationalUnit"], "ou": "contrat"})
        for agent in agents:
            self._add(_dn(agent.id), _attributes(agent))
        for name, members in groups.items():
            made = {"objectClass": ["groupOfNames"], "cn": name, "member": list(map(_dn, members))}
            self._add(f"cn={name},{BRANCH}", made)

    def add_invalid_agent(self) -> None:
        left = _attributes(Agent("parti", "Paul", "Parti")) | {"carLicense": "bientôt"}
        self._add(_dn("parti"), left)

    def truncate_reads(self) -> None:
        line = self.stack.enter_context(relay(self.ldap.port))
        line.most_bytes = 60_000
        self.port = line.port

    def _add(self, dn: str, attributes: Mapping[str, Any]) -> None:
        self.added_dns.append(dn)
        self.connection.add(dn, attributes=dict(attributes))

    @property
    def connection(self) -> Any:
        if not hasattr(self, "_connection"):
            self._connection = self.stack.enter_context(self.ldap.changed())
        return self._connection

    def _clear(self) -> None:
        for dn in reversed(self.added_dns):
            self.connection.delete(dn)
        self.added_dns.clear()


def _dn(agent_id: str) -> str:
    return f"uid={agent_id},{BRANCH}"


def _attributes(agent: Agent) -> dict[str, Any]:
    known = asdict(replace(agent, accounts=()))
    said = {name: known[field] for field, name in AGENT_ATTRIBUTES.items() if known[field]}
    said |= {"labeledURI": list(agent.accounts)} if agent.accounts else {}
    return {"objectClass": ["inetOrgPerson"], "cn": agent.name, **said}
