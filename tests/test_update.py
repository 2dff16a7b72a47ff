"""`make update`: the newest course comes, and no edit is lost."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import update

pytestmark = pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as a person with a name and no settings."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"))
    }
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path, files: dict[str, str | None]) -> None:
    """Write or delete files and commit them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if text is None else path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a learner's clone of a published course."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    published = tmp_path / "published"
    published.mkdir()
    git(published, "init", "--quiet")
    files = {
        "day01_x/day01_x.ipynb": "old one",
        "day02_y/day02_y.ipynb": "old two",
        "old.txt": "old",
        "requirements.txt": "a==1",
        ".gitignore": "/my-work/\n/runs/\n",
    }
    commit(published, files)
    git(tmp_path, "clone", "--quiet", "published", "clone")
    yield tmp_path / "clone"


def publish(clone: Path, files: dict[str, str | None]) -> None:
    """Publish a newer course."""
    commit(clone.parent / "published", files)


def state(folder: Path) -> dict[str, bytes | str]:
    """Return every file, the index and HEAD."""
    found: dict[str, bytes | str] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
    found["index"] = git(folder, "status", "--porcelain")
    found["HEAD"] = git(folder, "rev-parse", "HEAD")
    return found


def test_an_update_loses_no_edit(clone: Path) -> None:
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    (clone / "day02_y/day02_y.ipynb").write_text("my two")
    (clone / "old.txt").write_text("my old")
    (clone / "notes.txt").write_text("mine")
    git(clone, "add", "day01_x")
    news = {"day01_x/day01_x.ipynb": "new one", "day03_z/day03_z.ipynb": "new three"}
    publish(clone, {**news, "old.txt": None, "requirements.txt": "a==2"})

    said = update.update(clone)

    (kept,) = (clone / "my-work").iterdir()
    copies = {p.relative_to(kept).as_posix(): p.read_text() for p in kept.rglob("*.*")}
    assert copies == {
        "day01_x/day01_x.ipynb": "my one",
        "day02_y/day02_y.ipynb": "my two",
        "old.txt": "my old",
    }
    assert (clone / "day01_x/day01_x.ipynb").read_text() == "new one"
    assert (clone / "day02_y/day02_y.ipynb").read_text() == "my two"
    assert (clone / "day03_z/day03_z.ipynb").read_text() == "new three"
    assert (clone / "notes.txt").read_text() == "mine"
    assert not (clone / "old.txt").exists()
    assert "4 files changed" in said and "New: day03_z." in said
    assert f"yours is in my-work/{kept.name}/: day01_x/day01_x.ipynb, old.txt." in said
    assert "As you left it: 1 file that you edited" in said
    assert "next `make lab`" in said
    assert update.update(clone) == "The course is up to date; nothing was changed."


def test_an_update_that_fails_puts_everything_back(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merge stops half-way: one file written, one not, as on a full disk."""
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    (clone / "old.txt").unlink()
    git(clone, "add", "day01_x")
    news = {"day01_x/day01_x.ipynb": "new one", "old.txt": "new", "new/a.txt": "new"}
    publish(clone, {**news, "requirements.txt": "a==2"})
    before = state(clone)
    ask = update.Repository.ask

    def stops(self: update.Repository, *words: str) -> str:
        if words[0] == "merge":
            assert (clone / "day01_x/day01_x.ipynb").read_text() == "old one"
            ask(self, "checkout", "origin/main", "--", "requirements.txt", "new/a.txt")
            raise update.UpdateError("git merge refuses: No space left on device")
        return ask(self, *words)

    monkeypatch.setattr(update.Repository, "ask", stops)
    with pytest.raises(
        update.UpdateError, match=r"as it was: No space left on device\."
    ):
        update.update(clone)
    after = state(clone)
    (copy,) = [name for name in after if name.startswith("my-work/")]
    assert after.pop(copy) == b"my one"
    assert after == before


def own_commit(clone: Path) -> None:
    commit(clone, {"mine.txt": "mine"})


def untracked_file(clone: Path) -> None:
    (clone / "new").mkdir()
    (clone / "new" / "a.txt").write_text("mine")


def ignored_file(clone: Path) -> None:
    """git alone overwrites this one without a word."""
    (clone / ".git" / "info" / "exclude").write_text("a.txt\n")
    untracked_file(clone)


def file_in_place_of_a_folder(clone: Path) -> None:
    (clone / "new").write_text("mine")


def folder_in_place_of_a_file(clone: Path) -> None:
    (clone / "new" / "a.txt").mkdir(parents=True)
    (clone / "new" / "a.txt" / "mine").write_text("mine")


def no_branch(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "--detach")


def no_upstream(clone: Path) -> None:
    git(clone, "switch", "--quiet", "--no-track", "--create", "mine")


def no_network(clone: Path) -> None:
    git(clone, "remote", "set-url", "origin", str(clone.parent / "nowhere"))


def a_merge_under_way(clone: Path) -> None:
    (clone / ".git" / "MERGE_HEAD").write_text(git(clone, "rev-parse", "HEAD"))


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (own_commit, "1 commit of your own"),
        (untracked_file, "brings new/a.txt, where you have a file of your own"),
        (ignored_file, "brings new/a.txt, where you have a file of your own"),
        (file_in_place_of_a_folder, "brings new/a.txt, where you have"),
        (folder_in_place_of_a_file, "brings new/a.txt, where you have"),
        (no_branch, "git switch main"),
        (no_upstream, "follows no other"),
        (no_network, "could not be fetched"),
        (a_merge_under_way, "under way"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_update_that_cannot_be_changes_nothing(
    clone: Path, spoil: Callable[[Path], None], part: str
) -> None:
    publish(clone, {"new/a.txt": "new", "day01_x/day01_x.ipynb": "new one"})
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    spoil(clone)
    before = state(clone)
    with pytest.raises(update.UpdateError, match=re.escape(part)) as caught:
        update.update(clone)
    assert "nothing was changed" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert state(clone) == before


def test_a_downloaded_archive_is_told_how_to_update(tmp_path: Path) -> None:
    with pytest.raises(update.UpdateError, match="not a git clone"):
        update.update(tmp_path)


def test_edits_that_cannot_be_kept_stop_the_update(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(clone, {"day01_x/day01_x.ipynb": "new one"})
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    before = state(clone)
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(monkeypatch.context())
        context.setattr(
            shutil, "copy2", lambda source, target, **_: target.write_text("")
        )
        with pytest.raises(update.UpdateError, match="could not be copied to my-work/"):
            update.update(clone)
    assert state(clone) == before
