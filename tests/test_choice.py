"""tools/choice: which days CI runs in which variant, on a course of forty days."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import support

from common.results import notebook_path
from tools import choice
from tools.choice import Change
from tools.course import load_course

COURSE = load_course(support.ROOT)
TRUNK = {
    "__init__.py": "",
    "notebook.py": "def start():\n    from common import quiet\n",
    "quiet.py": "import os\n",
    "runtime.py": "from common import plots\n",
    "plots.py": "import matplotlib\n",
    "course.mplstyle": "",
    "datasets/__init__.py": "from common.datasets import images\n",
    "datasets/images.py": "import tensorflow_datasets\n",
    "sentiment/__init__.py": "",
    "sentiment/api.py": "import fastapi\nfrom . import model\n",
    "sentiment/model.py": "",
    "sentiment/sentiment.toml": "",
}
EXTRA = {
    7: "import onnxruntime",
    23: "from common import datasets",
    33: "import subprocess\nsubprocess.run(['python', '-m', 'common.sentiment.api'])",
    37: "%%bash\nls",
}
"""One more cell of some days. None of them is the first of its family."""


def notebook(*cells: str, output: str = "") -> str:
    shown = [{"output_type": "stream", "name": "stdout", "text": output}]
    return json.dumps(
        {
            "cells": [
                {"cell_type": "markdown", "source": "# A day"},
                {"cell_type": "code", "source": "setup", "metadata": BOOTSTRAP},
                *({"cell_type": "code", "source": c, "outputs": shown} for c in cells),
            ]
        }
    )


BOOTSTRAP = {"tags": ["bootstrap"]}
IMPORTS = "import numpy as np\nfrom common import runtime"


def day_cells(number: int) -> list[str]:
    return [IMPORTS, *([EXTRA[number]] if number in EXTRA else [])]


@pytest.fixture(scope="module")
def forty(tmp_path_factory) -> list[Path]:
    """The folders of forty days around a trunk of a few lines."""
    root = tmp_path_factory.mktemp("forty")
    for name, text in TRUNK.items():
        path = root / "common" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folders = [root / day.folder for day in COURSE.days]
    for day in COURSE.days:
        folder = root / day.folder
        folder.mkdir()
        text = notebook(*day_cells(day.number))
        notebook_path(folder).write_text(text, encoding="utf-8")
        (folder / "exercises.py").write_text("EXERCISES = []\n", encoding="utf-8")
    (root / "course.toml").write_bytes((support.ROOT / "course.toml").read_bytes())
    return folders


def chosen(forty, changes=(), turn=0, variant="jax") -> dict[int, str]:
    """The reasons by the days' numbers."""
    why = choice.choose(forty, COURSE.families, list(changes), turn, variant)
    return {int(day.name[3:5]): reason for day, reason in why.items()}


def of_day(number: int, name: str, before: str, after: str) -> Change:
    folder = COURSE.days[number - 1].folder
    return Change(f"{folder}/{name or f'{folder}.ipynb'}", before, after)


# --- What is always chosen -----------------------------------------------------------


def test_every_day_of_the_syllabus_is_in_one_family():
    members = [number for family in COURSE.families.values() for number in family]
    assert sorted(members) == [day.number for day in COURSE.days]
    assert 6 <= len(COURSE.families) < choice.MOST


@pytest.mark.parametrize("variant", choice.VARIANTS)
@pytest.mark.parametrize("turn", [0, 1, 1000])
def test_one_day_of_each_family_runs_in_every_variant(forty, variant, turn):
    found = chosen(forty, (), turn, variant)
    assert len(found) <= choice.MOST
    for family, members in COURSE.families.items():
        assert found[members[0]] == f"the first of {family}"
    eight = [day for day in forty if int(day.name[3:5]) in (3, 5, 8, 29)]
    few = chosen(eight, (), turn, variant)
    assert few[3] == "the first of dense networks", "of those that exist"


@pytest.mark.parametrize("variant", choice.VARIANTS)
@pytest.mark.parametrize("first", [0, 88])
def test_all_days_come_round_from_commit_to_commit(forty, variant, first):
    turns = range(first, first + choice.TURNS)
    seen = [set(chosen(forty, (), turn, variant)) for turn in turns]
    assert set.union(*seen) == set(range(1, 41))
    assert set.intersection(*seen) < set(range(1, 41))


def test_the_variants_are_at_different_places_of_the_rotation(forty):
    turned = [
        {n for n, why in chosen(forty, (), 3, variant).items() if "turn" in why}
        for variant in choice.VARIANTS
    ]
    assert len({frozenset(one) for one in turned}) > 1


# --- What a change selects -----------------------------------------------------------


CODE = notebook(*day_cells(7))


