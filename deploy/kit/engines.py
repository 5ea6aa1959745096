"""The engines that stand beside quisait: which, under which licence, and where they come from."""

import hashlib
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

OPENSEARCH_VERSION = "3.5.0"
TIKA_VERSION = "3.2.2"
_APACHE = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class Engine:
    """A file of Maven's repository. `purpose` is for operators, in French; `sha512` hexadecimal."""

    group: str
    name: str
    version: str
    packaging: str
    licence: str
    purpose: str
    sha512: str

    @property
    def filename(self) -> str:
        """Its name in the repository."""
        return f"{self.name}-{self.version}.{self.packaging}"


OPENSEARCH = Engine(
    "org.opensearch.distribution.integ-test-zip",
    "opensearch",
    OPENSEARCH_VERSION,
    "zip",
    _APACHE,
    "l'index de production (facultatif : l'index intégré n'en a pas besoin)",
    "ca4c739cb0457de59df464f8f01eafb962ba140c41a649d29a2f5306cb59b436"
    "d76742a8e710c1493f3a68080e5f55fe5f9bf929cc3b0a6e04c6f87061a2e2a3",
)
KNN = Engine(
    "org.opensearch.plugin",
    "opensearch-knn",
    f"{OPENSEARCH_VERSION}.0",
    "zip",
    _APACHE,
    "son extension pour les vecteurs",
    "eb93646b9fc589ab69756bb628f7e5c0eb98e7dc2b41fe0f45a9dcd1bd694f17"
    "9f714d469e8609995836ff95076fd5583502fdb2de98b10410fd93743bd83acc",
)
TIKA = Engine(
    "org.apache.tika",
    "tika-server-standard",
    TIKA_VERSION,
    "jar",
    _APACHE,
    "l'extraction de production (facultatif : l'extraction intégrée n'en a pas besoin)",
    "d250c93451995588a72a3147578db4ce2dc125cb3886decc9ef5879430312d30"
    "e42281782db219e90972835289dc547e1193a798d9c50ac4747262dc0e285a96",
)
ENGINES = (OPENSEARCH, KNN, TIKA)


class EngineUnavailable(RuntimeError):
    """An engine's file cannot be had here; the text says why."""


def fetch(engine: Engine, folder: Path) -> Path:
    """The file in Maven's local repository, or in `folder`, to which Maven brings it.

    Raises `EngineUnavailable` where there is no Maven, or the file is not the one that is known.
    """
    place = Path(engine.group.replace(".", "/")) / engine.name / engine.version / engine.filename
    found = Path.home() / ".m2/repository" / place
    if not found.exists():
        found = folder / engine.filename
    if not found.exists():
        _bring(engine, folder)
    with found.open("rb") as file:
        if hashlib.file_digest(file, "sha512").hexdigest() != engine.sha512:
            raise EngineUnavailable(f"{found} is not the known {engine.filename}: remove it.")
    return found


def _bring(engine: Engine, folder: Path) -> None:
    if not shutil.which("mvn"):
        raise EngineUnavailable(
            f"{engine.filename} comes through Maven: install `mvn` (Debian: maven)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    coordinates = f"{engine.group}:{engine.name}:{engine.version}:{engine.packaging}"
    subprocess.run(
        [
            *("mvn", "-q", "-B", "dependency:copy"),
            *(f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}"),
        ],
        check=True,
        cwd=folder,
    )


def without_rar_reader(jar: Path, target: Path) -> None:
    """Copy Tika without its RAR reader, whose licence is not an open one."""
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(jar) as whole, zipfile.ZipFile(partial, "w") as kept:
        for entry in whole.infolist():
            if not entry.filename.startswith("com/github/junrar"):
                kept.writestr(entry, whole.read(entry), entry.compress_type)
    partial.replace(target)


def page() -> str:
    """What to bring for the engines, for an operator: a table in Markdown."""
    rows = "".join(
        f"| {one.name} {one.version} | {one.licence} | {one.purpose} | `{one.group}:{one.name}:"
        f"{one.version}:{one.packaging}` | `{one.sha512}` |\n"
        for one in ENGINES
    )
    return f"""# Les moteurs

Sans eux, quisait se suffit : index et extraction intégrés, état dans SQLite. Pour une grande
administration, apportez ceux-ci ; `[index]` et `[extractor]` des réglages disent leurs adresses.

| quoi | licence | pour quoi | où (dépôt Maven) | sha512 |
|---|---|---|---|---|
{rows}| JDK 21 et au-delà | GPL-2.0 avec exception | OpenSearch et Tika | votre distribution | |
| PostgreSQL 15 et au-delà | PostgreSQL | l'état de plusieurs ouvriers | votre distribution | |

- Ces archives d'OpenSearch n'ont ni TLS ni authentification : gardez-le sur la boucle locale ou un
  réseau fermé. La distribution complète de la même version (opensearch.org) convient aussi.
- De Tika, ôtez `com/github/junrar`, dont la licence n'est pas libre :
  `zip -d {TIKA.filename} 'com/github/junrar/*'`. Un kit fait avec `--with-engines` l'a fait.
- OpenSearch : `unzip {OPENSEARCH.filename}`, puis dans son dossier
  `bin/opensearch-plugin install -b file:///…/{KNN.filename}` et `bin/opensearch`, jamais en root ;
  `vm.max_map_count` d'au moins 262144.
- Tika : `java -jar {TIKA.filename} -c tika.xml` ; `containers/tika.xml` de ce kit borne sa mémoire.
"""
