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
            reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise UpdateError(
                f"git {words[0]} refuses, and nothing was changed: {reason}"
            )
        return done.stdout

    def names(self, *words: str) -> list[str]:
        """Return the paths that git lists."""
        return [name for name in self.ask(*words).split("\0") if name]


def update(root: Path = ROOT) -> str:
    """Bring the course up to date; return the summary.

    Raises:
        UpdateError: it cannot be done; no file has changed.
    """
    git = Repository(root)
    upstream = find_upstream(git)
    fetched = git.run("fetch", "--quiet", upstream.split("/", 1)[0])
    if fetched.returncode != 0:
        reason = (fetched.stderr.strip() or "no reason given").splitlines()[-1]
        raise UpdateError(
            "The newest course could not be fetched, and nothing was changed: connect "
            f"to the internet and call again ({reason})."
        )
    ahead, behind = (
        int(count)
        for count in git.ask(
            "rev-list", "--left-right", "--count", f"HEAD...{upstream}"
        ).split()
    )
    if not behind:
        return "The course is up to date; nothing was changed."
    if ahead:
        commits = "1 commit" if ahead == 1 else f"{ahead} commits"
        raise UpdateError(
            f"You have {commits} of your own, so the update is yours to merge and "
            f"nothing was changed: `git pull --rebase` puts them on top of the newest "
            "course."
        )
    old = git.ask("rev-parse", "HEAD").strip()
    incoming = set(
        git.names("diff", "--name-only", "--no-renames", "-z", old, upstream)
    )
    edited = git.names("diff", "--name-only", "--no-renames", "-z", "HEAD")
    in_the_way = collisions(git, upstream)
    if in_the_way:
        raise UpdateError(
            f"The newest course brings {in_the_way[0]}, where you have a file of your "
            f"own{and_more(in_the_way)}: move yours elsewhere and call again; nothing "
            "was changed."
        )
    kept = keep(root, edited)
    replaced = [name for name in edited if name in incoming]
    exchange(git, old, upstream, incoming, replaced, kept)
    return summary(git, old, edited, replaced, kept)


