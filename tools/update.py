"""Fetch the newest course without losing an edit: what `make update` runs.

    python tools/update.py

A tracked file that you changed is copied to `my-work/<date_time>/` first. Where the
new version changes the same file, the new one takes its place and your copy stays in
my-work/; everything else that you edited is left as you have it. If anything goes
wrong on the way, every file is as it was before.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent


class UpdateError(Exception):
    """The course stays as it is; the text says why."""


class Repository:
    """The git commands that an update needs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run git; the caller looks at the status."""
        try:
            return subprocess.run(
                ["git", *words],
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                env=os.environ
                | {"LC_ALL": "C", "GIT_LITERAL_PATHSPECS": "1"}
                | {"GIT_TERMINAL_PROMPT": "0"},
            )
        except FileNotFoundError as error:
            raise UpdateError(
                "git is not installed, and the update needs it: install git, then "
                "call `make update` again."
            ) from error

    def ask(self, *words: str) -> str:
        """Run git and return what it says.

        Raises:
            UpdateError: git refuses.
        """
        done = self.run(*words)
        if done.returncode != 0:
            raise UpdateError(
                f"git {words[0]} refuses, and nothing was changed: {reason(done)}"
            )
        return done.stdout

    def names(self, *words: str) -> list[str]:
        """Return the paths that git lists."""
        return [name for name in self.ask(*words).split("\0") if name]

    def changed(self, *words: str) -> list[str]:
        """Return the paths that differ between commits, or from one commit."""
        return self.names("diff", "--name-only", "--no-renames", "-z", *words)


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of git's complaint."""
    return (done.stderr.strip() or "no reason given").splitlines()[-1]


def update(root: Path = ROOT) -> str:
    """Bring the course up to date; return the summary.

    Raises:
        UpdateError: it cannot be done; no file has changed.
    """
    git = Repository(root)
    upstream = find_upstream(git)
    fetched = git.run("fetch", "--quiet", upstream.split("/", 1)[0])
    if fetched.returncode != 0:
        raise UpdateError(
            "The newest course could not be fetched, and nothing was changed: connect "
            f"to the internet and call again ({reason(fetched)})."
        )
    both = f"HEAD...{upstream}"
    ahead, behind = git.ask("rev-list", "--left-right", "--count", both).split()
    if behind == "0":
        return "The course is up to date; nothing was changed."
    if ahead != "0":
        raise UpdateError(
            f"You have {count(int(ahead), 'commit')} of your own, so the update is "
            "yours to merge and nothing was changed: `git pull --rebase` puts them on "
            "top of the newest course."
        )
    if in_the_way := collisions(git, upstream):
        more = f" (and {len(in_the_way) - 1} more)" if len(in_the_way) > 1 else ""
        raise UpdateError(
            f"The newest course brings {in_the_way[0]}, where you have a file of your "
            f"own{more}: move yours elsewhere and call again; nothing was changed."
        )
    old = git.ask("rev-parse", "HEAD").strip()
    edited, incoming = git.changed("HEAD"), set(git.changed("HEAD", upstream))
    kept = keep(root, edited)
    replaced = [name for name in edited if name in incoming]
    exchange(git, old, upstream, replaced, kept)
    return summary(git, old, edited, replaced, kept)


