"""Find the readers of a WordPress entry, by its category, its section and whether it is private."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connectors.ports import SourceRefused
from connectors.values import Access
from quisait_sites.options import WordPressOptions
from quisait_sites.pages import plain_path
from quisait_sites.sections import is_in_a_section, readers_by_path
from quisait_sites.wordpress_api import Category, WordPressEntry

MOST_PARENTS = 100


class NotExpressed(Exception):
    """An item's readers are unknown, so nobody may read it; the text is a French reason."""


@dataclass(frozen=True, slots=True)
class WordPressRights:
    """Finds the readers of entries, from the settings.

    `items` are all entries that the site lists, by id, even entries that are not read: the pages
    above a page decide its section.
    """

    options: WordPressOptions
    default_access: Access
    categories: Mapping[int, Category]
    items: dict[int, WordPressEntry]
    _by_category: dict[int, Access | None] = field(default_factory=dict)

    def access(self, kind: str, item: WordPressEntry) -> Access:
        """Return the readers of an entry of a type. Raises `NotExpressed`."""
        if kind == "posts" and self.options.categories and item.categories is None:
            raise NotExpressed("le site ne dit pas ses catégories : personne ne le lit")
        of_categories = [self._of_category(one) for one in item.categories or ()]
        said = [one for one in of_categories if one is not None]
        if said and len(said) < len(of_categories):
            said.append(self.default_access)
        said += [
            readers_by_path(path, self.options.sections, self.default_access)
            for path in self.paths(item)
            if is_in_a_section(path, self.options.sections)
        ]
        access, *others = said or [self.default_access]
        if item.status == "private":
            others.append(Access(frozenset(self.options.private)))
        for other in others:
            access = access.narrowed_to(other)
        return access

    def space(self, item: WordPressEntry, access: Access) -> str:
        """Return the entry's first category by name, or the title of the top page above it.

        `access` are the entry's readers: the title is empty if one of them may not read that page.
        """
        named = [
            self.categories[one].name for one in item.categories or () if one in self.categories
        ]
        if named:
            return min(named)
        above = self.above(item)
        if not above or above[-1].parent or not self._is_for(above[-1], access):
            return ""
        return above[-1].plain_title

    def check_categories(self) -> None:
        """Raise `SourceRefused` if the settings name a category that the site does not have.

        Otherwise the entries of a renamed category would get the readers of all other entries.
        """
        known = {one.slug for one in self.categories.values()}
        if unknown := sorted(self.options.categories.keys() - known):
            raise SourceRefused(
                f"« categories » nomme « {unknown[0]} », que le site n'a pas ou plus : rien n'est "
                "lu tant que son nom d'aujourd'hui n'y est pas, pour n'ouvrir à personne ce "
                "qu'elle réserve."
            )

    def _of_category(self, number: int) -> Access | None:
        """Return the access of the nearest category, itself or above, in the settings."""
        if number in self._by_category:
            return self._by_category[number]
        at, allowed = number, None
        for _ in range(MOST_PARENTS if self.options.categories else 0):
            category = self.categories.get(at)
            if category is None:
                raise NotExpressed(
                    "sa catégorie, ou une au-dessus, n'est pas de celles que le site nomme"
                )
            allowed = self.options.categories.get(category.slug)
            if allowed is not None or not category.parent:
                break
            at = category.parent
        found = None if allowed is None else Access(frozenset(allowed))
        self._by_category[number] = found
        return found

    def paths(self, item: WordPressEntry) -> list[str]:
        """Return the paths of an entry, by its URL and by the pages above it.

        Raises `NotExpressed`.
        """
        if not self.options.sections:
            return []
        paths = [plain_path(item.link)] if item.link and not urlsplit(item.link).query else []
        if item.parent is None and not paths:
            raise NotExpressed(
                "son adresse ne dit pas sa section : réglez des permaliens lisibles, personne "
                "ne le lit"
            )
        if item.parent is not None:
            above = self.above(item)
            if (above[-1] if above else item).parent:
                raise NotExpressed(
                    "une page au-dessus n'est pas publiée : sa section n'est pas sûre, personne ne "
                    "le lit"
                )
            slugs = [one.slug for one in (*reversed(above), item)]
            root = urlsplit(self.options.url).path
            paths.append(plain_path(f"{root}{'/'.join(slugs)}/"))
        return paths

    def _is_for(self, page: WordPressEntry, access: Access) -> bool:
        """Return whether all readers of an entry may read a page above it."""
        try:
            own = self.access("pages", page)
        except NotExpressed:
            return False
        return page.is_open and access.narrowed_to(own) == access

    def above(self, item: WordPressEntry) -> list[WordPressEntry]:
        """Return the listed entries above it, the nearest first."""
        found: list[WordPressEntry] = []
        while item.parent and item.parent in self.items and len(found) < MOST_PARENTS:
            item = self.items[item.parent]
            found.append(item)
        return found
