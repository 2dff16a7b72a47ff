"""A colleague's desk: nobody's settings, a clock of its own, bytes as they are."""

import os
import subprocess

import pytest

from common import scratch_git
from common.scratch_git import Desk, folder_bytes, version_of


@pytest.fixture
def ada(tmp_path):
    return Desk.fresh(tmp_path / "scratch" / "ada", root=tmp_path / "scratch")


def test_equal_work_gets_equal_ids_on_every_machine(tmp_path, ada):
    first = ada.commit("One", {"a.txt": "a\n", "folder/b.txt": b"\x00\r\n"})
    second = ada.commit("Two", {"a.txt": "b\n"})
    again = Desk.fresh(tmp_path / "scratch" / "again", root=tmp_path / "scratch")
    assert again.commit("One", {"a.txt": "a\n", "folder/b.txt": b"\x00\r\n"}) == first
    assert again.commit("Two", {"a.txt": "b\n"}) == second != first
    assert len(first) == 40  # SHA-1, whatever a later git prefers
    assert (ada.folder / ".git" / "refs" / "heads" / "main").is_file()
    assert ada.ask("git status --short") == ""


def test_each_colleague_signs_with_a_name(ada):
    ada.commit("One", {"a.txt": "a"})
    ada.person = "Ben"
    ada.commit("It's Ben's", {"a.txt": "b"})
    shown = ada.ask("git log --format='%an <%ae> %s' --date=iso")
    assert shown.splitlines() == [
        "Ben <ben@example.org> It's Ben's",
        "Ada <ada@example.org> One",
    ]
    early, late = ada.ask("git log --reverse --format=%at").splitlines()
    assert scratch_git.START < int(early) < int(late)


def test_the_users_git_is_out_of_reach(tmp_path, monkeypatch):
    home = tmp_path / "home"
    hooks = home / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "post-commit"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[init]\ntemplateDir = {home / 'template'}\ndefaultBranch = trunk\n"
        "[commit]\ngpgsign = true\n[user]\nname = Somebody\n"
        f"[core]\nhooksPath = {hooks}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(home / "elsewhere"))
    ada = Desk.fresh(tmp_path / "scratch" / "ada", root=tmp_path / "scratch")
    ada.commit("One", {"a.txt": "a"})
    assert ada.ask("git log --format=%an/%D") == "Ada/HEAD -> main"
    assert not (ada.folder / ".git" / "hooks").exists()
    assert "gpgsign" not in ada.ask("git config --list")
    # git before 2.32 ignores GIT_CONFIG_GLOBAL: then it is HOME that keeps it away
    assert ada.environment["HOME"].startswith(str((tmp_path / "scratch").resolve()))


def test_no_repository_above_the_scratch_folder_is_found(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    ada = Desk(tmp_path / "scratch" / "ada", root=tmp_path / "scratch")
    answer = ada.run("git status")
    assert answer.status != 0 and "not a git repository" in answer.text


def test_raw_neither_adds_nor_takes_a_byte(ada):
    content = b"\x00\x1b[1m tab\t end \r\n\xff"
    name = ada.raw("git hash-object -w --stdin", content).decode().strip()
    assert ada.raw(f"git cat-file blob {name}") == content
    with pytest.raises(RuntimeError, match="git cat-file blob nothing failed: fatal"):
        ada.raw("git cat-file blob nothing")


def test_fresh_begins_again(tmp_path, ada):
    ada.commit("One", {"a.txt": "a"})
    ada = Desk.fresh(ada.folder, root=ada.root)
    assert not (ada.folder / "a.txt").exists()
    assert ada.run("git log").status != 0


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("git version 2.39.5", (2, 39)),
        ("git version 2.30.1.windows.1", (2, 30)),
        ("git version 3.0.0 (Apple Git-154)", (3, 0)),
        ("", (0, 0)),
    ],
)
def test_the_version_is_read(said, version):
    assert version_of(said) == version


def test_an_old_git_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch_git, "version_of", lambda said: (2, 29))
    with pytest.raises(RuntimeError, match=r"needs git 2\.30 or newer, and here is"):
        Desk(tmp_path / "ada")


def test_without_git_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RuntimeError, match="git is not installed"):
        Desk(tmp_path / "ada")


def test_bytes_of_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"123")
    assert folder_bytes(tmp_path) == 8
    assert os.path.getsize(tmp_path / "c") == 3