def find_upstream(git: Repository) -> str:
    """Return the branch to update from, such as `origin/main`.

    Raises:
        UpdateError: this folder is in a state that an update would make worse.
    """
    top = git.run("rev-parse", "--show-toplevel")
    if top.returncode or Path(top.stdout.strip()).resolve() != git.root.resolve():
        why = reason(top) if top.returncode else "it lies within another one"
        raise UpdateError(
            "This copy of the course is not a git clone of your own, so it cannot be "
            f"updated in place ({why}): clone it beside this one and move your files."
        )
    under_way = "MERGE_HEAD rebase-merge rebase-apply CHERRY_PICK_HEAD REVERT_HEAD"
    for state in under_way.split():
        if (git.root / git.ask("rev-parse", "--git-path", state).strip()).exists():
            raise UpdateError(
                "A merge or rebase is under way, and nothing was changed: finish it or "
                "give it up (`git status` says how), then call again."
            )
    found = git.run("rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    upstream = found.stdout.strip()
    if (
        found.returncode or "/" not in upstream
    ):  # a single version, a branch of one's own
        raise UpdateError(
            "What you have checked out follows no other branch, and nothing was "
            "changed: `git switch main` goes back to the course's, `git branch "
            "--set-upstream-to origin/main` lets a branch of yours follow it."
        )
    return upstream


def collisions(git: Repository, upstream: str) -> list[str]:
    """Return the incoming new paths at which, above or below something untracked is.

    git itself looks away where the untracked file is ignored, and overwrites it.
    """
    own = {name.rstrip("/") for name in git.names("ls-files", "--others", "-z")}
    above = {str(parent) for name in own for parent in PurePosixPath(name).parents}
    return [
        name
        for name in git.changed("--diff-filter=A", "HEAD", upstream)
        if name in own | above
        or not own.isdisjoint(map(str, PurePosixPath(name).parents))
    ]


def keep(root: Path, edited: list[str]) -> Path | None:
    """Copy the edited files to my-work/, and see that the copies are equal.

    Raises:
        UpdateError: a copy could not be made; what was copied is taken away again.
    """
    there = [name for name in edited if os.path.lexists(root / name)]
    if not there:
        return None
    folder = root / "my-work" / time.strftime("%Y-%m-%d_%H-%M-%S")
    try:
        folder.mkdir(parents=True)
        for name in there:
            copy(root / name, folder / name)
    except OSError as error:
        if not isinstance(error, FileExistsError):  # of an update in this very second
            shutil.rmtree(folder, ignore_errors=True)
        raise UpdateError(
            f"Your edits could not be copied to my-work/, and nothing was changed: "
            f"{error.strerror or error}."
        ) from error
    return folder


def copy(source: Path, target: Path) -> None:
    """Copy a file or a link as it is; raise OSError where the copy differs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        target.unlink()
    shutil.copy2(source, target, follow_symlinks=False)
    if not source.is_symlink() and not filecmp.cmp(source, target, shallow=False):
        raise OSError(f"the copy of {source.name} differs from it")


def exchange(
    git: Repository, old: str, upstream: str, replaced: list[str], kept: Path | None
) -> None:
    """Take the learner's version of the colliding files away and bring the new one in.

    Raises:
        UpdateError: it failed; every file and the index are as they were.
    """
    index = git.root / git.ask("rev-parse", "--git-path", "index").strip()
    index_before = index.read_bytes()
    try:
        if replaced:
            git.ask("checkout", "--quiet", "HEAD", "--", *replaced)
        git.ask("merge", "--ff-only", "--quiet", upstream)
    except BaseException as error:
        put_back(git, old, upstream, replaced, kept)
        index.write_bytes(index_before)
        if isinstance(error, UpdateError | OSError):
            why = str(error).split(": ", 1)[-1].rstrip(".")
            raise UpdateError(
                f"The update failed, and everything is as it was: {why}."
            ) from error
        raise


def put_back(
    git: Repository, old: str, upstream: str, replaced: list[str], kept: Path | None
) -> None:
    """Undo half an update: HEAD, the files that it touched, the edits."""
    git.run("update-ref", "HEAD", old)
    new = git.changed("--diff-filter=A", old, upstream)
    for path in (git.root / name for name in new):  # nothing was there before
        if path.is_symlink() or path.is_file():
            path.unlink()
    for name in git.changed("--diff-filter=a", old, upstream):
        git.run("checkout", old, "--", name)
    for name in replaced:
        if kept is not None and os.path.lexists(kept / name):
            copy(kept / name, git.root / name)
        else:  # the learner had deleted it
            (git.root / name).unlink(missing_ok=True)


def count(number: int, what: str) -> str:
    """Return "1 file" or "2 files"."""
    return f"{number} {what}" + "s" * (number != 1)


def summary(
    git: Repository, old: str, edited: list[str], replaced: list[str], kept: Path | None
) -> str:
    """Return what happened, in a few lines."""
    changed = git.changed(old, "HEAD")
    new = "\n".join(git.changed("--diff-filter=A", old, "HEAD"))
    short = git.ask("rev-parse", "--short", "HEAD").strip()
    lines = [f"The course is now at {short}: {count(len(changed), 'file')} changed."]
    if days := re.findall(r"(?m)^(\w+)/\1\.ipynb$", new):
        lines.append(f"New: {', '.join(days)}.")
    place = f"my-work/{kept.name}/" if kept else ""
    if kept and replaced:
        names = ", ".join(replaced)
        lines.append(f"Replaced by the new version, yours is in {place}: {names}.")
    if kept and (untouched := len(edited) - len(replaced)):
        files = count(untouched, "file")
        lines.append(f"As you left it: {files} that you edited; a copy is in {place}.")
    if any(re.fullmatch(r"(requirements.*|constraints)\.txt", n) for n in changed):
        lines.append("The next `make lab` brings .venv up to the new versions.")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Return the exit status."""
    runpy.run_path(str(Path(__file__).with_name("console.py")))["write_anything"]()
    argparse.ArgumentParser(description="Fetch the newest course.").parse_args(words)
    try:
        print(update())
    except UpdateError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was changed.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
