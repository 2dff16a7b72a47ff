"""common/results/code: the hash of a record's code covers what can change a number."""

import ast
import json
from pathlib import Path

import miniature
import pytest

from common import ROOT, results
from common.results import reach

TRUNK = {
    "__init__.py": "ROOT = 1\n",
    "runtime.py": (
        "from common.deep import tool\n\ndef start():\n    return tool.used()\n"
    ),
    "deep/__init__.py": "from .base import KIND\n",
    "deep/base.py": "KIND = 'image'\n",
    "deep/tool.py": (
        '"""A module."""\nfrom . import base\nLIMIT = 3\n'
        "def used():\n"
        '    """Words."""\n'
        "    import common.lazy\n"
        "    return LIMIT + common.lazy.slow()\n"
        "def by_name():\n    return globals()['named']()\n"
        "def named():\n    return 5\n"
        "def other_day():\n    return 7\n"
    ),
    "lazy.py": "def slow():\n    return 1\n",
    "results/__init__.py": "NAMES = 1\n",
    "plots.py": "def grid(x):\n    return x\n",
    "said.py": (
        "def tell(left):\n"
        "    if not left:\n        raise ValueError(f'Nothing is {left:>3}.')\n"
        "    print('one', f'{next(left)} of {sum(left):.2f}', 'x' + 'y')\n"
        "    print(kept('weights'))\n"
    ),
    "unused.py": "x = 1\n",
}
CELLS = ["from common import results, runtime\n\nx = runtime.start()", "print(x, 'y')"]


@pytest.fixture
def trunk(tmp_path):
    """A common/ of a few lines; returns a function that hashes cells on it."""
    for name, source in TRUNK.items():
        path = tmp_path / "common" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")

    def sha(cells=CELLS, edit=None, budget="full"):
        if edit is not None:
            name, old, new = edit
            path = tmp_path / "common" / f"{name}.py"
            source = path.read_text(encoding="utf-8")
            assert old in source
            path.write_text(source.replace(old, new), encoding="utf-8")
        return results.code_sha256(cells, budget, tmp_path)

    return sha


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("runtime", "return tool.used()", "return 2 * tool.used()"),
        ("deep/tool", "LIMIT = 3", "LIMIT = 4"),
        ("deep/tool", "LIMIT + ", "LIMIT - "),
        ("deep/tool", "from . import base", "print('side effect')"),
        ("lazy", "return 1", "return 2"),
    ],
)
def test_code_that_is_reached_counts(trunk, module, old, new):
    before = trunk()
    assert trunk(edit=(module, old, new)) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("deep/tool", '"""Words."""', '"""Other words."""'),
        ("deep/tool", '"""A module."""', '"""Another text."""'),
        ("deep/tool", "LIMIT = 3", "LIMIT = (\n    3  # why\n)"),
        ("deep/tool", "return 7", "return 8"),
        ("deep/tool", "return 5", "return 6"),
        ("deep/base", "KIND", "SORT"),
        ("results/__init__", "NAMES = 1", "NAMES = 2"),
        ("plots", "return x", "return 2 * x"),
        ("unused", "x = 1", "x = 2"),
    ],
)
def test_what_changes_no_result_does_not_count(trunk, module, old, new):
    before = trunk()
    assert trunk(edit=(module, old, new)) == before


def test_names_in_strings_are_followed(trunk):
    cells = ["from common.deep.tool import by_name\nby_name()"]
    before = trunk(cells)
    assert trunk(cells, ("deep/tool", "return 5", "return 6")) != before


@pytest.mark.parametrize(
    ("cells", "same"),
    [
        ([CELLS[0] + "  # a remark", CELLS[1]], True),
        ([CELLS[0], 'print(\n    x,\n    "y",\n)'], True),
        ([CELLS[0], "# NBVAL_CHECK_OUTPUT\n" + CELLS[1]], True),
        ([CELLS[0], "print(x, 'z')"], False),
        ([*CELLS, "x = 2"], False),
        ([CELLS[1], CELLS[0]], False),
        ([CELLS[0] + "\n" + CELLS[1]], False),
    ],
)
def test_of_a_cell_only_the_code_counts(trunk, cells, same):
    assert (trunk(cells) == trunk()) is same


