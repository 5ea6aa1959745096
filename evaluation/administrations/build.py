"""Write the documents, the directory and the truth of an administration from its texts.

`python evaluation/administrations/build.py FOLDER`: reads the files of FOLDER written by hand and
writes beside them what `quisait crawl` and `quisait evaluate answers FOLDER/truth` read.
"""

import csv
import json
import re
import sys
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.geography import distance_km, region_of

Row = dict[str, Any]


def check(holds: bool, fault: str) -> None:
    """End the command if the files contradict each other."""
    if not holds:
        sys.exit(f"fault: {fault}")


def rows(path: Path) -> list[list[str]]:
    """Return the fields of each line of a design, without its comments."""
    lines = path.read_text("utf-8").splitlines()
    return [line.split("|") for line in lines if line.strip() and not line.startswith("#")]


class Administration:
    """An administration, read from the hand-written files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = tomllib.loads((folder / "quisait.toml").read_text("utf-8"))
        self.source: str = settings["sources"][0]["name"]
        topics = (folder / "topics.ttl").read_text("utf-8")
        self.prefix = re.findall(r"@prefix t: <(.*?)>", topics)[0]
        self.domain = self.prefix.split(":")[1] + ".example"
        self.above: dict[str, set[str]] = defaultdict(set)
        for topic, line in re.findall(r"^t:([\w-]+) a (.*)$", topics, re.M):
            self.above[topic] |= {*re.findall(r"t:([\w-]+)", line.partition("skos:broader")[2])}
            for low in re.findall(r"t:([\w-]+)", line.partition("skos:narrower")[2]):
                self.above[low].add(topic)
        self.columns, *people = rows(folder / "directory_design.txt")
        self.people = {row[0]: dict(zip(self.columns, row, strict=True)) for row in people}
        used: Counter[str] = Counter()
        for person in self.people.values():
            name = f"{person['given_name']}.{person['family_name']}".lower()
            name = re.sub(r"[^a-z.]", "", unicodedata.normalize("NFKD", name))
            used[name] += 1
            person["account"] = name + (str(used[name]) if used[name] > 1 else "")
        self.seen = {row[0] for row in people if row[-1] == "oui" and not row[-3]}
        design = rows(folder / "spaces_design.txt")
        self.spaces = {row[1]: row[2] for row in design if row[0] == "space"}
        self.groups = {row[1]: (row[2], row[3].split()) for row in design if row[0] == "group"}
        self.documents: dict[str, Row] = {}
        for path in sorted((folder / "texts").glob("*.txt")):
            for chunk in re.split(r"^## ", path.read_text("utf-8"), flags=re.M)[1:]:
                self._add_document(*chunk.split("\n", 2))
        self.holders = rows(folder / "truth/holders_design.txt")
        for topic, agent, *_ in self.holders:
            check(topic in self.above and agent in self.people, f"holder {topic} {agent}")

    def _add_document(self, head: str, title: str, body: str) -> None:
        id_, type_, kind, space, author, day, written = head.split("|")
        options = dict(option.split("=", 1) for option in written.split(";") if option)
        readers = options.get("readers", "everyone")
        known = space in self.spaces and readers in ("everyone", *self.groups)
        check(known and id_ not in self.documents, f"id, space or readers of {id_}")
        parts = re.split(r"^>> (.*)$", body, flags=re.M)
        document: Row = {"type": type_, "id": id_, "kind": kind, "space": space}
        document |= {"title": title.removeprefix("# ").strip(), "text": parts[0].strip()}
        document |= {"created": f"{day}T09:00:00+01:00", "readers": {"allowed": [readers]}}
        document |= {"url": f"https://{self.source}.{self.domain}/{space}/{id_}"}
        names = {"author": "account", "area": "departement", "entity": "entity"}
        document |= {name: self.people[author][column] for name, column in names.items()}
        document |= {"valid_until": options["until"]} if "until" in options else {}
        document |= {"replaces": [options["replaces"]]} if "replaces" in options else {}
        for header, text in zip(parts[1::2], parts[2::2], strict=True):
            what, who, *words = header.split()
            part: Row = {"author": self.people[who]["account"], "text": text.strip()}
            if what == "section":
                part["heading"] = header.split(" | ", 1)[1]
            else:
                check(words[0] >= day, f"a reply older than {id_}")
                part["created"] = f"{words[0]}T14:00:00+01:00"
                part |= {"accepted": True} if "accepted" in words else {}
                part |= {"thanks": int(words[-1][7:])} if words[-1].startswith("thanks") else {}
            document.setdefault(f"{what}s", []).append(part)
        self.documents[id_] = document

    def export(self) -> Iterator[Row]:
        """Yield the lines of the export."""
        yield {"type": "header", "version": 1, "complete": True}
        for one in self.people.values():
            name = f"{one['given_name']} {one['family_name']}"
            yield {"type": "account", "id": one["account"], "name": name}
        space = {"type": "space", "readers": {"allowed": ["everyone"]}}
        yield from (space | {"id": id_, "title": title} for id_, title in self.spaces.items())
        yield from self.documents.values()

    def agents(self) -> Iterator[list[str]]:
        """Yield the lines of the directory."""
        yield [*self.columns, "email", "accounts"]
        for one in self.people.values():
            fields, account = [one[column] for column in self.columns], one["account"]
            yield [*fields, f"{account}@{self.domain}", f"{self.source}:{account}"]

    def all_holders(self) -> Iterator[Row]:
        """Yield the holders of each topic.

        A holder of a narrower topic holds the topics above it with degree 1.
        """
        lines, written = [*self.holders], {(row[0], row[1]) for row in self.holders}
        for topic, agent, degree, origin, why in lines:  # grows while it is read
            held: Row = {"topic": self.prefix + topic, "agent": agent, "degree": int(degree)}
            yield held | {"from": origin, "why": why}
            for above in sorted(self.above[topic]) if degree > "0" else ():
                if (above, agent) not in written:
                    written.add((above, agent))
                    lines.append([above, agent, "1", "narrower", f"tient {topic}"])

    def isolation(self) -> Iterator[Row]:
        """Yield where each holder of degree 2 or 3 is alone, and the nearest other holder."""
        hold: dict[str, dict[str, str]] = defaultdict(dict)
        for topic, agent, degree, *_ in self.holders:
            if degree >= "2" and agent in self.seen:
                hold[topic][agent] = self.people[agent]["departement"]
        pairs = [(topic, *place) for topic in sorted(hold) for place in hold[topic].items()]
        for topic, agent, here in pairs:
            region = region_of(here)
            others = {one: area for one, area in hold[topic].items() if one != agent}
            far = {one: distance_km(here, area) or 0.0 for one, area in others.items()}
            near = min(far, key=far.__getitem__, default=None)
            alone = ["departement"] if here not in others.values() else []
            alone += ["region"] if region not in map(region_of, others.values()) else []
            line = {"topic": self.prefix + topic, "agent": agent, "departement": here}
            line |= {"region": f"r{region}", "nearest": near}
            alone += [] if others else ["everywhere"]
            yield line | {"nearest_km": round(far[near]) if near else None, "alone_in": alone}

    def questions(self) -> Iterator[Row]:
        """Yield the questions, and the documents and people that a good answer shows."""
        for number, line in enumerate(rows(self.folder / "truth/questions_design.txt"), 1):
            asker, kind, text, wanted, also, experts, direct, why = line
            best = [word for word in wanted.split() if word[0] != "!" and word != "none"]
            hidden = [word[1:] for word in wanted.split() if word[0] == "!"]
            for id_ in [*best, *also.split(), *hidden, *direct.split()]:
                check(id_ in self.documents, f"document {id_} of « {text} »")
                [readers] = self.documents[id_]["readers"]["allowed"]
                reads = readers == "everyone" or asker in self.groups[readers][1]
                check(reads is (id_ not in hidden), f"what {asker} may read: {id_}")
            ideal, ok, wrong = self._experts(experts)
            check({*ideal, *ok} <= self.seen, f"people of « {text} »")
            check(asker not in experts.split(), f"the asker of « {text} »")
            name = f"{self.source}:".__add__
            ideal, ok = ([one for one in some if one != asker] for some in (ideal, ok))
            out: Row = {"id": f"q{number:03}", "agent": asker, "kind": kind, "why": why}
            out["documents"] = {"ideal": [*map(name, best)], "ok": [*map(name, also.split())]}
            people = {"ideal": ideal, "ok": ok, "wrong": wrong}
            out |= {"q": text.replace("\\n", "\n"), "experts": people}
            out |= {"forbidden": [*map(name, hidden)], "no_documents": wanted == "none"}
            out["direct_answer"] = name(direct) if direct else None
            yield out | {"nobody": "none" in experts.split()}

    def _experts(self, words: str) -> list[list[str]]:
        grade: dict[str, int] = {}
        for word in words.split():
            sign, name = (word[0], word[1:]) if word[0] in "+-" else ("", word)
            held = {row[1]: int(row[2]) for row in self.holders if row[0] == name[1:]}
            check(name in {*self.people, "none"} or bool(held), f"agent or topic {name}")
            best = 4 if sign else max(held.values(), default=0)
            if name[0] != "@":
                held, best = {name: {"-": 0, "+": 1, "": 3}[sign]}, 3
            for agent, degree in held.items():
                grade[agent] = max(grade.get(agent, 0), (degree > 0) + (degree == best > 0))
        grade.pop("none", None)
        return [[one for one in grade if grade[one] == value] for value in (2, 1, 0)]


def main(folder: Path) -> None:
    """Write the generated files of a folder."""
    all_of = Administration(folder)
    groups = ([id_, label, "|".join(some)] for id_, (label, some) in all_of.groups.items())
    tables = {"groups": [["principal", "label", "members"], *groups], "directory": all_of.agents()}
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, delimiter=";").writerows(table)
    records = {"documents": all_of.export(), "truth/holders": all_of.all_holders()}
    records |= {"truth/isolation": all_of.isolation(), "truth/questions": all_of.questions()}
    for name, lines in records.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
