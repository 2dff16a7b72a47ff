"""The hand-over between days: nothing half-written is seen, nothing better is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import common
from common import artifacts
from common.artifacts import ArtifactError

NAME = "toy_model"


@pytest.fixture(autouse=True)
def own_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """No day runs, and nothing was built for this session only."""
    monkeypatch.setattr(artifacts, "_of_this_session", {})
    runtime = sys.modules.get("common.runtime")
    if runtime is not None:
        monkeypatch.setattr(runtime, "current_day", None)


def writer(text: str):
    """A function that writes one file of that content."""

    def write(folder: Path) -> None:
        (folder / "model.txt").write_text(text)

    return write


def not_to_be_called(folder: Path) -> None:
    pytest.fail("it was built although there is one")


def content(folder: Path) -> str:
    return (folder / "model.txt").read_text()


def names_in(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


# ---------------------------------------------------------------------- what is kept


def test_what_was_saved_is_found(course_home, capsys):
    folder = artifacts.save(NAME, writer("first"), budget="full")
    assert folder == course_home / "artifacts" / NAME / "full"
    assert capsys.readouterr().out == ""
    assert artifacts.require(NAME, not_to_be_called) == folder
    assert content(folder) == "first"
    line = capsys.readouterr().out
    assert re.fullmatch(
        rf"{NAME}: the one that was saved \(full budget, \d{{4}}-\d\d-\d\d\)\.\n", line
    )


def test_what_comes_out_is_what_went_in_byte_for_byte():
    """Records rely on it: how folders are exchanged is no part of their code's hash."""
    files = {
        "weights.npz": bytes(range(256)) * 400,
        "deep/er/words.txt": "naïve\r\nend\n\n".encode(),
        "empty": b"",
    }

    def write(folder: Path) -> None:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    artifacts.save(NAME, writer("older"), budget="full")
    artifacts.save(NAME, write, budget="full")
    folder = artifacts.require(NAME, not_to_be_called)
    there = {p for p in folder.rglob("*") if p.is_file() and p.name != "made.json"}
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in there}
    assert found == files