@pytest.mark.parametrize(
    ("change", "selects"),
    [
        (of_day(7, "", CODE, notebook(*day_cells(7), "x = 1")), True),
        (of_day(7, "", "", CODE), True),
        (of_day(7, "exercises.py", "", "EXERCISES = [1]"), True),
        (of_day(7, "Dockerfile", "FROM a", "FROM b"), True),
        (of_day(7, "", CODE, notebook(*day_cells(7), output="0.98")), False),
        (of_day(7, "", CODE, CODE.replace("# A day", "# The day")), False),
        (of_day(7, "", CODE, CODE.replace("setup", "another setup")), False),
        (of_day(7, "README.md", "a", "b"), False),
        (of_day(7, "results.json", "a", "b"), False),
        (of_day(6, "exercises.py", "a", "b"), False),
    ],
)
@pytest.mark.parametrize("variant", choice.VARIANTS)
def test_an_input_of_its_own_selects_a_day(forty, change, selects, variant):
    for turn in range(choice.TURNS):
        why = chosen(forty, [change], turn, variant).get(7, "")
        assert why.endswith(" changed") is selects
        if selects:
            assert why == f"{change.path} changed"


@pytest.mark.parametrize("count", [1, 3, 12, 13, 14, 29, 31, 40])
@pytest.mark.parametrize("turn", [0, 7])
def test_changed_days_share_the_variants_when_they_are_many(forty, count, turn):
    """No variant grows for them, and each runs in one at least."""
    many = {31: [*range(1, 9), *range(18, 41)], 40: range(1, 41)}
    days = many.get(count, range(11, 11 + count))
    changes = [of_day(n, "exercises.py", "a", "b") for n in days]
    runs = dict.fromkeys(days, 0)
    for variant in choice.VARIANTS:
        found = chosen(forty, changes, turn, variant)
        assert len(found) <= choice.MOST
        for n in set(days) & set(found):
            runs[n] += 1
    assert min(runs.values()) >= 1
    if count <= choice.MOST:
        assert set(runs.values()) == {len(choice.VARIANTS)}, "there is room for all"


@pytest.mark.parametrize(
    ("path", "users"),
    [
        ("common/datasets/images.py", {23}),
        ("common/sentiment/api.py", {33}),
        ("common/sentiment/model.py", {33}),
        ("common/sentiment/sentiment.toml", {33}),
        ("common/sentiment/unused.py", set()),
    ],
)
def test_a_shared_module_selects_the_days_that_use_it(forty, path, users):
    for turn in range(choice.TURNS):
        found = chosen(forty, [Change(path, "a", "b")], turn)
        reasons = {
            n for n, why in found.items() if why == f"{path} changed, which it uses"
        }
        assert reasons == users
    assert not [
        why for why in chosen(forty, [Change(path, "a", "a")]).values() if path in why
    ]


@pytest.mark.parametrize(
    "path", ["common/plots.py", "common/quiet.py", "common/course.mplstyle"]
)
def test_what_all_days_use_selects_as_many_as_there_is_time_for(forty, path):
    seen = set()
    for turn in range(choice.TURNS):
        found = chosen(forty, [Change(path, "a", "b")], turn)
        assert len(found) == choice.MOST
        seen |= set(found)
    assert seen == set(range(1, 41))


@pytest.mark.parametrize(
    ("path", "before", "after", "users"),
    [
        ("requirements.txt", "onnxruntime==1.0", "onnxruntime==1.1", {7}),
        ("constraints.txt", "OnnxRuntime==1.0", "onnxruntime==1.1", {7}),
        ("requirements.txt", "", "uvicorn[standard]==1.0", set()),
        ("requirements.txt", "fastapi==1.0", "fastapi==1.1", {33}),
        ("constraints.txt", "starlette==1.0", "starlette==1.1", {33}),
        ("requirements.txt", "a==1  # one", "a==1  # another", set()),
        ("tests/colab/requirements.txt", "onnxruntime==1.0", "", set()),
        ("requirements-test.txt", "torch==1.0", "torch==1.1", set()),
    ],
)
def test_a_pin_selects_the_days_that_need_the_package(
    forty, path, before, after, users
):
    for turn in range(choice.TURNS):
        found = chosen(forty, [Change(path, before, after)], turn)
        assert {n for n, why in found.items() if "which it uses" in why} == users


@pytest.mark.parametrize(
    ("path", "package", "variants"),
    [
        ("requirements.txt", "keras", choice.VARIANTS),
        ("constraints.txt", "protobuf", choice.VARIANTS),
        ("requirements-large.txt", "jax", ("jax",)),
        ("requirements-large.txt", "torch", ("torch",)),
        ("tests/colab/requirements.txt", "numpy", ("colab",)),
    ],
)
def test_a_pin_that_all_need_fills_the_variants_that_it_concerns(
    forty, path, package, variants
):
    change = Change(path, f"{package}==1.0", f"{package}==1.1")
    for variant in choice.VARIANTS:
        reasons = chosen(forty, [change], 0, variant).values()
        assert (f"{package} changed, which it uses" in reasons) is (variant in variants)


