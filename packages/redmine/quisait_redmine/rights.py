"""Who reads what of a project: its members and their roles, as Redmine's interface tells them.

What it does not tell becomes fewer readers, and is named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from connectors.ports import Malformed, SourceRefused
from connectors.values import EVERYONE, MAX_PRINCIPALS, Access, account_principal
from quisait_redmine.client import RedmineApi, Row, listed, named, text_of
from quisait_redmine.cursor import digest_of
from quisait_redmine.options import RedmineOptions

PERMISSIONS = {
    "wiki": "view_wiki_pages",
    "news": "view_news",
    "files": "view_files",
    "issues": "view_issues",
}
MODULES = {"wiki": "wiki", "news": "news", "files": "files", "issues": "issue_tracking"}
_ACTIVE, _CLOSED = 1, 5
_NON_MEMBER, _ANONYMOUS = "group_non_member", "group_anonymous"
"""As a list of members names who has an account and who has none."""


class IssueSight(IntEnum):
    """How much of a project's issues a role shows, as its «issues_visibility»."""

    NONE = 0
    OWN = 1
    DEFAULT = 2
    ALL = 3


_SIGHTS = {"all": IssueSight.ALL, "default": IssueSight.DEFAULT, "own": IssueSight.OWN}


@dataclass(frozen=True, slots=True)
class ProjectRole:
    """What a role may see."""

    kinds: frozenset[str] = frozenset()
    issues: IssueSight = IssueSight.NONE


NO_ROLE = ProjectRole()


def together(roles: Iterable[ProjectRole]) -> ProjectRole:
    """What somebody with all these roles may see."""
    kinds, issues = frozenset[str](), IssueSight.NONE
    for role in roles:
        kinds, issues = kinds | role.kinds, max(issues, role.issues)
    return ProjectRole(kinds, issues)


def common(one: ProjectRole, other: ProjectRole) -> ProjectRole:
    """What both may see."""
    return ProjectRole(one.kinds & other.kinds, min(one.issues, other.issues))


@dataclass(frozen=True, slots=True)
class ProjectRights:
    """A project's readers: principals, each with what it may see.

    `own` is what the reading account itself may see there. `people` says whose account each
    principal is: a name may become another's, and an issue's author is known by name.
    """

    readers: dict[str, ProjectRole] = field(default_factory=dict)
    own: ProjectRole = NO_ROLE
    people: frozenset[str] = frozenset()

    def of_kind(self, kind: str) -> Access:
        """Of a project's wiki, news or files."""
        return bounded(one for one, role in self.readers.items() if kind in role.kinds)

    def of_issue(self, *, is_private: bool, own: Iterable[str]) -> Access:
        """Of an issue; `own` are the principals of its author and assignee."""
        enough = IssueSight.ALL if is_private else IssueSight.DEFAULT
        mine = set(own)
        return bounded(
            one
            for one, role in self.readers.items()
            if role.issues >= enough or (one in mine and role.issues >= IssueSight.OWN)
        )

    def digest(self, kind: str) -> bytes:
        """Changes with who reads a kind."""
        is_issues = kind == "issues"
        lines = [
            f"{one} {role.issues if is_issues else kind in role.kinds}"
            for one, role in sorted(self.readers.items())
        ]
        return digest_of([*lines, *(sorted(self.people) if is_issues else ())])


def bounded(principals: Iterable[str]) -> Access:
    """These readers; nobody where they are more than a document may name."""
    allowed = frozenset(principals)
    if EVERYONE in allowed:
        return Access(frozenset({EVERYONE}))
    return Access(allowed if len(allowed) <= MAX_PRINCIPALS else frozenset())