def test_the_card_says_what_was_made():
    folder = artifacts.save(NAME, writer("first"), budget="quick", stand_in=True)
    card = json.loads((folder / "made.json").read_text())
    assert folder.name == "quick-stand-in"
    assert (card["name"], card["budget"], card["stand_in"]) == (NAME, "quick", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card["date"]) and card["day"] is None
    assert card["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert ("keras" in card["versions"]) == ("keras" in sys.modules)


def test_the_day_that_saved_it_is_named(monkeypatch, capsys):
    from common import runtime

    monkeypatch.setattr(runtime, "current_day", "day19_sentiment")
    folder = artifacts.save(NAME, writer("first"))
    assert folder.name == "smoke"  # the tests' budget is the active one
    monkeypatch.setattr(runtime, "current_day", None)
    artifacts.require(NAME, not_to_be_called)
    assert f"{NAME}: the one that Day 19 saved (smoke budget, " in (
        capsys.readouterr().out
    )


def test_a_new_one_takes_the_place_of_the_older(course_home):
    def two_files(folder: Path) -> None:
        writer("old")(folder)
        (folder / "more.txt").write_text("more")

    artifacts.save(NAME, two_files, budget="quick")
    folder = artifacts.save(NAME, writer("new"), budget="quick")
    assert names_in(folder) == ["made.json", "model.txt"]
    assert content(folder) == "new"
    assert names_in(folder.parent) == ["quick"]


def test_the_best_comes_first(capsys):
    steps = [
        ("small", True, "small-stand-in"),
        ("full", True, "full-stand-in"),
        ("small", False, "small"),
        ("smoke", False, "smoke"),
        ("quick", False, "quick"),
        ("full", False, "full"),
    ]
    for budget, stand_in, _ in steps:
        artifacts.save(NAME, writer(budget), budget=budget, stand_in=stand_in)
        best = max(steps[: steps.index((budget, stand_in, _)) + 1], key=steps.index)[2]
        assert artifacts.require(NAME).name == best
    # a lesser one that is saved later replaces nothing
    artifacts.save(NAME, writer("again"), budget="smoke")
    folder = artifacts.require(NAME)
    assert folder.name == "full" and content(folder) == "full"
    assert "from stand-in data (full budget, " in capsys.readouterr().out


# --------------------------------------------------------------- built on the spot


def test_a_small_one_is_built_once(course_home, capsys):
    folder = artifacts.require(NAME, writer("small"))
    assert folder == course_home / "artifacts" / NAME / "small"
    assert capsys.readouterr().out == (
        f"{NAME}: none was saved before, so a small one was built on the spot.\n"
    )
    assert artifacts.require(NAME, not_to_be_called) == folder
    assert f"{NAME}: the small one that was saved (" in capsys.readouterr().out


def test_a_builder_may_tell_that_it_had_a_stand_in(capsys):
    def build(folder: Path) -> bool:
        writer("small")(folder)
        return True

    folder = artifacts.require(NAME, build)
    assert folder.name == "small-stand-in"
    assert "built on the spot from stand-in data." in capsys.readouterr().out
    artifacts.save(NAME, writer("smoke"), budget="smoke", stand_in=True)
    assert artifacts.require(NAME).name == "smoke-stand-in"


def test_what_a_writer_returns_says_nothing():
    folder = artifacts.save(NAME, lambda at: writer("x")(at) or True, budget="quick")
    assert folder.name == "quick"


def test_none_there_and_no_builder():
    with pytest.raises(ArtifactError, match="toy_model is not there: run the notebook"):
        artifacts.require(NAME, None)


@pytest.mark.parametrize("name", ["", "Toy", "../toy", "a b", "toy-model", "a/b", None])
def test_names_are_checked(name):
    with pytest.raises(ValueError, match="an artifact's name has"):
        artifacts.save(name, writer("x"), budget="full")
    with pytest.raises(ValueError, match="an artifact's name has"):
        artifacts.require(name, writer("x"))


def test_budgets_are_checked():
    with pytest.raises(ValueError, match="the budget must be full, quick, smoke or"):
        artifacts.save(NAME, writer("x"), budget="huge")


# ------------------------------------------------------------------ what goes wrong


def test_a_writer_that_fails_leaves_the_older_one(course_home):
    artifacts.save(NAME, writer("old"), budget="full")

    def fail(folder: Path) -> None:
        (folder / "model.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifacts.save(NAME, fail, budget="full")
    assert content(artifacts.require(NAME)) == "old"
    assert names_in(course_home / "artifacts" / NAME) == ["full"]


def test_a_writer_that_writes_nothing_or_the_card():
    with pytest.raises(ArtifactError, match="no file was written for it"):
        artifacts.save(NAME, lambda folder: None, budget="full")
    with pytest.raises(ArtifactError, match="a name that is taken"):
        artifacts.require(NAME, lambda folder: (folder / "made.json").touch())
    with pytest.raises(ArtifactError, match="is not there"):
        artifacts.require(NAME, None)


@pytest.mark.parametrize("card", ["", "{", "[]", '{"date": "yesterday"}', '{"day": 3}'])
def test_a_folder_without_a_readable_card_is_none(card):
    folder = artifacts.save(NAME, writer("x"), budget="full")
    (folder / "made.json").write_text(card)
    with pytest.raises(ArtifactError, match="is not there"):
        artifacts.require(NAME, None)
    assert content(artifacts.require(NAME, writer("small"))) == "small"
    assert content(artifacts.save(NAME, writer("new"), budget="full")) == "new"
    assert content(artifacts.require(NAME, None)) == "new"


def check_unwritable(capsys) -> None:
    with pytest.raises(ArtifactError) as caught:
        artifacts.save(NAME, writer("x"), budget="full")
    message = str(caught.value)
    assert message.startswith(f"{NAME} was not saved, the folder of your own files")
    assert "set COURSE_HOME" in message and "\n" not in message
    folder = artifacts.require(NAME, writer("small"))
    line = capsys.readouterr().out
    assert content(folder) == "small"
    assert "it lasts for this session only.\n" in line and line.count("\n") == 1
    assert os.sep not in line
    assert artifacts.require(NAME, not_to_be_called) == folder


def test_course_home_is_a_file(course_home, capsys):
    course_home.write_text("in the way")
    check_unwritable(capsys)
    assert course_home.read_text() == "in the way"


def test_course_home_is_read_only(course_home, capsys):
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("file modes do not bind this user")
    course_home.mkdir()
    course_home.chmod(0o555)
    try:
        check_unwritable(capsys)
    finally:
        course_home.chmod(0o755)


def test_what_lasts_for_a_session_is_gone_after_it(course_home):
    course_home.write_text("in the way")
    done = run(
        "print(artifacts.require('toy_model', lambda at: at.joinpath('a').touch()))"
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    assert folder.name == "small" and not folder.exists()


# ----------------------------------------------------------- killed in the middle


def run(code: str, **more) -> subprocess.CompletedProcess:
    """Run lines of Python that use `artifacts` in a process of their own."""
    return subprocess.run(
        [sys.executable, "-c", f"from common import artifacts\n{code}"],
        cwd=common.ROOT,
        env=os.environ | {"PYTHONPATH": str(common.ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        **more,
    )


KILLED_WHILE_WRITING = """
import os
def write(folder):
    (folder / "model.txt").write_text("half")
    os._exit(9)
artifacts.save("toy_model", write, budget="full")
"""

KILLED_WHILE_EXCHANGING = """
import os
from pathlib import Path
renames = []
rename = Path.rename
def counting(self, target):
    if self.name.startswith(".part-") and (self.parent / "full").exists() is WHEN:
        os._exit(9)
    return rename(self, target)
Path.rename = counting
artifacts.save(
    "toy_model", lambda at: (at / "model.txt").write_text("new") and None, budget="full"
)
"""


@pytest.mark.parametrize(
    "code",
    [
        KILLED_WHILE_WRITING,
        KILLED_WHILE_EXCHANGING.replace("WHEN", "True"),
        KILLED_WHILE_EXCHANGING.replace("WHEN", "False"),
    ],
    ids=["writing", "before the exchange", "in the exchange"],
)
def test_a_kill_leaves_the_older_one_whole(course_home, code):
    artifacts.save(NAME, writer("old"), budget="full")
    assert run(code).returncode == 9
    place = course_home / "artifacts" / NAME
    (left,) = (path for path in place.iterdir() if path.name.startswith(".part-"))
    assert content(artifacts.require(NAME, None)) == "old"
    # a leftover stays while somebody may still be writing it, then goes
    artifacts.save(NAME, writer("other"), budget="quick")
    assert left.exists()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(left, (two_days_ago, two_days_ago))
    artifacts.save(NAME, writer("new"), budget="full")
    assert names_in(place) == ["full", "quick"]
    assert content(artifacts.require(NAME, None)) == "new"


def test_a_first_one_that_was_killed_is_none():
    assert run(KILLED_WHILE_WRITING).returncode == 9
    with pytest.raises(ArtifactError, match="is not there"):
        artifacts.require(NAME, None)


# -------------------------------------------------------------- two at the same time


def test_savers_and_readers_at_the_same_time(course_home, capsys):
    """Every reader finds one folder whole, and one of the savers wins at the end."""
    artifacts.save(NAME, writer("0"), budget="full")
    problems: list[BaseException] = []
    over = threading.Event()

    def saving(text: str) -> None:
        try:
            for _ in range(25):
                artifacts.save(NAME, writer(text), budget="full")
        except BaseException as error:
            problems.append(error)

    def reading() -> None:
        try:
            while not over.is_set():
                assert artifacts.require(NAME, not_to_be_called).name == "full"
        except BaseException as error:
            problems.append(error)

    savers = [threading.Thread(target=saving, args=(text,)) for text in "12"]
    reader = threading.Thread(target=reading)
    for thread in (*savers, reader):
        thread.start()
    for thread in savers:
        thread.join()
    over.set()
    reader.join()
    assert not problems, problems
    assert names_in(course_home / "artifacts" / NAME) == ["full"]
    assert content(course_home / "artifacts" / NAME / "full") in "12"


def test_two_processes_save_at_the_same_time(course_home):
    code = (
        "for i in range(20):\n"
        "    artifacts.save('toy_model', "
        "lambda at: (at / 'model.txt').write_text('x') and None, budget='full')"
    )
    finished = []
    threads = [
        threading.Thread(target=lambda: finished.append(run(code))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.returncode for done in finished] == [0, 0], finished
    assert names_in(course_home / "artifacts" / NAME) == ["full"]


def test_artifacts_need_neither_keras_nor_the_product():
    done = run(
        "import sys; heavy = {'keras', 'tensorflow', 'common.sentiment', 'numpy'}"
        " & set(sys.modules); sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    assert done.returncode == 0, done.stderr
