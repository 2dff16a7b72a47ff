"""The scratch terminal: commands as typed, nobody's settings, no path."""

import os
import shutil

import pytest

from common.terminal import Terminal


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(tmp_path / "reviews", root=tmp_path)
    terminal.ask("git init -q -b main")
    return terminal


def test_commands_and_answers_are_printed_as_they_come(terminal, capsys):
    terminal("git status --short", "git rev-parse --is-inside-work-tree")
    shown = capsys.readouterr().out
    assert shown == (
        "$ git status --short\n$ git rev-parse --is-inside-work-tree\ntrue\n"
    )


def test_a_failure_shows_its_status_and_does_not_stop_the_lesson(terminal, capsys):
    terminal("git checkout nowhere")
    shown = capsys.readouterr().out
    assert "did not match any" in shown and "(exit status 1)" in shown
    with pytest.raises(RuntimeError, match="exit status 1"):
        terminal.ask("git checkout nowhere")


def test_the_users_own_git_settings_do_not_reach_it(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".config" / "git").mkdir(parents=True)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    settings = (
        "[user]\nname = Somebody Else\n[commit]\ngpgsign = true\n"
        f"[core]\nhooksPath = {hooks}\n"
    )
    (home / ".gitconfig").write_text(settings)
    (home / ".config" / "git" / "ignore").write_text("*.dvc\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    terminal = Terminal(tmp_path / "reviews", root=tmp_path)
    terminal.ask("git init -q -b main")
    (terminal.folder / "data.dvc").write_text("outs:\n")
    terminal.ask("git add data.dvc")
    terminal.ask("git commit -q -m one")
    assert terminal.ask("git log --format=%an") == "A. Learner"
    assert not (tmp_path / "elsewhere").exists()


def test_dvc_answers_in_this_process_and_leaves_it_as_it_was(terminal, tmp_path):
    before, here = dict(os.environ), os.getcwd()
    terminal.ask("dvc init -q")
    (terminal.folder / "data").mkdir()
    (terminal.folder / "data" / "a.txt").write_text("one\n")
    terminal.ask("dvc add data")
    assert "md5" in (terminal.folder / "data.dvc").read_text()
    assert dict(os.environ) == before and os.getcwd() == here
    assert {path.name for path in tmp_path.iterdir()} == {"reviews", ".settings"}


def test_an_error_of_dvc_is_told_without_a_path_of_this_machine(terminal, tmp_path):
    terminal.ask("dvc init -q")
    status, text = terminal.run("dvc add missing")
    assert status and "missing" in text
    status, text = terminal.run(f"git status {tmp_path}")
    assert status and str(tmp_path) not in text
    assert terminal.run("dvc no-such-command").status


def test_commands_that_start_programs_hand_on_what_those_print(terminal):
    terminal.ask("dvc init -q")
    (terminal.folder / "dvc.yaml").write_text(
        'stages:\n  greet:\n    cmd: python -c "print(6 * 7)"\n'
    )
    assert "\n42" in terminal.ask("dvc repro")


def test_statistics_are_off(terminal, monkeypatch):
    from dvc import analytics

    sent = []
    monkeypatch.setattr(
        analytics, "collect_and_send_report", lambda *a, **k: sent.append(a)
    )
    monkeypatch.delenv("DVC_TEST", raising=False)
    terminal.ask("dvc init -q")
    assert not sent
    assert terminal.environment["DVC_NO_ANALYTICS"] == "1"


def test_two_folders_are_two_people(tmp_path):
    one, other = (Terminal(tmp_path / name, root=tmp_path) for name in ("a", "b"))
    for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "XDG_CONFIG_HOME"):
        assert one.environment[name] != other.environment[name]


def test_without_git_it_says_so_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="git is not installed"):
        Terminal(tmp_path / "reviews")


def test_programs_get_no_input(terminal):
    done = terminal.run('python -c "print(len(input()))"')
    assert done.status and "EOFError" in done.text