@dataclass(slots=True)
class RightsReader:
    """What the interface says of roles, accounts and members, for one reading."""

    api: RedmineApi
    nobody: RedmineApi
    source: str
    options: RedmineOptions
    problems: list[Malformed] = field(default_factory=list)
    _roles: dict[int, ProjectRole] = field(default_factory=dict)
    _builtin: dict[str, ProjectRole] = field(default_factory=dict)
    _accounts: dict[int, str] = field(default_factory=dict)
    _active: set[int] = field(default_factory=set)
    _is_open: bool = False
    _is_admin: bool = False
    _own: object = None

    def load(self) -> bool:
        """Read what holds for all projects; whether the key is an administrator's.

        Raises `SourceError`.
        """
        is_admin = self._is_admin = self._current_is_admin()
        # An administrator's key gives all of those who may log in at once.
        users = self.api.rows("users", "users", {"status": _ACTIVE}) if is_admin else None
        for user in users or ():
            self._note_account(user, is_active=True)
        givable = {row.get("id") for row in self.api.rows("roles", "roles") or ()}
        non_member = self._builtin_role("non_member_role", self.options.non_member_role, givable)
        anonymous = self._builtin_role("anonymous_role", self.options.anonymous_role, givable)
        # Were the two numbers exchanged, each would still open no more than the other does.
        both = common(anonymous, non_member)
        self._builtin = {_NON_MEMBER: non_member, _ANONYMOUS: both}
        self._is_open = self.options.anonymous and self._shows_anything()
        return is_admin

    def of_project(self, project: Row) -> ProjectRights | None:
        """A project's readers; None where the account may not see its members."""
        number = project["id"]
        if project.get("status") not in (_ACTIVE, _CLOSED):
            return ProjectRights()
        memberships = self.api.rows(f"projects/{number}/memberships", "memberships")
        if memberships is None:
            return None
        found: dict[str, ProjectRole] = {}
        given: dict[str, ProjectRole] = {}
        people: set[str] = set()
        every = ProjectRole(frozenset(PERMISSIONS), IssueSight.ALL)
        own = every if self._is_admin else NO_ROLE
        for membership in memberships:
            role = together(self.role(row.get("id")) for row in listed(membership, "roles"))
            builtin = [one for one in (_NON_MEMBER, _ANONYMOUS) if named(membership, one)]
            if builtin:
                given[builtin[0]] = role
                continue
            every = common(every, role)
            if named(membership, "user").get("id") == self._own:
                own = role
            if principal := self._principal(membership):
                found[principal] = together((found.get(principal, NO_ROLE), role))
                people.add(f"{principal} {named(membership, 'user').get('id')}")
        if project.get("is_public") is True:
            opened = self._builtin | given
            anonymous = opened[_ANONYMOUS] if self._is_open else NO_ROLE
            shown = common(anonymous, ProjectRole(anonymous.kinds, IssueSight.DEFAULT))
            # A member whose role shows less reads no more by being somebody with an account.
            others = common(opened[_NON_MEMBER], every)
            for principal, role in [
                (EVERYONE, shown),
                *((one, others) for one in self.options.accounts),
            ]:
                found[principal] = together((found.get(principal, NO_ROLE), role))
        if len(found) > MAX_PRINCIPALS:
            self._problem(
                text_of(project, "identifier"),
                f"plus de {MAX_PRINCIPALS} membres : personne ne lit ce qu'ils liraient tous",
            )
        return ProjectRights(found, own, frozenset(people))

    def _principal(self, membership: Row) -> str:
        """The member's; empty where it opens nothing: an unnamed group, a locked account."""
        if user := named(membership, "user"):
            account = self.account(user)
            # Who reads for others is no reader, nor is who may no longer log in.
            reads = user.get("id") != self._own and user.get("id") in self._active
            return account_principal(account) if reads else ""
        name = text_of(named(membership, "group"), "name")
        # Redmine lists a group's users as members too.
        return self.options.groups.get(name, "")

    def role(self, number: object) -> ProjectRole:
        """A role by its number; one that cannot be read sees nothing."""
        if not isinstance(number, int):
            return NO_ROLE
        if number not in self._roles:
            row = named(self.api.get(f"roles/{number}") or {}, "role")
            granted = row.get("permissions")
            permissions = set(granted) if isinstance(granted, list) else set()
            kinds = frozenset(kind for kind, one in PERMISSIONS.items() if one in permissions)
            # A Redmine that does not tell it shows one's own at the least.
            sight = _SIGHTS.get(text_of(row, "issues_visibility"), IssueSight.OWN)
            self._roles[number] = ProjectRole(
                kinds, sight if "issues" in kinds else IssueSight.NONE
            )
            if not row:
                self._problem(f"rôle {number}", "le compte ne peut pas le lire : il n'ouvre rien")
        return self._roles[number]

    def account(self, user: Row) -> str:
        """`source:name` of a user as an answer names them (`id`, `name`)."""
        number = user.get("id")
        if not isinstance(number, int):
            return f"{self.source}:#"
        if number not in self._accounts:
            row = named(self.api.get(f"users/{number}") or {}, "user")
            # Of one who is locked, an administrator's key is told so, and any other nothing.
            is_active = bool(row) and row.get("status", _ACTIVE) == _ACTIVE
            self._note_account({**row, "id": number}, is_active=is_active)
        return self._accounts[number]

    def _note_account(self, user: Row, *, is_active: bool) -> None:
        number = user.get("id")
        if isinstance(number, int):
            told = text_of(user, self.options.account).strip().lower()
            # No login begins so: a number is never taken for the login of another.
            self._accounts[number] = f"{self.source}:{told or f'#{number}'}"
            if is_active:
                self._active.add(number)

    def unnamed(self) -> int:
        """How many accounts are known by their number alone."""
        return sum(one.startswith(f"{self.source}:#") for one in self._accounts.values())

    def _current_is_admin(self) -> bool:
        current = named(self.api.get("users/current") or {}, "user")
        if not current:
            raise _refused(self.api)
        self._own = current.get("id")
        return current.get("admin") is True

    def _shows_anything(self) -> bool:
        """Whether Redmine shows anything without an account."""
        try:
            return self.nobody.get("projects", {"limit": 1}) is not None
        except SourceRefused:
            return False

    def _builtin_role(self, setting: str, number: int, givable: set[object]) -> ProjectRole:
        if number in givable:
            self._problem(
                setting,
                f"le rôle {number} se donne à des membres : ce n'est pas celui-là ; il n'"
                "ouvre rien",
            )
            return NO_ROLE
        return self.role(number)

    def _problem(self, where: str, reason: str) -> None:
        problem = Malformed(where, reason)
        if problem not in self.problems:
            self.problems.append(problem)


def _refused(api: RedmineApi) -> Exception:
    return SourceRefused(
        f"{api.host.host} ne reconnaît pas la clé d'API : vérifiez-la, et que l'interface REST est "
        "ouverte (Administration > Configuration > API)."
    )
