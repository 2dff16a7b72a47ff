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
import support
from nbformat.v4 import new_code_cell, new_output

from common import ROOT, results
from tools import client, notebooks, record, recorded_run, recording, stamp
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
    kept = {"kernelspec", "language_info", "record", "drawings"}
    assert set(notebook.metadata) == kept
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
    assert "Cell 9 (import os): the kernel died." in said
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
        recording._write_all(files)
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
    run_really = recording.run
    same = {"seconds": 1.0, "memory_bytes": 1}
    monkeypatch.setattr(
        recording, "run", lambda *args: run_really(*args)._replace(**same)
    )
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


# --- Drawings ------------------------------------------------------------------------

DRAWN = 6
"""The place of the cell that draws the README's picture."""


@pytest.fixture
def with_a_drawing(tmp_path, capsys):
    """A recorded day whose picture is a drawing; an exercise follows its record."""
    root = tmp_path / "drawn"
    root.mkdir()
    miniature.build(root)
    change_cells(root, lambda cells: cells[DRAWN].metadata.tags.append("drawing"))
    assert run(root, "full", capsys)[0] == 0
    return root


def change_cells(root: Path, change) -> None:
    path = results.notebook_path(root / miniature.DAY)
    notebook = notebooks.read(path)
    change(notebook.cells)
    path.write_text(notebooks.dump(notebook), encoding="utf-8")


