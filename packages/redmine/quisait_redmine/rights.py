"""Find the readers of each project, from the members and roles in Redmine's interface.

If the interface does not give a right, nobody gets it, and this is reported.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from connectors.ports import Malformed, SourceRefused
from connectors.values import EVERYONE, MAX_PRINCIPALS, Access, account_principal
from quisait_redmine.client import RedmineApi, Row, listed, named, text_of
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
"""Names in a list of members that mean everybody with an account, and everybody without."""


class IssueSight(IntEnum):
    """The issues of a project that a role shows (Redmine's « issues_visibility »)."""

    NONE = 0
    OWN = 1
    DEFAULT = 2
    ALL = 3


_SIGHTS = {"all": IssueSight.ALL, "default": IssueSight.DEFAULT, "own": IssueSight.OWN}


@dataclass(frozen=True, slots=True)
class ProjectRole:
    """The kinds and issues of a project that a role may see."""

    kinds: frozenset[str] = frozenset()
    issues: IssueSight = IssueSight.NONE


NO_ROLE = ProjectRole()


def together(roles: Iterable[ProjectRole]) -> ProjectRole:
    """Return the combined view of somebody with all these roles."""
    kinds, issues = frozenset[str](), IssueSight.NONE
    for role in roles:
        kinds, issues = kinds | role.kinds, max(issues, role.issues)
    return ProjectRole(kinds, issues)


def common(one: ProjectRole, other: ProjectRole) -> ProjectRole:
    """Return the kinds and issues that both roles may see."""
    return ProjectRole(one.kinds & other.kinds, min(one.issues, other.issues))


@dataclass(frozen=True, slots=True)
class ProjectRights:
    """A project's readers: principals, each with its combined role.

    `own` is the role of the reading account in the project. `people` pairs each principal with the
    number of its account, because a login may pass to another person.
    """

    readers: dict[str, ProjectRole] = field(default_factory=dict)
    own: ProjectRole = NO_ROLE
    people: frozenset[str] = frozenset()

    def of_kind(self, kind: str) -> Access:
        """Return the access to a project's wiki, news or files."""
        return bounded(one for one, role in self.readers.items() if kind in role.kinds)

    def of_issue(self, *, is_private: bool, own: Iterable[str]) -> Access:
        """Return the access to an issue; `own` are its author's and assignee's principals."""
        enough = IssueSight.ALL if is_private else IssueSight.DEFAULT
        mine = set(own)
        return bounded(
            one
            for one, role in self.readers.items()
            if role.issues >= enough or (one in mine and role.issues >= IssueSight.OWN)
        )


def bounded(principals: Iterable[str]) -> Access:
    """Return an access for these readers; it admits nobody if they exceed `MAX_PRINCIPALS`."""
    allowed = frozenset(principals)
    if EVERYONE in allowed:
        return Access(frozenset({EVERYONE}))
    return Access(allowed if len(allowed) <= MAX_PRINCIPALS else frozenset())


@dataclass(slots=True)
class RightsReader:
    """Reads roles, accounts and members from the interface, for one reading."""

    api: RedmineApi
    nobody: RedmineApi
    source: str
    options: RedmineOptions
    problems: list[Malformed] = field(default_factory=list)
    _roles: dict[int, ProjectRole] = field(default_factory=dict)
    _builtin: dict[str, ProjectRole] = field(default_factory=dict)
    _accounts: dict[int, str] = field(default_factory=dict)
    _active: set[int] = field(default_factory=set)
    is_admin: bool = False
    """Whether the key is an administrator's."""
    _is_open: bool = False
    _own: object = None

    def load(self) -> None:
        """Read roles and accounts of all projects. Raises `SourceError`."""
        self.is_admin = self._current_is_admin()
        # With an administrator's key, one list gives all accounts that may log in.
        users = self.api.rows("users", "users", {"status": _ACTIVE}) if self.is_admin else None
        for user in users or ():
            self._note_account(user, is_active=True)
        givable = {row.get("id") for row in self.api.rows("roles", "roles") or ()}
        non_member = self._builtin_role("non_member_role", self.options.non_member_role, givable)
        anonymous = self._builtin_role("anonymous_role", self.options.anonymous_role, givable)
        # If the settings swapped the two numbers, the anonymous role still opens no more than both.
        both = common(anonymous, non_member)
        self._builtin = {_NON_MEMBER: non_member, _ANONYMOUS: both}
        self._is_open = self.options.anonymous and self._shows_anything()

    def again(self) -> "RightsReader":
        """Return a reader that asks for all rights anew; known names of accounts stay known."""
        again = RightsReader(self.api, self.nobody, self.source, self.options)
        if not self.is_admin:  # an administrator's key lists all accounts again
            again._accounts, again._active = self._accounts, self._active
        return again

    def of_project(self, project: Row) -> ProjectRights | None:
        """Return a project's readers, or None if the account may not see its members."""
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
        own = every if self.is_admin else NO_ROLE
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
            # A member with a narrower role must not gain access as an ordinary account holder.
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
        """Return the member's principal; empty for an unmapped group or a locked account."""
        if user := named(membership, "user"):
            account = self.account(user)
            # The reading account and locked accounts are no readers.
            reads = user.get("id") != self._own and user.get("id") in self._active
            return account_principal(account) if reads else ""
        name = text_of(named(membership, "group"), "name")
        # Redmine lists a group's users as members too.
        return self.options.groups.get(name, "")

    def role(self, number: object) -> ProjectRole:
        """Return a role by its number; an unreadable role sees nothing."""
        if not isinstance(number, int):
            return NO_ROLE
        if number not in self._roles:
            row = named(self.api.get(f"roles/{number}") or {}, "role")
            granted = row.get("permissions")
            permissions = set(granted) if isinstance(granted, list) else set()
            kinds = frozenset(kind for kind, one in PERMISSIONS.items() if one in permissions)
            # If Redmine does not tell, the role shows at least one's own issues.
            sight = _SIGHTS.get(text_of(row, "issues_visibility"), IssueSight.OWN)
            self._roles[number] = ProjectRole(
                kinds, sight if "issues" in kinds else IssueSight.NONE
            )
            if not row:
                self._problem(f"rôle {number}", "le compte ne peut pas le lire : il n'ouvre rien")
        return self._roles[number]

    def account(self, user: Row) -> str:
        """Return `source:name` of a user object in an answer (`id`, `name`)."""
        number = user.get("id")
        if not isinstance(number, int):
            return f"{self.source}:#"
        if number not in self._accounts:
            row = named(self.api.get(f"users/{number}") or {}, "user")
            # Only an administrator's key sees locked accounts, with their status.
            is_active = bool(row) and row.get("status", _ACTIVE) == _ACTIVE
            self._note_account({**row, "id": number}, is_active=is_active)
        return self._accounts[number]

    def _note_account(self, user: Row, *, is_active: bool) -> None:
        number = user.get("id")
        if isinstance(number, int):
            told = text_of(user, self.options.account).strip().lower()
            # No login begins with « # », so a number never equals another account's login.
            self._accounts[number] = f"{self.source}:{told or f'#{number}'}"
            if is_active:
                self._active.add(number)

    def unnamed(self) -> int:
        """Return the number of accounts without a known login."""
        return sum(one.startswith(f"{self.source}:#") for one in self._accounts.values())

    def _current_is_admin(self) -> bool:
        current = named(self.api.get("users/current") or {}, "user")
        if not current:
            raise _refused(self.api)
        self._own = current.get("id")
        return current.get("admin") is True

    def _shows_anything(self) -> bool:
        """Return whether Redmine shows anything without an account."""
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