def test_of_a_budget_only_its_own_value_counts(trunk):
    """Whoever shortens the smoke run does not make a full record look old."""

    def cells(smoke=1, quick=2, full=3, call="budget"):
        return [f"n = {call}(\n    smoke={smoke}, quick={quick}, full={full})"]

    for call in ("budget", "runtime.budget"):
        full, quick = (trunk(cells(call=call), budget=one) for one in ("full", "quick"))
        assert full != quick
        assert trunk(cells(smoke=7, call=call)) == full
        assert trunk(cells(quick=7, call=call)) == full
        assert trunk(cells(full=7, call=call)) != full
        assert trunk(cells(smoke=7, call=call), budget="quick") == quick
        assert trunk(cells(quick=7, call=call), budget="quick") != quick
    nested = [
        "n = budget(smoke=budget(smoke=1, quick=2, full=3), quick=2, full=[3, 4])"
    ]
    assert trunk(nested) == trunk(["n = [3, 4]"])
    other = cells(call="spend")
    assert trunk(other) != trunk(cells(smoke=7, call="spend"))
    module = (
        "runtime",
        "return tool.used()",
        "return budget(smoke=1, quick=2, full=3)",
    )
    before = trunk(edit=module)
    assert trunk(edit=("runtime", "smoke=1", "smoke=5")) == before
    assert trunk(edit=("runtime", "full=3", "full=5")) != before


def test_budgets_share_what_was_read_and_keep_their_own_values(trunk, tmp_path):
    cells = ["from common import runtime", "runtime.start()"]
    one = "return tool.used()", "return budget(smoke=1, quick=2, full=3)"
    trunk(cells, ("runtime", *one))
    read = {}
    together = [
        results.code_sha256(cells, b, tmp_path, read) for b in ("full", "quick")
    ]
    apart = [results.code_sha256(cells, b, tmp_path) for b in ("full", "quick")]
    assert together == apart
    assert {budget for _, budget in read} == {"", "full", "quick"}
    assert len(set(apart)) == 2


def test_a_cell_of_commands_counts_as_it_is_written(trunk):
    shell = ["%%bash\ndvc add data\n"]
    assert trunk(shell) != trunk(["%%bash\ndvc add date\n"])
    magic = ["%matplotlib inline\nfrom common import lazy\nlazy.slow()"]
    before = trunk(magic)
    assert trunk(magic, ("lazy", "return 1", "return 2")) != before


def test_the_hash_is_the_same_on_every_python(trunk):
    """Records outlive interpreters; 3.12 and 3.13 changed syntax trees."""
    cells = [
        "def f(a, /, b=1, *c, d: int = 2, **e) -> str:\n"
        "    return f'{a!r:>{b}} {c=} {{}}' + rb'\\x00'.decode() + str(1e-7)",
        "with open(os.devnull) as one, open(os.devnull): x = [i async for i in y]",
        "match x:\n    case {'a': [1, *_]} | None: pass",
        "lambda: (yield)\nx[1:2, ...] = -0.0, 1j, True, None, ()",
    ]
    assert results.code_sha256(cells, "full", Path()) == KNOWN_HASH


KNOWN_HASH = "6c6ab170164cb79a8933a25658493190d5a653ed2399af7541594de777db9ff2"


