"""tools/record: a run is recorded whole or not at all, and from real data only."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import miniature
import pytest
from nbformat.v4 import new_code_cell, new_output

from common import ROOT, results
from tools import notebooks, record, stamp
from tools.course import load_course

DATA, WORK, RECORD = 4, 8, 10
"""Places of cells in the miniature's notebook."""


def run(root: Path, budget: str, capsys) -> tuple[int, str]:
    """Record Day 1 of the course at `root`; return the status and what was said."""
    status = record.main(["1", budget], root)
    said = capsys.readouterr()
    return status, said.out + said.err


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory):
    """A course that was recorded in the full budget, and what the run said."""
    root = tmp_path_factory.mktemp("recorded")
    miniature.build(root)
    ran = subprocess.run(
        [sys.executable, "-c", RUN_MAIN, str(ROOT), str(root), "1", "full"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return root, ran.stdout


RUN_MAIN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tools import record
sys.exit(record.main(sys.argv[3:], Path(sys.argv[2])))
"""


@pytest.fixture
def recorded(recorded_once, tmp_path):
    """A copy of the recorded course, for one test."""
    root = tmp_path / "course"
    shutil.copytree(recorded_once[0], root)
    return root


@pytest.fixture
def untouched(tmp_path, capsys):
    """Build a course with changed cells, run it, expect a refusal and no change."""

    def refused(changed, budget="full"):
        root = tmp_path / "course"
        root.mkdir()
        miniature.build(root, changed)
        before = miniature.snapshot(root)
        status, said = run(root, budget, capsys)
        assert status == 1
        assert "Not recorded, nothing was changed." in said
        assert miniature.snapshot(root) == before
        return said

    return refused


# --- A good run ----------------------------------------------------------------------


def test_a_run_is_recorded_with_everything_a_reader_needs(recorded_once):
    root, said = recorded_once
    content = results.load(root / miniature.DAY)
    (one,) = content["records"]
    assert one["budget"] == "full"
    assert one["metrics"]["test_accuracy"] == {"mean": 0.981, "std": 0.001, "seeds": 3}
    assert one["seconds"] > 0
    hashes = results.code_hashes(results.notebook_path(root / miniature.DAY), root)
    assert one["code_sha256"] == hashes["full"]
    assert content["benchmarks"][0]["ratio"] == 0.4
    readme = (root / miniature.DAY / "README.md").read_text(encoding="utf-8")
    assert "98.1 % ± 0.1" in readme
    assert "98.1 % ± 0.1" in (root / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\[ +9/12\] +\d+\.\d s +import sys", said)
    assert stamp.stamped(load_course(root)) == ({}, [])


def test_a_missed_target_is_reported_and_the_run_recorded(recorded_once):
    root, said = recorded_once
    assert re.findall(r"Below target: (\w+) is ([\d.]+ %)", said) == [
        ("test_accuracy", "98.1 %"),
        ("scratch_accuracy", "97.0 %"),
    ]
    assert results.load(root / miniature.DAY)["records"]


def test_the_notebook_is_stored_in_its_normal_form(recorded_once):
    root, _ = recorded_once
    path = results.notebook_path(root / miniature.DAY)
    notebook = notebooks.read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5, 6]
    assert notebook.cells[WORK].outputs[0].text == "step 2/2 done\n"
    assert [cell.id for cell in notebook.cells] == [
        f"cell-{i:02d}" for i in range(1, 13)
    ]
    kept = [cell.metadata for cell in notebook.cells]
    assert kept.pop(1) == notebooks.FOLDED | {"tags": [notebooks.BOOTSTRAP]}
    assert all(set(metadata) <= {"tags"} for metadata in kept)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "record"}
    assert "version" not in notebook.metadata.language_info
    assert path.read_text(encoding="utf-8") == notebooks.dump(notebook)


def test_the_readmes_figure_is_the_one_in_the_notebook(recorded_once):
    root, _ = recorded_once
    figures = root / miniature.DAY / "figures"
    assert (figures / "pixel.png").read_bytes() == miniature.PNG


def test_the_run_left_nothing_else_behind(recorded_once, tmp_path):
    root, _ = recorded_once
    miniature.build(tmp_path)
    new = set(miniature.snapshot(root)) - set(miniature.snapshot(tmp_path))
    assert new == {"day01_mnist/results.json", "day01_mnist/figures/pixel.png"}


# --- Runs that are refused -----------------------------------------------------------


def test_a_failing_cell_leaves_everything_as_it_was(untouched):
    said = untouched({WORK: "from pathlib import Path\nPath('x').touch()\n1 / 0"})
    assert "Cell 9 (from pathlib import Path) failed: ZeroDivisionError" in said


def test_a_stand_in_ends_the_run_when_it_is_loaded(untouched):
    said = untouched({DATA: "data = helper.load('stand_in')"})
    assert "stand-in" in said
    assert "[  9/12]" not in said, "the cells after the data ran"


def test_a_hidden_stand_in_is_refused_by_the_record(untouched):
    said = untouched({DATA: "data = [helper.load('stand_in')]"})
    assert "Cell 11" in said
    assert "stand-in" in said


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import warnings\nwarnings.warn('old API', DeprecationWarning)", "a warning"),
        ("import os\nprint(os.getcwd())", "a path of one machine"),
    ],
)
def test_an_output_that_must_not_be_stored_is_named(untouched, source, what):
    said = untouched({WORK: source + "\naccuracies = [0.9]"})
    assert f"cell 9 ({source.splitlines()[0]}) shows {what}" in said


def test_a_notebook_that_records_nothing_is_refused(untouched):
    assert "never called results.record()" in untouched({RECORD: "accuracies"})


def test_a_figure_without_a_picture_is_refused(untouched):
    assert "figure:pixel shows no picture" in untouched({6: "1 + 1"})


def test_a_dead_kernel_is_one_sentence(untouched):
    said = untouched({WORK: "import os\nos._exit(1)"})
    assert "Cell 9 (import os): the kernel was stopped or died." in said
    assert "Traceback" not in said


@pytest.mark.parametrize("budget", ["smoke", "huge"])
def test_only_quick_and_full_are_recorded(tmp_path, capsys, budget):
    miniature.build(tmp_path)
    before = miniature.snapshot(tmp_path)
    status, said = run(tmp_path, budget, capsys)
    assert (status, miniature.snapshot(tmp_path)) == (1, before)
    assert "choose full or quick" in said


def test_a_broken_results_file_stops_before_the_run(recorded, capsys):
    path = recorded / miniature.DAY / "results.json"
    path.write_text("{", encoding="utf-8")
    status, said = run(recorded, "full", capsys)
    assert status == 1
    assert "results.json is not JSON" in said
    assert "[  2/12]" not in said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_leaves_everything_as_it_was(tmp_path):
    miniature.build(tmp_path, {WORK: "import time\ntime.sleep(60)"})
    before = miniature.snapshot(tmp_path)
    ran = subprocess.Popen(
        [sys.executable, "-c", RUN_MAIN, str(ROOT), str(tmp_path), "1", "full"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in ran.stdout:
        if line.startswith("  [  7/12]"):
            break
    time.sleep(0.3)
    ran.send_signal(signal.SIGINT)
    _, complaint = ran.communicate(timeout=30)
    assert ran.returncode not in (0, None)
    assert "nothing was changed" in complaint
    assert "Traceback" not in complaint
    assert miniature.snapshot(tmp_path) == before


def test_a_disk_that_fills_up_leaves_everything_as_it_was(recorded, monkeypatch):
    before = miniature.snapshot(recorded)
    written = []

    def full_disk(path, data):
        written.append(path)
        if len(written) == 2:
            raise OSError("No space left on device")
        path.open("wb").write(data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    files = {recorded / name: b"new" for name in list(before)[:3]}
    with pytest.raises(OSError, match="No space"):
        record._write_all(files)
    assert miniature.snapshot(recorded) == before


# --- Which run's outputs are stored --------------------------------------------------


def test_a_quick_run_does_not_replace_the_outputs_of_a_current_full_one(
    recorded, capsys
):
    path = results.notebook_path(recorded / miniature.DAY)
    before = notebooks.read(path)
    status, said = run(recorded, "quick", capsys)
    assert status == 0
    assert "outputs stay those of the full record" in said
    after = notebooks.read(path)
    assert after.metadata.record == before.metadata.record
    assert after.cells[WORK].outputs == before.cells[WORK].outputs
    both = results.load(recorded / miniature.DAY)["records"]
    assert [one["budget"] for one in both] == ["full", "quick"]
    readme = (recorded / miniature.DAY / "README.md").read_text(encoding="utf-8")
    assert "| | full | quick |" in readme
    assert stamp.stamped(load_course(recorded)) == ({}, [])


def test_a_quick_run_replaces_the_outputs_of_a_stale_full_one(recorded, capsys):
    edit(recorded / "common" / "helper.py", "return 2", "return 2.001")
    miniature.restamp(recorded)
    status, said = run(recorded, "quick", capsys)
    assert status == 0
    assert "are those of this run" in said
    assert "Below target" not in said, "targets are for the full budget"
    notebook = notebooks.read(results.notebook_path(recorded / miniature.DAY))
    assert notebook.metadata.record["budget"] == "quick"
    readme = (recorded / miniature.DAY / "README.md").read_text(encoding="utf-8")
    assert f"full: {results.STALE}" in readme
    assert readme.count(results.STALE) == 1, "once, at the head"
    front = (recorded / "README.md").read_text(encoding="utf-8")
    assert f"(quick run, CPU, 2 cores, full: {results.STALE})" in front


def test_a_figure_that_is_drawn_no_more_is_removed(recorded, capsys):
    old = recorded / miniature.DAY / "figures" / "old.png"
    old.write_bytes(miniature.PNG)
    assert run(recorded, "full", capsys)[0] == 0
    assert not old.exists()
    assert (old.parent / "pixel.png").exists()


def test_the_same_figures_once_more_are_no_error(recorded, capsys, monkeypatch):
    run_really = record.run
    monkeypatch.setattr(record, "run", lambda *args: (run_really(*args)[0], 1.0))
    for _ in range(2):
        assert run(recorded, "full", capsys)[0] == 0


def changing(path: Path, old: str, new: str) -> str:
    """Return code that edits a file while the notebook runs."""
    return (
        "from pathlib import Path\n"
        f"path = Path({str(path)!r})\n"
        f"old = {old[:4]!r} + {old[4:]!r}\n"  # not to be found in this very cell
        f"path.write_text(path.read_text().replace(old, {new!r}))\n"
        "accuracies = [helper.scale(0.45)]"
    )


def test_text_may_be_edited_while_the_notebook_runs(tmp_path, capsys):
    path = results.notebook_path(tmp_path / miniature.DAY)
    miniature.build(tmp_path, {WORK: changing(path, "It is one pixel.", "One pixel.")})
    status, said = run(tmp_path, "full", capsys)
    assert status == 0, said
    notebook = notebooks.read(path)
    assert notebook.cells[7].source == "One pixel."
    assert notebook.cells[DATA].outputs


def refused_but_kept(root: Path, capsys) -> str:
    """Expect no record but the executed copy in runs/; return what was said."""
    status, said = run(root, "full", capsys)
    assert status == 1
    assert not (root / miniature.DAY / "results.json").exists()
    kept = re.search(r"runs/day01_mnist-full-[\d-]+\.ipynb", said)[0]
    assert notebooks.read(root / kept).cells[DATA].outputs
    return said


@pytest.mark.parametrize("name", ["day01_mnist/day01_mnist.ipynb", "common/helper.py"])
def test_code_that_changed_meanwhile_is_not_recorded(tmp_path, capsys, name):
    old, new = {
        "day01_mnist/day01_mnist.ipynb": ("data.title", "data.source"),
        "common/helper.py": ("return 2", "return 2.001"),
    }[name]
    miniature.build(tmp_path, {WORK: changing(tmp_path / name, old, new)})
    assert "changed while it ran" in refused_but_kept(tmp_path, capsys)


def test_a_text_that_broke_meanwhile_costs_no_run(tmp_path, capsys):
    """A marker broken in a README during the run: the executed copy is kept aside."""
    readme = tmp_path / miniature.DAY / "README.md"
    miniature.build(
        tmp_path, {WORK: changing(readme, "<!-- /results -->", "<!-- results -->")}
    )
    assert "nothing was changed" in refused_but_kept(tmp_path, capsys)


# --- What one recorded run leaves for another ----------------------------------------

FINDS_AND_LEAVES = """
import os
from pathlib import Path
place = Path(os.environ["COURSE_HOME"]) / "artifacts" / "model"
found = place.is_dir()
place.mkdir(parents=True, exist_ok=True)
(place / "weights").write_text("1")
accuracies = [0.5 if found else 0.9]
"""


def test_what_a_recorded_run_leaves_the_next_one_finds(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "of the learner"))
    root = tmp_path / "course"
    root.mkdir()
    miniature.build(root, {WORK: FINDS_AND_LEAVES})
    kept = root / "runs" / "artifacts" / "model" / "weights"

    def recorded_accuracy():
        status, said = run(root, "full", capsys)
        assert status == 0, said
        (one,) = results.load(root / miniature.DAY)["records"]
        return one["metrics"]["test_accuracy"]["mean"], said

    accuracy, said = recorded_accuracy()
    assert accuracy == 0.9
    assert "At hand" not in said
    assert kept.read_text() == "1"
    accuracy, said = recorded_accuracy()
    assert accuracy == 0.5
    assert "At hand from earlier recorded runs: model" in said
    assert not (tmp_path / "of the learner").exists()


def test_a_run_that_is_refused_leaves_nothing_for_others(tmp_path, capsys):
    miniature.build(tmp_path, {WORK: FINDS_AND_LEAVES + "\nprint(1 / 0)"})
    assert run(tmp_path, "full", capsys)[0] == 1
    assert not (tmp_path / "runs").exists()


def test_artifacts_that_cannot_be_kept_lose_no_record(tmp_path, capsys):
    miniature.build(tmp_path, {WORK: FINDS_AND_LEAVES})
    (tmp_path / "runs").write_text("a file in the way")
    status, said = run(tmp_path, "full", capsys)
    assert status == 0
    assert "cannot be kept in runs/" in said
    assert results.load(tmp_path / miniature.DAY)["records"]


# --- Outputs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\n", "a\nb\n"),
        ("1/2\r2/2\n", "2/2\n"),
        ("long line\rshort\n", "shortline\n"),
        ("10%\b\b\b99%\n", "99%\n"),
        ("a\r\nb", "a\nb"),
        ("\x1b[1m1/2\x1b[0m\r\x1b[1m2/2\x1b[0m done", "\x1b[0m\x1b[1m2/2\x1b[0m done"),
        ("loss 0.5\r\x1b[Kok", "ok"),
        ("1/2 ━━\r        \r", ""),
    ],
)
def test_outputs_are_shown_as_a_terminal_would(text, shown):
    assert notebooks.as_terminal(text) == shown


def test_pieces_of_a_stream_are_joined_before_they_are_rendered():
    pieces = [new_output("stream", text=text) for text in ("1/2", "\r2/2", "\n")]
    other = new_output("stream", name="stderr", text="\r")
    (one,) = notebooks.rendered([*pieces, other])
    assert one.text == "2/2\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("UserWarning: x", "a warning"),
        ("WARNING:tensorflow: x", "a warning"),
        ("E0000 00:00:1795253507.4 1 cuda.cc:5] failed", "a warning"),
        ("I0000 00:00:1795253507.4 1 port.cc:5] oneDNN", "a warning"),
        ("saved to /tmp/abc/model.keras", "a path"),
        ("C:\\Users\\ada\\model", "a path"),
        ("file:///x", "a path"),
        ("http://10.0.0.7:8000", "private network"),
        ("<Model at 0x7f7c033436d0>", "address of an object"),
        ("1/2\r2/2", "debris"),
        ("on host-7f3 today", "the name of a machine"),
        ("no warning in sight, 3/4 of all, and/or 1/tmp", None),
        ("https://example.org/home/x and http://127.0.0.1:8000/tmp/x", None),
        ("./figures/tmp/x", None),
        ("version 10.0.0", None),
    ],
)
def test_what_an_output_must_not_hold(text, what):
    cell = new_code_cell("x", outputs=[new_output("stream", text=text)])
    problems = notebooks.output_problems(cell, host="host-7f3")
    assert [what in problem for problem in problems] == ([True] if what else [])


def test_errors_and_widgets_are_found():
    error = new_output("error", ename="ValueError", evalue="x", traceback=[])
    widget = new_output(
        "display_data", data={"application/vnd.jupyter.widget-view+json": {}}
    )
    html = new_output("display_data", data={"text/html": "<i>DeprecationWarning</i>"})
    cell = new_code_cell("x", outputs=[error, widget, html])
    found = notebooks.output_problems(cell)
    assert [
        word for word in ("ValueError", "widget", "warning") if word in str(found)
    ] == [
        "ValueError",
        "widget",
        "warning",
    ]


def test_the_record_names_its_kernels_python():
    manager = record._kernel_of_this_python()
    assert manager.kernel_spec.argv[0] == sys.executable