def find_upstream(git: Repository) -> str:
    """Return the branch to update from, such as `origin/main`.

    Raises:
        UpdateError: this folder is in a state that an update would make worse.
    """
    inside = git.run("rev-parse", "--show-toplevel")
    top = Path(inside.stdout.strip()) if inside.returncode == 0 else None
    if top is None or top.resolve() != git.root.resolve():
        reason = inside.stderr.strip().splitlines()[:1]
        if reason and "dubious ownership" in reason[0]:
            raise UpdateError(
                "The course's folder belongs to another user, so git does not touch "
                "it: clone the course as yourself, or do what `git status` advises."
            )
        raise UpdateError(
            "This copy of the course is not a git clone (a downloaded archive?), so it "
            "cannot be updated in place: clone it beside this one and move your files."
        )
    under_way = "MERGE_HEAD rebase-merge rebase-apply CHERRY_PICK_HEAD REVERT_HEAD"
    for state in under_way.split():
        if (git.root / git.ask("rev-parse", "--git-path", state).strip()).exists():
            raise UpdateError(
                "A merge or rebase is under way, and nothing was changed: finish it or "
                "give it up (`git status` says how), then call again."
            )
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
    if not branch:
        raise UpdateError(
            "You are on a single version and on no branch, and nothing was changed: "
            "`git switch main` goes back, then call again."
        )
    found = git.run("rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    if found.returncode != 0:
        raise UpdateError(
            f"The branch {branch} follows no other, and nothing was changed: "
            f"`git branch --set-upstream-to origin/main` names the course's, or "
            "`git switch main` goes back to it."
        )
    upstream = found.stdout.strip()
    if "/" not in upstream:
        raise UpdateError(
            f"The branch {branch} follows {upstream} of this same folder, and nothing "
            "was changed: `git switch main` goes to the course's own branch."
        )
    return upstream


def collisions(git: Repository, upstream: str) -> list[str]:
    """Return the incoming new paths at which, above or below something untracked is.

    git itself looks away where the untracked file is ignored, and overwrites it.
    """
    old, new = (
        set(git.names("ls-tree", "-r", "--name-only", "-z", commit))
        for commit in ("HEAD", upstream)
    )
    own = {name.rstrip("/") for name in git.names("ls-files", "--others", "-z")}
    above = {str(parent) for name in own for parent in PurePosixPath(name).parents}
    return [
        name
        for name in sorted(new - old)
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
    stem = time.strftime("%Y-%m-%d_%H-%M-%S")
    places = (
        root / "my-work" / f"{stem}{'' if i == 1 else f'-{i}'}" for i in range(1, 99)
    )
    folder = next(place for place in places if not place.exists())
    try:
        for name in there:
            copy(root / name, folder / name)
    except OSError as error:
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
    git: Repository,
    old: str,
    upstream: str,
    incoming: set[str],
    replaced: list[str],
    kept: Path | None,
) -> None:
    """Take the learner's version of the colliding files away and bring the new one in.

    Raises:
        UpdateError: it failed; every file and the index are as they were.
    """
    root = git.root
    index = root / git.ask("rev-parse", "--git-path", "index").strip()
    index_before = index.read_bytes()
    try:
        if replaced:
            git.ask("checkout", "--quiet", "HEAD", "--", *replaced)
        git.ask("merge", "--ff-only", "--quiet", upstream)
    except BaseException as error:
        put_back(git, old, incoming, replaced, kept, index, index_before)
        if isinstance(error, KeyboardInterrupt):
            raise UpdateError("Stopped; everything is as it was.") from error
        if isinstance(error, UpdateError | OSError):
            reason = str(error).split(": ", 1)[-1].rstrip(".")
            raise UpdateError(
                f"The update failed, and everything is as it was: {reason}."
            ) from error
        raise


def put_back(
    git: Repository,
    old: str,
    incoming: set[str],
    replaced: list[str],
    kept: Path | None,
    index: Path,
    index_before: bytes,
) -> None:
    """Undo half an update: HEAD, the files that it touched, the edits, the index."""
    git.run("update-ref", "HEAD", old)
    in_old = set(git.names("ls-tree", "-r", "--name-only", "-z", old))
    for name in sorted(incoming - in_old):  # nothing was there before
        path = git.root / name
        if path.is_symlink() or path.is_file():
            path.unlink()
    back = sorted(incoming & in_old)
    for start in range(0, len(back), 100):
        git.run("checkout", old, "--", *back[start : start + 100])
    for name in replaced:
        if kept is not None and os.path.lexists(kept / name):
            copy(kept / name, git.root / name)
        else:  # the learner had deleted it
            (git.root / name).unlink(missing_ok=True)
    index.write_bytes(index_before)


def and_more(names: list[str]) -> str:
    """Return how many there are besides the first."""
    return f" (and {len(names) - 1} more like it)" if len(names) > 1 else ""


def summary(
    git: Repository, old: str, edited: list[str], replaced: list[str], kept: Path | None
) -> str:
    """Return what happened, in a few lines."""
    changed = git.names("diff", "--name-only", "-z", old, "HEAD")
    added = git.names("diff", "--name-only", "--diff-filter=A", "-z", old, "HEAD")
    days = sorted(
        {
            match[1]
            for name in added
            if (match := re.fullmatch(r"((?:electives/)?\w+)/\w+\.ipynb", name))
        }
    )
    short = git.ask("rev-parse", "--short", "HEAD").strip()
    files = "1 file" if len(changed) == 1 else f"{len(changed)} files"
    lines = [f"The course is now at {short}: {files} changed."]
    if days:
        lines.append(f"New: {', '.join(days)}.")
    if kept is not None:
        place = kept.relative_to(git.root).as_posix()
        untouched = len(edited) - len(replaced)
        if replaced:
            lines.append(
                f"Replaced by the new version, yours is in {place}/: "
                f"{', '.join(replaced)}."
            )
        if untouched:
            what = "file that you edited is" if untouched == 1 else "edited files are"
            lines.append(
                f"{untouched} {what} as you left {'it' if untouched == 1 else 'them'}; "
                f"a copy is in {place}/."
            )
    if any(re.fullmatch(r"(requirements.*|constraints)\.txt", n) for n in changed):
        lines.append("The next `make lab` brings .venv up to the new versions.")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Return the exit status."""
    runpy.run_path(str(Path(__file__).with_name("console.py")))["write_anything"]()
    parser = argparse.ArgumentParser(description="Fetch the newest course.")
    parser.parse_args(words)
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
