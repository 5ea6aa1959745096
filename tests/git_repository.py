"""A git repository in a local folder, and a working copy that makes commits."""

import subprocess
from os import environ
from pathlib import Path


class Work:
    """Somebody's copy of the repository, whose commits are pushed to it."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.copy = folder / "doc.git", folder / "copie"
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), where=folder)
        self.git("clone", "-q", str(self.bare), str(self.copy), where=folder)

    def git(
        self, *arguments: str, author: str = "ana", mail: str = "", where: Path | None = None
    ) -> None:
        who = {f"GIT_{one}_NAME": author for one in ("AUTHOR", "COMMITTER")}
        mails = {f"GIT_{one}_EMAIL": mail or f"{author}@a.fr" for one in ("AUTHOR", "COMMITTER")}
        own = {"PATH": environ["PATH"], "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(
            ["git", *arguments],
            cwd=where or self.copy,
            env=own | who | mails,
            check=True,
            capture_output=True,
        )

    def push(self, author: str, mail: str = "") -> None:
        """All that was written, as a commit of that author's; `mail` where it is not `@a.fr`."""
        self.git("add", "-A")
        self.git("commit", "-qm", "texte", author=author, mail=mail)
        self.git("push", "-q", "origin", "HEAD:main")

    def write(self, name: str, text: str) -> None:
        path = self.copy / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
