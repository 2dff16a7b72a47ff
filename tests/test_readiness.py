"""The ML Test Score is searched for: it falls when evidence goes, and runs anywhere."""

import json
import re
from pathlib import Path

import pytest

from common import ROOT
from common.sentiment import readiness

WORKFLOW = "jobs:\n  test:\n    steps:\n      - run: make test\n"
PRODUCT = "from common.sentiment import data\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one piece of evidence of each kind."""
    write(tmp_path, ".github/workflows/ci.yml", WORKFLOW)
    write(tmp_path, "tests/test_a.py", PRODUCT + "def test_a_roll_back():\n    pass\n")
    write(
        tmp_path, "common/sentiment/a.py", "class Canary:\n    def canary(self): ...\n"
    )
    records = {"records": [{"metrics": {"slice_short_accuracy": {"mean": 0.9}}}]}
    write(tmp_path, "day19_a/results.json", json.dumps(records))
    write(tmp_path, "day27_a/dvc.yaml", "stages: {}\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def points(root: Path) -> dict[str, float]:
    return {one.item.claim: one.points for one in readiness.score(root) if one.points}


ROLLBACK = "serving models can be rolled back"
CANARY = "models are canaried before serving"
SLICES = "quality is sufficient on important slices"
WHOLE = "the pipeline is integration tested"


def test_the_rubric_has_seven_tests_in_each_section_and_patterns_that_compile():
    sections = [item.section for item in readiness.RUBRIC]
    assert {name: sections.count(name) for name in readiness.SECTIONS} == dict.fromkeys(
        readiness.SECTIONS, 7
    )
    assert len({item.claim for item in readiness.RUBRIC}) == 28
    for item in readiness.RUBRIC:
        assert not re.search(item.automated, "")
        assert not re.search(item.by_hand, "")
        assert 19 <= item.day <= 40


def test_a_test_that_runs_by_itself_is_a_point_and_all_else_is_half(checkout):
    assert points(checkout) == {ROLLBACK: 1, CANARY: 0.5, SLICES: 0.5, WHOLE: 0.5}


def test_without_a_workflow_that_runs_the_tests_a_test_is_half_a_point(checkout):
    write(checkout, ".github/workflows/ci.yml", "jobs: {}\n")
    assert points(checkout)[ROLLBACK] == 0.5


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("tests/test_a.py", ROLLBACK),
        ("common/sentiment/a.py", CANARY),
        ("day19_a/results.json", SLICES),
        ("day27_a/dvc.yaml", WHOLE),
    ],
)
def test_evidence_that_goes_takes_its_points_along(checkout, name, claim):
    (checkout / name).unlink()
    assert claim not in points(checkout)
    assert len(points(checkout)) == 3


def test_prose_and_tests_of_other_things_are_no_evidence(checkout):
    (checkout / "tests" / "test_a.py").unlink()
    write(checkout, "tests/test_house.py", "def test_a_roll_back():\n    pass\n")
    write(checkout, "tests/test_b.py", PRODUCT + '"""test_a_roll_back"""\n')
    write(checkout, "common/b.py", "# def roll_back(): the serving model\n")
    write(checkout, "tests/test_readiness.py", PRODUCT + "def test_roll_back(): ...\n")
    assert ROLLBACK not in points(checkout)


def test_files_that_cannot_be_read_are_no_evidence(checkout):
    write(checkout, "tests/test_a.py", PRODUCT + "def test_a_roll_back(:\n")
    write(checkout, "day19_a/results.json", '{"records": [')
    assert set(points(checkout)) == {CANARY, WHOLE}


def test_an_empty_folder_has_no_points(tmp_path):
    scored = readiness.score(tmp_path)
    assert len(scored) == 28
    assert set(readiness.section_points(scored).values()) == {0}
    assert readiness.verdict(0).startswith("a research project")


@pytest.mark.parametrize(
    ("final", "begins"),
    [(0.5, "not untested"), (1.5, "a first pass"), (3, "reasonably"), (7, "excep")],
)
def test_a_score_has_its_sentence(final, begins):
    assert readiness.verdict(final).startswith(begins)


def test_every_piece_of_evidence_in_this_repository_exists():
    found = [one.evidence for one in readiness.score() if one.points]
    assert found
    for evidence in found:
        kind, _, rest = evidence.partition(" ")
        if kind == "metric":
            day, name = rest.split()
            assert name in (ROOT / day / "results.json").read_text(encoding="utf-8")
        elif kind == "file":
            assert (ROOT / rest).is_file()
        else:
            path, name = rest.split() if kind == "definition" else (kind, rest)
            assert name in (ROOT / path).read_text(encoding="utf-8")


def test_the_command_prints_all_tests_and_the_smallest_sum(capsys):
    assert readiness.main() == 0
    lines = capsys.readouterr().out.splitlines()
    final = min(readiness.section_points(readiness.score()).values())
    assert len(lines) == 30
    assert lines[-1].startswith(f"ML Test Score {final:g} of 7: ")