def test_a_drawing_is_drawn_anew_without_a_new_record(with_a_drawing, capsys):
    root, folder = with_a_drawing, with_a_drawing / miniature.DAY
    recorded = (folder / "results.json").read_bytes()
    first = notebooks.read(results.notebook_path(folder))
    gif = f"Image(data={miniature.PNG + b'more'!r}, format='png')"
    exercise = "# NBVAL_CHECK_OUTPUT\nprint('not attempted yet')"

    def edit_lesson(cells):
        cells[DRAWN].source = gif
        cells.insert(RECORD + 1, miniature.code(exercise))
        cells.insert(RECORD + 1, miniature.code("print(accuracies)"))

    change_cells(root, edit_lesson)
    noted = first.metadata["drawings"]
    edited = notebooks.read(results.notebook_path(folder))
    assert notebooks.drawings_sha256(edited) != noted == edited.metadata["drawings"]
    assert record.main(["1", "--redraw"], root) == 0, capsys.readouterr().err
    after = notebooks.read(results.notebook_path(folder))
    assert (folder / "figures" / "pixel.png").read_bytes() == miniature.PNG + b"more"
    assert after.metadata["drawings"] == notebooks.drawings_sha256(after)
    assert after.metadata["record"] == first.metadata["record"]
    assert after.cells[RECORD].outputs == first.cells[RECORD].outputs
    assert after.cells[RECORD + 1].outputs == [], "it may differ in another run"
    assert after.cells[RECORD + 2].outputs[0].text == "not attempted yet\n"
    code = [cell for cell in after.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert (folder / "results.json").read_bytes() == recorded
    hashes = results.code_hashes(results.notebook_path(folder), root)
    assert results.best_record(results.load(folder), hashes).current


def test_drawing_needs_no_real_data_and_no_record(with_a_drawing, capsys):
    edit(with_a_drawing / "common" / "helper.py", '"official"', '"stand_in"')
    assert record.main(["1", "--redraw"], with_a_drawing) == 0
    assert run(with_a_drawing, "full", capsys)[0] == 1


def test_a_drawing_that_fails_changes_nothing(with_a_drawing, capsys):
    change_cells(with_a_drawing, lambda cells: cells[DRAWN].update(source="1 / 0"))
    before = miniature.snapshot(with_a_drawing)
    assert record.main(["1", "--redraw"], with_a_drawing) == 1
    assert "Cell 7 (1 / 0) failed: ZeroDivisionError" in capsys.readouterr().err
    assert miniature.snapshot(with_a_drawing) == before


# --- A queue of days -----------------------------------------------------------------


def add_day(root: Path, folder: str, changed: dict[int, str] | None = None) -> None:
    """Give the miniature another day, the first one's notebook with some cells new."""
    notebook = notebooks.read(results.notebook_path(root / miniature.DAY))
    for place, source in (changed or {}).items():
        notebook.cells[place].source = source
    shutil.copytree(root / miniature.DAY, root / folder)
    (root / folder / f"{miniature.DAY}.ipynb").unlink()
    (root / folder / "results.json").unlink(missing_ok=True)
    path = results.notebook_path(root / folder)
    path.write_text(notebooks.dump(notebook), encoding="utf-8")
    miniature.restamp(root)


TWO, THREE = "day02_activations", "day03_losses_optimizers"


@pytest.fixture
def three_days(recorded):
    """Day 1 is recorded in full, Day 2 fails, Day 3 waits for its first record."""
    add_day(recorded, TWO, {WORK: "1 / 0"})
    add_day(recorded, THREE)
    return recorded


def table(said: str) -> dict[str, str]:
    """The queue's table: the words of each day and budget."""
    lines = said[said.rindex("\nday ") :].strip().splitlines()[1:]
    rows = [re.split(r"  +", line) for line in lines]
    return {f"{row[0]} {row[1]}": " | ".join(row[2:]) for row in rows}


def test_a_queue_skips_what_is_current_and_goes_on_after_a_failure(three_days, capsys):
    before = (three_days / miniature.DAY / "results.json").read_bytes()
    status = record.main(["--days", "1 2 3", "--budget", "full"], three_days)
    said = capsys.readouterr()
    rows = table(said.out)
    assert status == 1
    assert rows[f"{miniature.DAY} full"] == "current, skipped"
    assert rows[f"{TWO} full"].startswith("failed: Cell 9 (1 / 0) failed: ZeroDiv")
    assert re.match(r"\d+ s \| \d\.\d GB \| recorded", rows[f"{THREE} full"])
    assert "nothing was changed" in said.err
    assert (three_days / miniature.DAY / "results.json").read_bytes() == before
    (one,) = results.load(three_days / THREE)["records"]
    assert 20e6 < one["memory_bytes"] < 4e9
    assert stamp.stamped(load_course(three_days)) == ({}, [])


def test_a_queue_of_what_is_stale_finds_it_itself(recorded, capsys):
    add_day(recorded, THREE)
    edit(recorded / "common" / "helper.py", "return 2", "return 2.001")
    miniature.restamp(recorded)
    assert record.main(["--stale", "--budget", "quick full"], recorded) == 0
    rows = table(capsys.readouterr().out)
    days, budgets = (miniature.DAY, THREE), ("quick", "full")
    assert list(rows) == [f"{day} {budget}" for day in days for budget in budgets]
    assert all("recorded" in words for words in rows.values())
    assert "below target" in rows[f"{miniature.DAY} full"]
    assert "below target" not in rows[f"{miniature.DAY} quick"], "targets are for full"
    assert record.main(["--stale"], recorded) == 0
    assert set(table(capsys.readouterr().out).values()) == {"current, skipped"}


def test_a_day_that_is_asked_for_alone_is_recorded_again(recorded, capsys):
    assert run(recorded, "full", capsys)[0] == 0
    (one,) = results.load(recorded / miniature.DAY)["records"]
    assert "memory_bytes" in one


def test_a_day_that_does_not_exist_yet_fails_alone(recorded, capsys):
    assert record.main(["--days", "2 1"], recorded) == 1
    rows = table(capsys.readouterr().out)
    assert rows[f"{TWO} full"] == f"failed: {TWO} does not exist yet."
    assert rows[f"{miniature.DAY} full"] == "current, skipped"
    assert record.main(["--days", "1 99"], recorded) == 1
    assert "no day '99'" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_queue_can_be_stopped_and_called_again(recorded, told):
    add_day(recorded, TWO, {WORK: "import time\ntime.sleep(60)"})
    add_day(recorded, THREE)
    queue = [sys.executable, "-c", RUN_MAIN, str(ROOT), str(recorded), "--stale"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen(queue, start_new_session=True, **pipes)
    said = ""
    for line in first.stdout:
        said += line
        if line.startswith("  [  7/12]"):
            break
    time.sleep(0.3)
    first.send_signal(told)
    rest, complaint = first.communicate(timeout=60)
    assert first.returncode == 130, said + rest + complaint
    assert "Traceback" not in complaint
    assert table(said + rest) == {
        f"{miniature.DAY} full": "current, skipped",
        f"{TWO} full": "stopped",
        f"{THREE} full": "not begun",
    }
    assert not (recorded / TWO / "results.json").exists()
    edit(results.notebook_path(recorded / TWO), "time.sleep(60)", "accuracies=[0.9]")
    again = subprocess.run(queue, **pipes)
    rows = table(again.stdout)
    assert again.returncode == 0, again.stderr
    assert "recorded" in rows[f"{TWO} full"]
    assert "recorded" in rows[f"{THREE} full"]


def test_any_interpreter_records_in_a_git_worktree(tmp_path):
    """Started by its path from anywhere, with nothing of a .venv in the environment."""
    main, tree = tmp_path / "main", tmp_path / "tree"
    main.mkdir()
    work = (
        "import os, shutil\ndrawn = os.environ.get('MPLBACKEND')\n"
        "found = shutil.which('jupyter')"
    )
    check = "\nassert drawn != 'Agg' and found == %r, found\naccuracies = [0.9]"
    beside = shutil.which("jupyter", path=Path(sys.executable).parent)
    miniature.build(main, {WORK: work + check % beside})
    shutil.copytree(ROOT / "tools", main / "tools")
    env = support.surroundings(tmp_path / "home", PATH=os.defpath, MPLBACKEND="Agg")
    author = ("-c", "user.name=A Test", "-c", "user.email=test@example.org")
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        (*author, "commit", "--quiet", "--message=The course"),
        ("worktree", "add", "--quiet", str(tree)),
    ):
        subprocess.run(["git", *command], cwd=main, env=env, check=True)
    ran = subprocess.run(
        [sys.executable, tree / "tools" / "record.py", "1", "quick"],
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(tmp_path / "another project")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert results.load(tree / miniature.DAY)["records"]
    assert not (main / miniature.DAY / "results.json").exists()


def test_memory_counts_what_the_notebook_starts():
    """A server of 300 MB beside a kernel that holds less."""
    hold = "block = b'1' * 300_000_000; print(); import time; time.sleep(30)"
    with recorded_run.memory_of_children(every=0.05) as found:
        held = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
        held.stdout.readline()
        time.sleep(0.5)
        held.kill()
        held.wait()
    assert max(found) > 300e6


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
    manager = client.kernel_of_this_python()
    assert manager.kernel_spec.argv[0] == sys.executable
