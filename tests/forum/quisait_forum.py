"""Read the topics of a forum by its JSON interface, which is like that of Discourse."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.html import sections_of
from connectors.http_host import HttpHost
from connectors.installed import ConnectorKind, SourcePlace
from connectors.options import BaseUrl, ReadersByName
from connectors.ports import Listed, Malformed, RecordUnreadable, RecordVanished, SourceRefused
from connectors.values import Access, Contribution, ContributorRole, Document


class Options(BaseModel):
    """The source's table `options` in quisait.toml."""

    model_config = ConfigDict(extra="forbid")
    url: BaseUrl = Field(description="adresse du forum")
    readers: ReadersByName = Field(description="lecteurs par catégorie ; d'une autre : personne")


@dataclass(slots=True)
class ForumSource:
    """Lists all topics, with the date of their last change and their category's readers."""

    source: str
    options: Options
    host: HttpHost
    readers: dict[int, frozenset[str]] = field(default_factory=dict)

    def listing(self) -> Iterator[Listed | Malformed]:
        """Yield each topic of all categories. Raises `SourceUnreachable`, `SourceRefused`."""
        categories = self._get("categories.json")["category_list"]["categories"]
        for one in categories:
            self.readers[one["id"]] = frozenset(self.options.readers.get(one["slug"], ()))
        # Oldest first: a topic that is answered meanwhile stays on its page.
        query, page = "order=created&ascending=true&page=", 0
        while topics := self._get(f"latest.json?{query}{page}")["topic_list"]["topics"]:
            for one in topics:
                try:
                    name, access = f"{self.source}:{int(one['id'])}", self._readers_of(one)
                    yield Listed(name, repr(sorted(one.items())).encode(), access, one["id"])
                except (TypeError, AttributeError, KeyError, ValueError):
                    yield Malformed(f"page {page}", "un sujet se lit mal")
            page += 1

    def read(self, listed: Listed) -> Document:
        """Return a topic with its posts."""
        url = f"{self.options.url}t/{listed.place}"
        answer = self.host.request("GET", f"{url}.json")
        if answer.status_code in (404, 410):
            raise RecordVanished("le sujet n'est plus là")
        try:
            topic = answer.json
            posts = topic["post_stream"]["posts"]
            said = [self._said(one) for one in posts]
            return Document(
                id=listed.id,
                source=self.source,
                title=topic["title"],
                access=self._readers_of(topic),  # it may have been moved since it was listed
                sections=tuple(
                    replace(part, author=by.account)
                    for one, by in zip(posts, said, strict=True)
                    for part in sections_of(one["cooked"])
                ),
                url=url,
                kind="thread",
                created=datetime.fromisoformat(topic["created_at"]),
                contributions=tuple(said),
            )
        except (TypeError, KeyError, ValueError) as error:
            raise RecordUnreadable(f"réponse {answer.status_code}") from error

    def _said(self, post: dict[str, Any]) -> Contribution:
        role = ContributorRole.ANSWERER if post["post_number"] > 1 else ContributorRole.ASKER
        day = datetime.fromisoformat(post["created_at"]).date()
        return Contribution(f"{self.source}:{post['username']}", role, first=day, last=day)

    def _readers_of(self, topic: dict[str, Any]) -> Access:
        return Access(self.readers.get(topic["category_id"], frozenset()))

    def _get(self, path: str) -> Any:
        said = self.host.request("GET", self.options.url + path).json
        if said is None:
            raise SourceRefused(f"{self.host.host} n'est pas un forum : vérifiez « url ».")
        return said


def open_forum(place: SourcePlace, options: Options) -> ForumSource:
    """Return the source; no request is sent yet."""
    return ForumSource(place.source, options, HttpHost(options.url, called="Le forum"))


KIND = ConnectorKind("forum", Options, open_forum, credential="")
