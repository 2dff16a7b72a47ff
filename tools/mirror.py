"""`python tools/mirror.py FOLDER`: collect the course's data for use offline.

For a classroom server or a USB stick. Each file comes from Keras' cache, the
course's, or its official source, and is taken only if its SHA-256 is right. The
folder then works as `COURSE_DATA`. Files that are there already and whole are kept,
so a call that was cut off may be repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common.datasets import ladder  # noqa: E402
from common.datasets.books import TIME_MACHINE  # noqa: E402
from common.datasets.images import CIFAR10, FASHION_MNIST, MNIST  # noqa: E402
from common.datasets.photographs import FLOWERS  # noqa: E402
from common.datasets.series import TEMPERATURES  # noqa: E402
from common.datasets.texts import IMDB, IMDB_RAW, climb_quietly  # noqa: E402
from common.pretrained import NARROW, WIDE, WIDE_8BIT  # noqa: E402
from tools import console  # noqa: E402

RECIPES = (
    MNIST, FASHION_MNIST, CIFAR10, FLOWERS, IMDB, TEMPERATURES, TIME_MACHINE, NARROW,
    WIDE,
)  # fmt: skip
OPTIONAL = (IMDB_RAW, WIDE_8BIT)
"""Taken along where somebody has put them: the ladder never downloads them."""


def fill(folder: Path) -> list[str]:
    """Write every dataset that can be had into a mirror; return the others' names.

    The folder is created if need be, and nothing in it but SHA256SUMS is replaced.
    """
    sums = read_sums(folder)
    missing = []
    for recipe in (*RECIPES, *OPTIONAL):
        optional = recipe in OPTIONAL
        if all(is_whole(folder, file.mirror, sums) for file in recipe.files):
            print(f"{recipe.name}: there already.")
            continue
        found = climb_quietly(recipe) if optional else ladder.climb(recipe)
        if found is None:
            missing += [] if optional else [recipe.name]
            continue
        for file in recipe.files:
            content = found.files[file.name]
            if file.mirror.endswith(".xz"):
                content = lzma.compress(content)
            target = folder / file.mirror
            if not target.exists():
                ladder.write_whole(target, content)
            elif target.read_bytes() != content:
                raise OSError(
                    f"{target} is there with other content; move it away and try again"
                )
            sums[file.mirror] = hashlib.sha256(content).hexdigest()
        lines = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
        ladder.write_whole(folder / "SHA256SUMS", lines.encode())
        files = "1 file" if len(recipe.files) == 1 else f"{len(recipe.files)} files"
        print(f"{recipe.name}: {files}, {found.place}.")
    return missing


def read_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every path that a mirror lists, or nothing yet."""
    try:
        text = (folder / "SHA256SUMS").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {path.lstrip("*").strip(): digest for digest, path in pairs}


def is_whole(folder: Path, path: str, sums: dict[str, str]) -> bool:
    """Tell whether a mirror's file is there and is the one that SHA256SUMS lists."""
    file = folder / path
    if path not in sums or not file.is_file():
        return False
    return hashlib.sha256(file.read_bytes()).hexdigest() == sums[path]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    console.write_anything()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the mirror, made if need be")
    folder = parser.parse_args(arguments).folder.expanduser().absolute()
    try:
        missing = fill(folder)
    except OSError as error:
        print(f"The mirror could not be written: {error}.", file=sys.stderr)
        return 1
    if missing:
        print(
            f"Not to be had now: {', '.join(missing)}. Call this again with a network.",
            file=sys.stderr,
        )
        return 1
    print(f"The mirror is complete. Use it with COURSE_DATA={folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
