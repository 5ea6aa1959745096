"""Decide who may read a page, by DokuWiki's access rules (`conf/acl.auth.php`).

DokuWiki looks for rules about the page, then about each namespace above it, then about the whole
wiki. The first level that has a rule for the visitor, for one of their groups or for `@ALL`
decides: the highest permission of that level counts, and 0 denies.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from connectors.values import Access, account_principal

ALL, USER, GROUP = "@ALL", "%USER%", "%GROUP%"
_WILDCARD = re.compile(f"({USER}|{GROUP})")


class Rule(NamedTuple):
    """A login, `@group`, `@ALL` or a wildcard, and its permission: 0 denies."""

    who: str
    permission: int


class User(NamedTuple):
    """A user of the wiki's own list of users."""

    name: str
    groups: frozenset[str]


@dataclass(slots=True)
class AccessRules:
    """The rules of a wiki by scope: a page, `namespace:*` or `*`.

    `everybody` are the principals that `@ALL` admits, `groups` the principals of each group. A
    group that is not in `groups` is replaced by its members in `users`, the wiki's own list.
    Without such a list the group is unknown: it admits nobody, and if a level denies it, no level
    above admits anybody.
    """

    source: str
    everybody: frozenset[str]
    groups: Mapping[str, str]
    users: Mapping[str, User]
    unknown: set[str] = field(default_factory=set)
    _rules: dict[str, list[Rule]] = field(default_factory=dict)
    _wildcards: list[tuple[re.Pattern[str], set[str], Rule]] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add the rules of a file."""
        for line in text.split("\n"):
            about, who, permission, *_ = [*line.partition("#")[0].split(), "", "", ""]
            if not who:
                continue
            # A permission that is not a number denies.
            rule = Rule(unquote(who), int(permission) if permission.isdecimal() else 0)
            if who.startswith("@") and who != ALL and not self._is_known(rule.who[1:]):
                self.unknown.add(rule.who)
            pieces = _WILDCARD.split(about)
            pattern = re.compile("([^:*]+)".join(map(re.escape, pieces[::2])))
            if pieces[1:]:
                self._wildcards.append((pattern, set(pieces[1::2]), rule))
            else:
                self._rules.setdefault(about, []).append(rule)

    def readers(self, page: str) -> Access:
        """Return who may read a page; for a file, pass the `namespace:*` that it is in."""
        allowed: set[str] = set()
        denied: set[str] = set()
        refused: set[str] = set()  # by a level below: no level above admits them
        for about in _levels(page):
            rules = [*self._rules.get(about, ()), *self._by_wildcard(about)]
            reading = [rule.who for rule in rules if rule.permission > 0]
            closing = [rule.who for rule in rules if rule.permission <= 0]
            if admitted := self._principals(reading):
                allowed |= admitted
                denied |= refused  # a denial wins
            if ALL in reading or {ALL, USER, GROUP} & set(closing) or self.unknown & set(closing):
                break
            refused |= self._principals(closing) - allowed
        return Access(frozenset(allowed), frozenset(denied))

    def _by_wildcard(self, about: str) -> Iterator[Rule]:
        """Yield the rules with `%USER%` or `%GROUP%` that apply to this name, filled in."""
        for pattern, kinds, rule in self._wildcards:
            if not (found := pattern.fullmatch(about)):
                continue
            names, permission = set(found.groups()), rule.permission
            if permission <= 0:
                yield Rule(ALL, 0)  # whom it denies depends on the visitor: deny all
            elif kinds == {USER} and rule.who in (USER, ALL) and len(names) == 1:
                yield Rule(names.pop(), permission)
            elif kinds == {GROUP} and rule.who in (GROUP, ALL) and len(names) == 1:
                yield Rule(f"@{names.pop()}", permission)

    def _principals(self, named: Iterable[str]) -> set[str]:
        """Return the principals of logins and groups; wildcards and unknown groups have none."""
        found: set[str] = set()
        for who in named:
            if who == ALL:
                found |= self.everybody
            elif who.startswith("@"):
                found |= self._group(who[1:])
            elif who not in (USER, GROUP):
                found.add(account_principal(f"{self.source}:{who}"))
        return found

    def _is_known(self, group: str) -> bool:
        return group in self.groups or bool(self.users)

    def _group(self, name: str) -> set[str]:
        if name in self.groups:
            return {self.groups[name]}
        members = (login for login, user in self.users.items() if name in user.groups)
        return {account_principal(f"{self.source}:{login}") for login in members}


def _levels(page: str) -> Iterator[str]:
    """Yield the scopes whose rules apply to a page: the page, its namespaces, then the wiki."""
    if not page.endswith("*"):
        yield page
    namespace = page.rpartition(":")[0]
    while namespace:
        yield f"{namespace}:*"
        namespace = namespace.rpartition(":")[0]
    yield "*"


def read_users(text: str) -> dict[str, User]:
    """Return the users of `users.auth.php`, by login."""
    users = {}
    for line in text.split("\n"):
        # login, password, name, mail, groups
        cells = [cell.replace("\\:", ":").strip() for cell in re.split(r"(?<!\\):", line)]
        if not line.startswith("#") and len(cells) >= 5:
            users[cells[0]] = User(cells[2], frozenset(filter(None, cells[4].split(","))))
    return users
