"""Print what `make demo` installs, the largest first: `.venv/bin/python -m benchmarks.installed`.

A distribution of the project, or of a package that it installs by default, names what it is for in
pyproject.toml; the others, who asks for them.
"""

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from deploy.kit.wheels import is_bundled

SHOWN_BYTES = 2_000_000
PROJECTS = [Path("pyproject.toml"), *filter(is_bundled, sorted(Path().glob("packages/*/*.toml")))]
"""The project, and the packages that are installed with it."""
_NAME = re.compile(r"[\w.-]+")
_PURPOSE = re.compile(r'(?m)^    "([\w.-]+).*", *# (.*)$')


def plain(name: str) -> str:
    """Return a distribution's name as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(wanted: list[str]) -> dict[str, tuple[Distribution, str]]:
    """Return the distributions that these need, with who asks for each; extras are left out."""
    found: dict[str, tuple[Distribution, str]] = {}
    waiting = [(one, "quisait") for one in wanted]
    while waiting:
        written, by = waiting.pop(0)
        matched = _NAME.match(written)
        if matched is None or "extra ==" in written or (name := plain(matched[0])) in found:
            continue
        try:
            found[name] = distribution(name), by
        except PackageNotFoundError:  # of another system or Python
            continue
        waiting += [(one, name) for one in found[name][0].requires or ()]
    return found


def size(one: Distribution) -> int:
    """Return the size of a distribution's files in bytes, without bytecode."""
    files = (Path(str(one.locate_file(file))) for file in one.files or ())
    return sum(file.stat().st_size for file in files if file.suffix != ".pyc" and file.is_file())


def main() -> None:
    """Print the table and the sum."""
    texts = [path.read_text("utf-8") for path in PROJECTS]
    # Where an extra names it too, the first purpose is that of the project itself.
    purposes = {plain(name): what for name, what in reversed(_PURPOSE.findall("\n".join(texts)))}
    purposes["psycopg-binary"] = purposes["psycopg"]
    wanted = [name for text in texts for name in tomllib.loads(text)["project"]["dependencies"]]
    found = installed([*wanted, "psycopg-binary"])
    sizes = {name: size(one) for name, (one, _) in found.items()}
    print("| distribution | MB | what it is for |\n|---|---:|---|")
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if sizes[name] >= SHOWN_BYTES:
            what = purposes.get(name, f"asked for by {found[name][1]}")
            print(f"| {name} | {sizes[name] / 1e6:.0f} | {what} |")
    small = [one for one in sizes.values() if one < SHOWN_BYTES]
    print(f"| {len(small)} others | {sum(small) / 1e6:.0f} | |")
    print(f"| **all** | {sum(sizes.values()) / 1e6:.0f} | without uv and bytecode |")


if __name__ == "__main__":
    main()
