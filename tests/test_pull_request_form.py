"""The form of Day 37 for a metric is the one that a contributor meets."""

import re

from common import ROOT
from tools import notebooks

TEMPLATE = ROOT / ".github" / "pull_request_template.md"


def form():
    """The names that the notebook's cell with the form defines."""
    notebook = notebooks.read(ROOT / "day37_git" / "day37_git.ipynb")
    (cell,) = [one for one in notebook.cells if "\nFORM = {" in one.source]
    names = {"re": re}
    exec(cell.source, names)
    return names


def test_the_template_asks_what_the_form_asks():
    asked = re.findall(r"^\*\*(.+):\*\*$", TEMPLATE.read_text(encoding="utf-8"), re.M)
    assert asked == list(form()["FORM"])


def test_an_empty_template_is_found_empty_and_a_filled_one_complete():
    names, text = form(), TEMPLATE.read_text(encoding="utf-8")
    assert len(names["missing"](text)) == len(names["FORM"])
    given = dict(re.findall(r"^\*\*(.+):\*\* (.+)$", names["asked"], re.M))
    for field, answer in given.items():
        text = text.replace(f"**{field}:**", f"**{field}:** {answer}")
    assert names["missing"](text) == []


def test_a_wish_is_no_answer():
    missing = form()["missing"]
    for field, answer in (
        ("Seeds", "1"),
        ("Seeds", "2, both good"),
        ("Chosen on", "the test set"),
        ("Data version", "of last Friday"),
        ("Paired difference", "clearly better"),
        ("Baseline", "a bit lower"),
    ):
        said = missing(f"**{field}:** {answer}\n")
        assert any(one.startswith(f"{field}:") for one in said), (field, answer)
