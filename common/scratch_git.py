"""A scratch git repository: one colleague's desk, apart from the learner's own git.

    ada = Desk(scratch / "ada", root=scratch, person="Ada")
    ada.ask("git init -q")
    ada.commit("First words", {"README.md": "# Reviews"})

`Terminal` runs the commands; a desk adds what a lesson on git itself needs: a home
folder of its own (git before 2.32 knows no GIT_CONFIG_GLOBAL), no repository found
above the scratch folder, no hooks from a template, the same hash function and layout
whatever a later git's default is, a name for each colleague, and a clock that starts
on the same day everywhere, so that equal work gets equal commit ids.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from common.terminal import Answer, Terminal

OLDEST = (2, 30)
"""The first version of git on which the lesson was written to run."""

START = 1_767_603_600
"""5 January 2026, 09:00 UTC, in seconds since 1970: when every desk's clock starts."""

SECONDS_A_COMMAND = 60


class Desk(Terminal):
    """A working folder of one colleague.

    Attributes:
        person: whose name the next commit bears; may be changed at any time.
        now: what the clock shows, in seconds since 1970; each command takes a minute.
    """

    def __init__(self, folder: Path, root: Path | None = None, person: str = "Ada"):
        """Create the folder if it is missing.

        Args:
            folder: where the commands run.
            root: the scratch folder around it; its path is left out of every answer.
            person: a first name; the address is made of it.

        Raises:
            RuntimeError: git is not installed, or older than `OLDEST`.
        """
        super().__init__(folder, root)
        self.person, self.now = person, START
        said = self.ask("git --version")
        self.now = START
        if version_of(said) < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise RuntimeError(
                f"This day needs git {needed} or newer, and here is {said!r}: install "
                "a newer one (git-scm.com says how), restart the kernel, and run all "
                "cells."
            )

    @classmethod
    def fresh(cls, folder: Path, root: Path, person: str = "Ada") -> Desk:
        """Return a desk in an empty repository, whatever an earlier run left there."""
        shutil.rmtree(folder, ignore_errors=True)
        desk = cls(folder, root, person)
        desk.ask("git init -q")
        desk.ask("git symbolic-ref HEAD refs/heads/main")
        return desk

    def run(self, line: str) -> Answer:
        """Run one command, see `Terminal.run`; the clock moves on by a minute."""
        self.now += SECONDS_A_COMMAND
        return super().run(line)

    def raw(self, line: str, stdin: bytes = b"") -> bytes:
        """Run a command that has to succeed, byte for byte.

        Args:
            line: for example `"git cat-file blob HEAD:model.py"`.
            stdin: what it reads.

        Returns:
            What it wrote to its standard output, untouched.

        Raises:
            RuntimeError: it failed; with what it wrote to its standard error.
        """
        done = subprocess.run(
            shlex.split(line),
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
        )
        if done.returncode:
            said = self._tidy(done.stderr.decode(errors="replace"))
            raise RuntimeError(f"{line} failed: {said}")
        return done.stdout

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files, by their path from the folder; texts as UTF-8 with "\\n"."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                content.encode() if isinstance(content, str) else bytes(content)
            )

    def commit(
        self, message: str, files: Mapping[str, str | bytes] | None = None
    ) -> str:
        """Write files, add all that changed, commit; return the new commit's id."""
        self.write(files or {})
        self.ask("git add -A")
        self.ask(f"git commit -q -m {shlex.quote(message)}")
        return self.ask("git rev-parse HEAD")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that commands see: nothing of the user's own git."""
        home = self.root.resolve() / ".settings" / "home"
        nothing = self.root.resolve() / ".settings" / "nothing"
        nothing.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        address = f"{self.person.lower()}@example.org"
        own = {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "GIT_CEILING_DIRECTORIES": str(self.root.resolve()),
            "GIT_TEMPLATE_DIR": str(nothing),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_DEFAULT_HASH": "sha1",
            "GIT_DEFAULT_REF_FORMAT": "files",
            "GIT_EDITOR": "true",
            "GIT_PAGER": "cat",
        }
        for role in ("AUTHOR", "COMMITTER"):
            own[f"GIT_{role}_NAME"] = self.person
            own[f"GIT_{role}_EMAIL"] = address
            own[f"GIT_{role}_DATE"] = f"@{self.now} +0000"
        return super().environment | own


def version_of(said: str) -> tuple[int, int]:
    """Return (2, 39) for "git version 2.39.5 (Apple)"; (0, 0) where it says none."""
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def folder_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    sizes = (
        os.path.getsize(path) for path in Path(folder).rglob("*") if path.is_file()
    )
    return sum(sizes)
