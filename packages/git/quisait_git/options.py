"""Settings of a git source."""

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from connectors.file_patterns import FileSelection, parse_selection
from connectors.options import Evidence, Patterns, SourceOptions, evidence_of, filled

PAGES = (
    *("*.md", "*.markdown", "*.rst", "*.adoc", "*.asciidoc", "*.org", "*.txt"),
    *("*.html", "*.htm", "*.pdf", "*.odt", "*.docx", "*.odp", "*.pptx"),
)
_SSH = re.compile(
    r"(?:(?P<user>[\w.][\w.-]*)@)?(?P<host>[A-Za-z0-9][\w.-]*):(?P<path>[^:\s][^\s]*)"
)
"""The short form of an SSH address (`git@forge.exemple:equipe/projet.git`)."""
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_BRANCH = re.compile(r"(?!-)(?!.*(\.\.|//|@\{|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![./])")
"""Branch names that git allows (git-check-ref-format) and that do not look like an option."""
_LINKS = {
    "gitlab": ("/-/blob/{branch}/{path}", "/-/wikis/{page}"),
    "forgejo": ("/src/branch/{branch}/{path}", "/wiki/{page}"),
    "github": ("/blob/{branch}/{path}", "/wiki/{page}"),
}
_WIKI = ".wiki"


class GitOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    url: str = Field(
        min_length=1,
        description="adresse du dépôt : https://…, ssh://…, git@hôte:chemin, ou un dossier "
        "de cette machine, relatif à quisait.toml",
    )
    branch: str = Field("", description="branche lue ; vide : celle que le dépôt désigne")
    include: Patterns = Field(
        list(PAGES), description="fichiers lus : « docs/**/*.md » ; d'office les pages et documents"
    )
    exclude: Patterns = Field([], description="fichiers et dossiers laissés : « vendor »")
    rules: str = Field(
        "",
        description="table de règles (pattern, allowed…) comme celle d'un dossier, hors du dépôt, "
        "relative à quisait.toml ; vide : « allowed » de la source pour tout",
    )
    forge: Literal["", "gitlab", "forgejo", "github"] = Field(
        "", description="forge qui montre le dépôt : les liens en viennent"
    )
    link: str = Field(
        "",
        pattern=r"^(https?://.*)?$",
        description="adresse d'une page, où {branch}, {path} et {page} (sans extension) "
        "tiennent leur place ; vide : celle de « forge », ou aucune",
    )
    user: str = Field("", pattern=r"^[^:]*$", description="compte, pour https")
    ssh_key_file: str = Field("", description="clé privée, pour ssh, relative à quisait.toml")
    known_hosts_file: str = Field(
        "", description="clés des hôtes connus, pour ssh ; vide : celles du système"
    )
    ca_file: str = Field("", description="autorité de certification du serveur (PEM)")
    work: str = Field(
        "depots",
        min_length=1,
        description="dossier où le dépôt est copié, relatif à quisait.toml ; à ne pas sauvegarder",
    )
    history: Literal["whole", "light"] = Field(
        "whole",
        description="« light » ne copie que les pages d'aujourd'hui : un renommage n'est suivi que "
        "sans autre changement",
    )
    most_mib: int = Field(2048, gt=0, description="taille de la copie au plus, en Mio")
    most_file_mib: int = Field(50, gt=0, le=2048, description="taille d'un fichier au plus, en Mio")
    timeout_s: int = Field(1800, gt=0, description="durée d'une copie au plus, en secondes")
    bulk: int = Field(
        100,
        gt=0,
        description="au-delà de tant de fichiers en un commit (import, remise en forme), il ne dit "
        "pas qui sait",
    )
    domains: list[str] = Field(
        [], description="domaines dont les adresses comptent comme auteurs ; vide : tous"
    )
    evidence: Evidence = evidence_of("les auteurs des pages")

    @model_validator(mode="after")
    def _holds(self) -> Self:
        # A folder's path may contain spaces; no URL may look like an option or a git transport.
        bare = self.url if self.scheme != "file" else self.url.replace(" ", "")
        if self.url.startswith("-") or _UNPRINTABLE.search(bare):
            raise ValueError("« url » n'est pas une adresse de dépôt")
        if "::" in self.url or self.scheme not in ("https", "http", "ssh", "file"):
            raise ValueError("« url » : donnez https://, ssh://, hôte:chemin ou un dossier")
        if "://" in self.url:
            parts = urlsplit(self.url)
            if parts.password is not None or (parts.username and self.scheme != "ssh"):
                raise ValueError("le compte va dans « user », son mot de passe dans un fichier")
            if self.scheme != "file" and (parts.hostname or "-").startswith("-"):
                raise ValueError("« url » : l'hôte manque")
            if (parts.username or "").startswith("-") or parts.query or parts.fragment:
                raise ValueError("« url » n'est pas une adresse de dépôt")
        if self.branch and not _BRANCH.fullmatch(self.branch):
            raise ValueError("« branch » n'est pas un nom de branche")
        if self.user and self.scheme not in ("https", "http"):
            raise ValueError("« user » va avec https ; pour ssh, écrivez compte@hôte")
        return self

    @property
    def scheme(self) -> str:
        """The transport: https, http, ssh or file; any other value is refused."""
        if "://" in self.url:
            return urlsplit(self.url).scheme.lower()
        return "ssh" if _SSH.fullmatch(self.url) else "file"

    @property
    def selection(self) -> FileSelection:
        """The selection of the files that are read."""
        return parse_selection(self.include, self.exclude)

    @property
    def shown_by(self) -> str:
        """The URL template of a page for people; empty if none is known."""
        if self.link or not self.forge:
            return self.link
        if "://" in self.url:
            parts = urlsplit(self.url)
            secure = self.scheme != "http"
            host = (parts.hostname or "") if self.scheme == "ssh" else parts.netloc
            path = parts.path
        elif short := _SSH.fullmatch(self.url):
            secure, host, path = True, short["host"], "/" + short["path"].lstrip("/")
        else:
            return ""
        root = path.removesuffix("/").removesuffix(".git")
        blob, wiki = _LINKS[self.forge]
        below = wiki if root.endswith(_WIKI) else blob
        return f"{'https' if secure else 'http'}://{host}{root.removesuffix(_WIKI)}{below}"

    def page_url(self, path: str, branch: str) -> str:
        """Return the URL at which people open the file of a path; empty if it is unknown."""
        page = path.rpartition(".")[0] if "." in path.rpartition("/")[2] else path
        return filled(self.shown_by, branch=branch, path=path, page=page)
