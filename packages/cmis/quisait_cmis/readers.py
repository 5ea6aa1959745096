"""Convert an object's access list to principals of quisait."""

from dataclasses import dataclass, field

from connectors.values import MAX_PRINCIPALS, Access, account_principal
from quisait_cmis.objects import CmisObject
from quisait_cmis.options import CmisOptions

NO_LIST = "le dépôt ne rend pas sa liste d'accès : personne ne le lit"
NOT_EXACT = (
    "le dépôt dit que sa liste d'accès ne dit pas tout (isExact = false) : personne ne le lit"
)
TOO_MANY = f"plus de {MAX_PRINCIPALS} lecteurs : personne ne le lit, donnez-lui un groupe"


@dataclass(frozen=True, slots=True)
class AccessReading:
    """Converts a repository's access lists. `anyone` are its names for all of its users.

    `stated` are the readers of all documents if the repository has no access lists, else None.
    """

    source: str
    options: CmisOptions
    anyone: frozenset[str] = frozenset()
    stated: Access | None = None
    nobody: set[str] = field(default_factory=set, compare=False)
    """Groups and names for all users that were met and that the settings do not map."""

    def readers(self, found: CmisObject) -> tuple[Access, str]:
        """Return the access to the object, and a French reason if nobody may read it."""
        if self.stated is not None:
            return self.stated, ""
        if found.entries is None:
            return Access(), NO_LIST
        if not found.exact:
            return Access(), NOT_EXACT
        reading = frozenset(self.options.read_permissions)
        named = {one.principal for one in found.entries if one.permissions & reading}
        allowed = {principal for name in named if (principal := self._principal(name))}
        if len(allowed) > MAX_PRINCIPALS:
            return Access(), TOO_MANY
        return Access(frozenset(allowed)), ""

    def _principal(self, name: str) -> str:
        """Return the principal of a name in the repository, or an empty text for nobody."""
        options = self.options
        if not name.strip() or "\0" in name or name == options.user:
            return ""  # the reading account stands for nobody
        if name in options.groups:
            return options.groups[name]
        if name in self.anyone:
            said = options.anyone
        elif options.group_prefix and name.startswith(options.group_prefix):
            group = name.removeprefix(options.group_prefix)
            known = bool(options.group_authority and group.strip())
            said = f"{options.group_authority}:group:{group}" if known else ""
        else:
            return account_principal(f"{self.source}:{name}")
        if not said:
            self.nobody.add(name)
        return said