def test_a_notebook_is_hashed_without_text_outputs_and_bootstrap(tmp_path):
    course = miniature.build(tmp_path)
    path = course.notebook(course.days[0])
    before = results.code_hashes(path, tmp_path)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    notebook["cells"][0]["source"] = "# Another title"
    code[0]["source"] = "another bootstrap"
    code[1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert results.code_hashes(path, tmp_path) == before
    code[1]["source"] += "\nx = 1"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert results.code_hashes(path, tmp_path) != before


# --- What can change no number -------------------------------------------------------


def test_a_drawing_that_a_cell_calls_does_not_count(trunk):
    cells = ["from common import plots\nplots.grid(1)"]
    before = trunk(cells)
    assert trunk(cells, ("plots", "return x", "return 2 * x")) == before
    assert trunk([cells[0].replace("1", "2")]) != before


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Nothing is ", "There is no ", True),
        (":>3", ":>9", True),
        ("'one'", "'two'", True),
        ("'x' + 'y'", "'x' + 'z'", True),
        ("ValueError", "KeyError", False),
        ("if not left", "if left", False),
        ("next(left)", "max(left)", False),
        ("sum(left)", "len(left)", False),
        ("kept('weights')", "kept('bias')", False),
    ],
)
def test_of_a_message_only_its_words_do_not_count(trunk, old, new, same):
    cells = ["from common import said\nsaid.tell([1])"]
    before = trunk(cells)
    assert (trunk(cells, ("said", old, new)) == before) is same


def test_the_words_that_a_cell_shows_count(trunk):
    """They stand in the stored outputs, which are those of the recorded run."""
    assert trunk(["print('one')"]) != trunk(["print('two')"])


@pytest.mark.parametrize(
    ("cell", "same"),
    [
        ('answer = ...\ncheck("1.1", answer)', True),
        ('a, b = ..., [..., ...]\ncheck("1.1", (a, b))\nhint("1.1")', True),
        ('guess = {"one": ..., "two": ...}\nsolution("1.1")', True),
        ("import textwrap", True),
        ("from common import lazy, plots", True),
        ('answer = 3\ncheck("1.1", answer)', False),
        ('x = {"one": 1}\ncheck("1.1", x)', False),
        ("x = []", False),
        ("y = check(x)", False),
        ("import textwrap as x", False),
        ("from os import *", False),
    ],
)
def test_answers_and_unused_imports_do_not_count(trunk, cell, same):
    assert (trunk([CELLS[0], cell, CELLS[1]]) == trunk()) is same


def test_an_import_counts_once_it_is_used(trunk):
    imports = "from common import lazy, plots, results, runtime\n\nx = runtime.start()"
    used = [imports, "print(x, 'y')\nlazy.slow()"]
    assert trunk([imports, CELLS[1]]) != trunk(used)
    before = trunk(used)
    assert trunk(used, ("lazy", "return 1", "return 2")) != before


def changed_hash(tmp_path, change) -> bool:
    """Whether a change of the miniature's cells changes its record's hash."""
    course = miniature.build(tmp_path)
    path = course.notebook(course.days[0])
    before = results.code_hashes(path, tmp_path)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    change(notebook["cells"])
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return results.code_hashes(path, tmp_path) != before


@pytest.mark.parametrize(
    ("place", "tags", "counts"),
    [
        (4, [], True),
        (4, ["figure:more"], True),
        (4, ["drawing"], False),
        (4, ["figure:more", "drawing"], False),
        (10, [], True),
        (11, [], False),
        (12, [], False),
    ],
)
def test_drawings_and_what_follows_the_record_do_not_count(
    tmp_path, place, tags, counts
):
    cell = json.loads(json.dumps(miniature.code("x = 1", *tags)))
    assert changed_hash(tmp_path, lambda cells: cells.insert(place, cell)) is counts


def test_without_a_record_all_cells_count(tmp_path):
    def change(cells):
        cells[10]["source"] = "accuracies"
        cells.append(json.loads(json.dumps(miniature.code("x = 1"))))

    assert changed_hash(tmp_path, change)


COMPUTES = {
    "fit", "layers", "predict", "random", "set_random_seed", "set_weights", "shuffle",
    "train_on_batch", "value_and_grad",
}  # fmt: skip
"""What changes a number, or the random numbers that others draw after it."""


@pytest.mark.parametrize("module", reach.CARRIERS)
def test_a_carrier_computes_nothing(module):
    """It exists, says what it does instead, and names nothing that computes."""
    place = ROOT.joinpath(*module.split("."))
    assert len(reach.CARRIERS[module]) > 4
    for file in [*place.glob("*.py")] or [place.with_suffix(".py")]:
        spelled = reach.mentioned(ast.parse(file.read_text(encoding="utf-8")))
        assert not spelled & COMPUTES, file.name
