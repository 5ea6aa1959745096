"""Read the topics of a forum by its JSON interface, which is like that of Discourse."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.mediawiki.html import sections_of
from connectors.options import BaseUrl, ReadersByName
from connectors.ports import Listed, Malformed, RecordUnreadable, RecordVanished, SourceRefused
from connectors.values import Access, Contribution, ContributorRole, Document


class Options(BaseModel):
    """The source's table `options` in quisait.toml."""

    model_config = ConfigDict(extra="forbid")
    url: BaseUrl = Field(description="adresse du forum")
    readers: ReadersByName = Field(
        {},
        description="lecteurs par catégorie ; hors d'ici, une catégorie réservée n'est lue de "
        "personne, une autre l'est par « allowed »",
    )


@dataclass(frozen=True, slots=True)
class ForumSource:
    """Lists all topics, with the date of their last change and their category's readers."""

    source: str
    options: Options
    default_access: Access
    host: HttpHost
    failures: FailuresInARow = field(default_factory=FailuresInARow)

    def listing(self) -> Iterator[Listed | Malformed]:
        """Yield each topic of all categories. Raises `SourceUnreachable`, `SourceRefused`."""
        categories = self._get("categories.json")["category_list"]["categories"]
        access = {one["id"]: self._access(one) for one in categories}
        # Oldest first: a topic that is answered meanwhile stays on its page.
        query, page = "order=created&ascending=true&page=", 0
        while topics := self._get(f"latest.json?{query}{page}")["topic_list"]["topics"]:
            for one in topics:
                try:
                    version, readers = repr(sorted(one.items())), access.get(one["category_id"])
                    number = int(one["id"])
                except (TypeError, AttributeError, KeyError, ValueError):
                    yield Malformed(f"page {page}", "un sujet se lit mal")
                    continue
                name = f"{self.source}:{number}"
                yield Listed(name, version.encode(), readers or Access(), number)
            page += 1

    def read(self, listed: Listed) -> Document:
        """Return a topic with its posts."""
        answer = self.failures.ask(
            lambda: self.host.request("GET", f"{self.options.url}t/{listed.place}.json"),
            RecordUnreadable,
        )
        if answer.status_code in (404, 410):
            raise RecordVanished("le sujet n'est plus là")
        try:
            return self._document(listed, json.loads(answer.content))
        except (TypeError, KeyError, ValueError) as error:
            raise RecordUnreadable(f"réponse {answer.status_code}") from error

    def _document(self, listed: Listed, topic: dict[str, Any]) -> Document:
        posts, accepted = topic["post_stream"]["posts"], topic.get("accepted_answer")
        written = [datetime.fromisoformat(one["created_at"]) for one in posts]
        return Document(
            id=listed.id,
            source=self.source,
            title=topic["title"],
            access=listed.access or Access(),
            sections=tuple(
                replace(part, author=f"{self.source}:{one['username']}")
                for one in posts
                for part in sections_of(one["cooked"])
            ),
            url=f"{self.options.url}t/{listed.place}",
            kind="thread",
            created=min(written),
            modified=max(written),
            contributions=tuple(
                self._said(one, accepted, moment.date())
                for one, moment in zip(posts, written, strict=True)
            ),
        )

    def _said(self, post: dict[str, Any], accepted: Any, day: date) -> Contribution:
        role, number = ContributorRole.ANSWERER, post["post_number"]
        if number in (1, accepted):
            role = ContributorRole.ASKER if number == 1 else ContributorRole.ACCEPTED_ANSWERER
        account = f"{self.source}:{post['username']}"
        return Contribution(account, role, post.get("name") or "", 1, day, day)

    def _access(self, category: dict[str, Any]) -> Access:
        named = self.options.readers.get(category["slug"])
        if named is not None:
            return Access(frozenset(named))
        return Access() if category.get("read_restricted") is not False else self.default_access

    def _get(self, path: str) -> Any:
        answer = self.host.request("GET", self.options.url + path)
        try:
            return json.loads(answer.content)
        except ValueError as error:
            raise SourceRefused(
                f"{self.host.host} ne répond pas comme un forum : vérifiez « url »."
            ) from error


def open_forum(place: SourcePlace, options: Options) -> ForumSource:
    """Return the source; no request is sent yet."""
    host = HttpHost(options.url, HttpLimits(rate_per_s=2), called="Le forum")
    return ForumSource(place.source, options, place.default_access, host)


KIND = ConnectorKind("forum", Options, open_forum, credential="")