# --- Git -----------------------------------------------------------------------------

DAY, NOW = 24 * 3600, 1_790_000_000


@pytest.fixture
def repository(tmp_path):
    """A repository with commits of three days; returns its folder and a git caller."""
    root = tmp_path / "repository"
    root.mkdir()

    def git(*words: str, date: int = NOW) -> str:
        author = ("-c", "user.name=A Test", "-c", "user.email=test@example.org")
        when = {
            "GIT_COMMITTER_DATE": f"{date} +0000",
            "GIT_AUTHOR_DATE": f"{NOW} +0000",
        }
        env = support.surroundings(tmp_path / "home") | when
        ran = subprocess.run(
            ["git", *author, *words], cwd=root, env=env, check=True, capture_output=True
        )
        return ran.stdout.decode().strip()

    git("init", "--quiet")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    for path, date in (
        ("common/old.py", NOW - 3 * DAY),
        ("day01_mnist/exercises.py", NOW - DAY),
        ("common/plots.py", NOW - DAY + 60),
        ("requirements.txt", NOW - 60),
        ("tests/test_x.py", NOW),
    ):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path, encoding="utf-8")
        git("add", "--all")
        git("commit", "--quiet", f"--message={path}", date=date)
    return root, git


def test_the_last_day_is_told_from_the_commits_dates(repository):
    root, git = repository
    changes, turn, words = choice.last_day(root)
    assert changes == [
        Change("common/plots.py", "", "common/plots.py"),
        Change("requirements.txt", "", "requirements.txt"),
    ]
    assert turn == 5
    base, head = git("rev-parse", "HEAD~3")[:7], git("rev-parse", "HEAD")[:7]
    assert words == f"2 inputs changed from {base} to {head}."


def test_what_is_not_committed_yet_counts(repository):
    root, _ = repository
    (root / "common" / "old.py").write_text("new", encoding="utf-8")
    (root / "common" / "plots.py").unlink()
    (root / "day02_activations").mkdir()
    (root / "day02_activations" / "exercises.py").write_text("x", encoding="utf-8")
    (root / "day02_activations" / "a.png").write_bytes(b"\xff\x00")
    changes = {one.path: one for one in choice.last_day(root)[0]}
    assert changes.keys() == {
        "common/old.py", "day02_activations/exercises.py", "requirements.txt"
    }  # fmt: skip
    assert changes["common/old.py"] == ("common/old.py", "common/old.py", "new")


def test_a_shallow_clone_compares_with_its_oldest_commit(repository, tmp_path):
    root, git = repository
    for depth, paths in ((1, []), (3, ["requirements.txt"])):
        clone = tmp_path / str(depth)
        git("clone", "--quiet", f"--depth={depth}", root.as_uri(), str(clone))
        assert [one.path for one in choice.last_day(clone)[0]] == paths


def test_without_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    changes, turn, words = choice.last_day(tmp_path)
    assert (changes, turn) == ([], 0)
    assert "No git history" in words


# --- The command ---------------------------------------------------------------------


def test_without_being_asked_every_day_is_chosen(forty, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_CHOICE", raising=False)
    root = forty[0].parent
    assert choice.main(["real", "data"], root) == 0
    said = capsys.readouterr()
    assert len(said.out.split()) == 40
    assert said.out.startswith("day01_mnist/day01_mnist.ipynb day02_activations/")
    assert "real data: 40 days" in said.err


def test_the_log_says_which_and_why(forty, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CHOICE", "1")
    change = of_day(7, "exercises.py", "a", "b")
    monkeypatch.setattr(choice, "last_day", lambda root: ([change], 7, "So it is."))
    assert choice.main(["torch"], forty[0].parent) == 0
    said = capsys.readouterr()
    assert f"{COURSE.days[6].folder}/{COURSE.days[6].folder}.ipynb" in said.out.split()
    assert f"  {COURSE.days[6].folder}: {change.path} changed\n" in said.err
    assert "  day01_mnist: the first of dense networks\n" in said.err
    assert f"torch: {len(said.out.split())} days. So it is.\n" in said.err
    assert f"its turn, 8 of {choice.TURNS}" in said.err


def test_an_unknown_variant_chooses_nothing(capsys):
    assert choice.main(["cuda"]) == 2
    assert capsys.readouterr().out == ""


def test_tests_of_a_variant_follow_the_choice(monkeypatch):
    monkeypatch.setattr(
        choice, "chosen", lambda variant: ({support.ROOT / f"day01_{variant}": ""}, "")
    )
    (one,) = support.days_as_parameters("colab")
    assert one.values == (Path("day01_colab/day01_colab.ipynb"),)
    assert os.fspath(one.id) == "day01_colab"
