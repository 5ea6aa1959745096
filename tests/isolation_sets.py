"""Planted administrations with noise, as sets of `quisait evaluate isolation`.

`python -m tests.isolation_sets FOLDER` writes FOLDER/open, where most people of a topic write and
the directory says what they declare; FOLDER/silent, where few write: nobody can be called alone
there; FOLDER/missions, as silent, where the directory tells nearly all missions; and FOLDER/some,
where it tells half of them. Who really holds what is drawn first; what misleads comes after.
"""

import csv
import json
import random
import sys
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from connectors.geography import CENTROIDS

DAY = date(2026, 10, 1)
DEPARTEMENTS = tuple(CENTROIDS)
SOURCE = "wiki"
WRITE = {"open": 0.9, "silent": 0.25, "missions": 0.25, "some": 0.25}
"""How many of those who hold a topic wrote on it."""
TOLD = {"missions": 0.95, "some": 0.5}
"""How many missions the directory tells, those that ended too."""
DECLARE = 0.7
"""How many of them declare it, whether they write or not."""

Line = dict[str, Any]


@dataclass
class _Drawn:
    draw: random.Random
    writes: float
    told: float = 0.0
    agents: list[Line] = field(default_factory=list)
    pages: list[Line] = field(default_factory=list)
    topics: dict[str, Line] = field(default_factory=dict)

    def agent(self, **columns: str) -> str:
        number = len(self.agents)
        self.agents.append(
            {
                "id": f"ag-{number}",
                "given_name": "Prénom",
                "family_name": f"Nom{number}",
                "metier": "agent",
                "departement": self.draw.choice(DEPARTEMENTS),
                "departure": "",
                "skills": "",
                "missions": "",
                "accounts": f"{SOURCE}:a{number}",
                **columns,
            }
        )
        return f"ag-{number}"

    def page(self, title: str, kind: str, agent: str, role: str) -> Line:
        line = {
            "type": "page",
            "id": f"p{len(self.pages)}",
            "title": title,
            "text": f"{title}. Ce que le service en sait, et comment il procède.",
            "space": "tous",
            "kind": kind,
            "contributors": [self.contribution(agent, role)],
        }
        self.pages.append(line)
        return line

    def contribution(self, agent: str, role: str) -> Line:
        day = (DAY - timedelta(days=self.draw.randint(1, 300))).isoformat()
        account = agent.replace("ag-", "a")
        return {"account": account, "role": role, "count": 1, "first": day, "last": day}

    def topic(self, number: int) -> None:
        label = f"matière {_WORDS[number % len(_WORDS)]}{number}x"
        holders = [self.holder(label) for _ in range(self.draw.choice((1, 1, 1, 2, 3, 5)))]
        wrote = [agent for agent in holders if self.draw.random() < self.writes]
        for agent in wrote:
            for _ in range(2):
                self.page(f"Note sur la {label}", "note", agent, "author")
        past = [self.former(label) for _ in range(self.draw.randint(0, 2))]
        if self.draw.random() < 0.4:  # a job offer, by who seeks the skill
            seeker = self.agent()
            for _ in range(3):
                self.page(f"Offre : {label}", "offre de mission", seeker, "author")
        places = [self.agents[int(one[3:])]["departement"] for one in holders]
        self.topics[f"t{number}"] = {
            "label": label,
            "kind": "topic",
            "in_force": holders,
            "past": past,
            "alone_in_france": holders[0] if len(holders) == 1 else None,
            "alone_in_departement": {
                place: agent
                for place, agent in zip(places, holders, strict=True)
                if places.count(place) == 1
            },
            "in_force_with_evidence": wrote,
        }

    def holder(self, label: str) -> str:
        skills = label if self.draw.random() < DECLARE else ""
        return self.agent(skills=skills, missions=self.mission(label, ended=False))

    def mission(self, label: str, *, ended: bool) -> str:
        """A mission on a topic, as the directory tells it, or not."""
        if not self.told or self.draw.random() >= self.told:
            return ""
        first = DAY - timedelta(days=self.draw.randint(400, 1_500))
        last = DAY - timedelta(days=self.draw.randint(30, 300)) if ended else ""
        return f"{label}@{first}..{last}"

    def former(self, label: str) -> str:
        """Held it before: left since, or in another post; what they wrote is still there."""
        left = self.draw.random() < 0.7
        departure = (DAY - timedelta(days=30)).isoformat() if left else ""
        agent = self.agent(departure=departure, missions=self.mission(label, ended=True))
        if self.draw.random() < self.writes:
            self.page(f"Ancienne note sur la {label}", "note", agent, "author")
        return agent

    def generalists(self, count: int) -> None:
        """Who keeps the pages in order touches every subject."""
        for agent in [self.agent() for _ in range(count)]:
            for page in self.pages:
                if self.draw.random() < 0.1:
                    page["contributors"].append(self.contribution(agent, "editor"))


_WORDS = ("cadastrale", "hydraulique", "forestière", "portuaire", "budgétaire", "statistique")


def write_isolation_set(folder: Path, name: str, seed: int = 7, topics: int = 40) -> Path:
    """FOLDER/NAME with its export and truth. `name`, of `WRITE`: how many write."""
    drawn = _Drawn(random.Random(seed), WRITE[name], TOLD.get(name, 0.0))
    for number in range(topics):
        drawn.topic(number)
    drawn.generalists(3)
    for _ in range(topics):  # who works on something else, and may write of it
        agent = drawn.agent()
        if drawn.draw.random() < drawn.writes:
            drawn.page("Galette des rois", "note", agent, "author")
    directory = folder / name
    (directory / "export" / SOURCE).mkdir(parents=True)
    _write_table(directory / "export" / "directory.csv", drawn.agents, ",")
    listed = [
        {"id": id_, "label": one["label"], "alt_labels": "", "broader": "", "kind": one["kind"]}
        for id_, one in drawn.topics.items()
    ]
    _write_table(directory / "export" / "topics.csv", listed, ";")
    accounts = [
        {"type": "account", "id": one["id"].replace("ag-", "a"), "name": one["family_name"]}
        for one in drawn.agents
    ]
    header = {"type": "header", "version": 1, "complete": True}
    space = {"type": "space", "id": "tous", "title": "Tous", "readers": {"allowed": ["everyone"]}}
    with (directory / "export" / SOURCE / "pages.jsonl").open("w", encoding="utf-8") as file:
        for line in (header, space, *accounts, *drawn.pages):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    truth = {"snapshot": DAY.isoformat(), "topics": drawn.topics}
    (directory / "truth.json").write_text(json.dumps(truth, ensure_ascii=False), "utf-8")
    return directory


def _write_table(path: Path, rows: list[Line], delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        written.writeheader()
        written.writerows(rows)


if __name__ == "__main__":
    for one in WRITE:
        write_isolation_set(Path(sys.argv[1]), one)
