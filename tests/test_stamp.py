"""tools/stamp: what is generated is current, and an edit by hand is found."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import miniature
import pytest
from nbformat.v4 import new_output

from common import ROOT, results
from tools import notebooks, progress, stamp
from tools.course import CourseError, load_course

RELEASE = load_course(ROOT).release
RECORD = {
    "budget": "full",
    "data": "MNIST, 60,000 + 10,000",
    "source": "official",
    "metrics": {"test_accuracy": {"mean": 0.98312, "std": 0.0006, "seeds": 3}},
    "seconds": 84.1,
    "device": "CPU, 2 cores",
    "backend": "tensorflow",
    "versions": {"keras": "3.15.1"},
    "date": "2026-11-22",
}


@pytest.fixture
def course(tmp_path):
    """A stamped course with a record, as `make record` leaves it."""
    course = miniature.build(tmp_path)
    day = course.days[0]
    sha = results.code_hashes(course.notebook(day), tmp_path)["full"]
    content = {"day": 1, "records": [RECORD | {"code_sha256": sha}], "benchmarks": []}
    write(course.folder(day) / "results.json", results.dump(content))
    miniature.restamp(tmp_path)
    return course


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} does not hold {old!r}"
    write(path, text.replace(old, new, 1))


def check(course, capsys) -> tuple[int, str]:
    """Run `stamp --check`, which must not change a file."""
    before = miniature.snapshot(course.root)
    status = stamp.main(["--check"], course.root)
    assert miniature.snapshot(course.root) == before
    said = capsys.readouterr()
    return status, said.out + said.err


# --- The course itself ---------------------------------------------------------------


def test_everything_generated_in_this_course_is_current(capsys):
    status = stamp.main(["--check"])
    assert status == 0, capsys.readouterr().out


def test_the_syllabus_has_forty_days_with_a_question_each():
    course = load_course(ROOT)
    assert [day.number for day in course.days] == list(range(1, 41))
    assert all(re.search(r"[?.]$", day.question) for day in course.days)
    assert len({day.title for day in course.days}) == 40
    assert {day.part for day in course.days} == {1, 2, 3, 4}


# --- What a hand changed is found ----------------------------------------------------


def test_a_stamped_course_is_current(course, capsys):
    assert check(course, capsys) == (0, "")


@pytest.mark.parametrize(
    ("name", "old", "new", "place"),
    [
        ("README.md", "98.31 % ± 0.06", "99.31 % ± 0.06", "results:map"),
        ("README.md", "1 min 24 s", "1 min 2 s", "result:day01_mnist/full.seconds"),
        ("README.md", "| planned |", "| 99 % |", "results:map"),
        (
            "day01_mnist/README.md",
            "-->98.31 % ± 0.06<!--",
            "-->98.4 %<!--",
            "result:full.test_accuracy",
        ),
        ("day01_mnist/README.md", "(3 seeds)", "(5 seeds)", "results:table"),
        ("day01_mnist/README.md", "It takes", "It took", "results:expected"),
        ("day01_mnist/README.md", f"blob/{RELEASE}", "blob/main", "nav"),
        ("day01_mnist/day01_mnist.ipynb", f"blob/{RELEASE}", "blob/main", "cell 1"),
        ("day01_mnist/day01_mnist.ipynb", "98.31 %", "99 %", "cell 4"),
        (
            "day01_mnist/day01_mnist.ipynb",
            "import runpy",
            "import re",
            "bootstrap",
        ),
        ("day01_mnist/day01_mnist.ipynb", '"cell-05"', '"abc"', "ids or metadata"),
        ("day01_mnist/results.json", "0.98312", "0.99312", "results:map"),
        ("course.toml", f'release = "{RELEASE}"', 'release = "v9.9.9"', "bootstrap"),
    ],
)
def test_an_edit_by_hand_fails_the_check(course, capsys, name, old, new, place):
    edit(course.root / name, old, new)
    status, said = check(course, capsys)
    assert status == 1
    assert place in said
    if not name.endswith((".json", ".toml")):
        assert f"stale: {name}" in said
    stamp.main([], course.root)
    capsys.readouterr()
    assert check(course, capsys) == (0, "")


def test_code_that_changed_since_is_told_in_every_text(course, capsys):
    edit(course.root / "common" / "helper.py", "return 2", "return 2.0001")
    status, said = check(course, capsys)
    assert status == 1
    assert "day01_mnist/README.md" in said
    miniature.restamp(course.root)
    for name in ("README.md", "day01_mnist/README.md", "day01_mnist/day01_mnist.ipynb"):
        assert results.STALE in (course.root / name).read_text(encoding="utf-8")


def test_a_text_without_markers_is_left_alone(course):
    path = course.root / "README.md"
    text = "# No markers\n\n98.31 % typed by hand is a reviewer's job to find.\n"
    write(path, text)
    assert stamp.main([], course.root) == 0
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("README.md", "<!-- results:map -->", "no counterpart"),
        ("README.md", "a\n<!-- /nav -->", "line 2"),
        (
            "README.md",
            "<!-- nav --><!-- results:map --><!-- /results -->",
            "counterpart",
        ),
        ("README.md", "<!-- nav --><!-- /nav -->", "belongs into a day"),
        ("README.md", "<!-- result:full.seconds --><!-- /result -->", "not name a day"),
        (
            "README.md",
            "<!-- result:day99_x/full.seconds --><!-- /result -->",
            "no day 'day99_x'",
        ),
        (
            "day01_mnist/README.md",
            "<!-- result:full.test_acuracy --><!-- /result -->",
            "test_accuracy",
        ),
        (
            "day01_mnist/README.md",
            "<!-- results:chart --><!-- /results -->",
            "no results:chart",
        ),
        ("day01_mnist/results.json", "{", "not JSON"),
        ("course.toml", "[course]\nname = 'x'", "lacks"),
    ],
)
def test_what_cannot_be_filled_is_named(course, capsys, name, text, reason):
    write(course.root / name, text)
    status, said = check(course, capsys)
    assert status == 2
    assert reason in said
    assert "Traceback" not in said


def test_a_notebook_without_a_bootstrap_cell_is_named(tmp_path):
    course = miniature.build(tmp_path)
    path = course.notebook(course.days[0])
    edit(path, '"bootstrap"', '"boots"')
    with pytest.raises(stamp.StampError, match=r"day01_mnist\.ipynb .*bootstrap"):
        stamp.stamped(course)


def test_outputs_are_never_touched(course):
    path = course.notebook(course.days[0])
    notebook = notebooks.read(path)
    notebook.cells[4].outputs = [new_output("stream", text="a\rb <!-- nav -->")]
    notebook.cells[4].execution_count = 7
    notebook.cells[0].source = "# Another\n\n<!-- nav --><!-- /nav -->"
    write(path, notebooks.dump(notebook))
    stamp.main([], course.root)
    after = notebooks.read(path)
    assert "All days" in after.cells[0].source
    assert after.cells[4].outputs == notebook.cells[4].outputs
    assert after.cells[4].execution_count == 7


# --- Links and badges ----------------------------------------------------------------


def test_a_neighbour_is_linked_as_soon_as_it_exists(course):
    readme = course.folder(course.days[0]) / "README.md"
    assert "Activation functions → (planned)" in readme.read_text(encoding="utf-8")
    second = course.days[1]
    course.folder(second).mkdir()
    first_notebook = course.notebook(course.days[0]).read_text(encoding="utf-8")
    write(course.notebook(second), first_notebook)
    miniature.restamp(course.root)
    assert f"(../{second.folder}/README.md)" in readme.read_text(encoding="utf-8")
    cell = notebooks.read(course.notebook(second)).cells[0].source
    assert "(../day01_mnist/day01_mnist.ipynb)" in cell
    front = (course.root / "README.md").read_text(encoding="utf-8")
    assert f"[{second.title}]({second.folder}/README.md)" in front


def test_the_badge_stands_at_the_top_only(course):
    cells = notebooks.read(course.notebook(course.days[0])).cells
    assert "colab-badge.svg" in cells[0].source
    assert "All days" in cells[-1].source
    assert "colab-badge.svg" not in cells[-1].source


def test_a_repository_off_github_has_no_badge(course):
    edit(course.root / "course.toml", "https://github.com/", "https://git.school/")
    miniature.restamp(course.root)
    text = (course.root / "README.md").read_text(encoding="utf-8")
    assert "colab" not in text
    assert "day01_mnist.ipynb" in text


def test_a_target_of_an_unknown_metric_is_refused(course):
    edit(course.root / "course.toml", "plain_accuracy =", "plane_accuracy =")
    with pytest.raises(CourseError, match="plain_accuracy"):
        load_course(course.root)


# --- The bootstrap cell, run ---------------------------------------------------------

AFTERWARDS = """
import json, sys
import common
print(json.dumps({"root": str(common.ROOT), "quiet": "common.quiet" in sys.modules}))
"""
IN_COLAB = (
    "import sys, types; sys.modules['google.colab'] = types.ModuleType('colab')\n"
)


def run_bootstrap(
    course, folder: Path, address: str = "", before: str = "", **env: str
):
    """Run the bootstrap cell alone in `folder`, with a fresh interpreter.

    With an address it is Colab's, and git finds the course's repository there.
    """
    code = (IN_COLAB if address else "") + before + stamp.bootstrap(course) + AFTERWARDS
    redirected = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{address}.insteadOf",
        "GIT_CONFIG_VALUE_0": course.repository,
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": "",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **(redirected if address else {}),
            **env,
        },
        capture_output=True,
        text=True,
    )


def said(ran) -> dict:
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def git(*command: str, cwd: Path) -> None:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, *command], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def published(course, tmp_path_factory):
    """The miniature course as a repository, without a release."""
    git("init", "--quiet", cwd=course.root)
    git("add", ".", cwd=course.root)
    git("commit", "--quiet", "-m", "x", cwd=course.root)
    return course


def test_the_bootstrap_cell_finds_the_course_around_it(course):
    folder = course.folder(course.days[0])
    for place in (folder, course.root, folder / "figures", folder / "figures" / "x"):
        place.mkdir(exist_ok=True)
        assert said(run_bootstrap(course, place)) == {
            "root": str(course.root),
            "quiet": True,
        }


def test_outside_a_course_it_says_one_sentence(course, tmp_path_factory):
    ran = run_bootstrap(course, tmp_path_factory.mktemp("elsewhere"))
    assert ran.returncode != 0
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: The course is neither beside nor above")
    assert last.endswith(f"git clone -q --depth=1 {course.repository} course")


def test_outside_colab_it_never_clones(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    run_bootstrap(published, folder)
    assert list(folder.iterdir()) == []


def test_in_colab_it_clones_the_release_and_only_once(published, tmp_path_factory):
    git("tag", published.release, cwd=published.root)
    write(published.root / "later.txt", "after the release")
    git("add", ".", cwd=published.root)
    git("commit", "--quiet", "-m", "later", cwd=published.root)
    folder = tmp_path_factory.mktemp("content")
    ran = run_bootstrap(published, folder, published.root.as_uri())
    assert said(ran)["root"] == str(folder / "course")
    assert len(ran.stdout.splitlines()) == 1, "it has nothing to say"
    assert not (folder / "course" / "later.txt").exists()
    again = run_bootstrap(published, folder, "nowhere")
    assert said(again)["root"] == str(folder / "course")


def test_without_the_release_it_takes_the_newest_state_and_says_so(
    published, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("content")
    ran = run_bootstrap(published, folder, published.root.as_uri())
    assert said(ran)["root"] == str(folder / "course")
    assert f"no release {published.release}" in ran.stdout


def test_a_clone_that_fails_is_one_sentence(course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("content")
    ran = run_bootstrap(course, folder, "no/where/")
    assert ran.returncode != 0
    last = ran.stderr.strip().splitlines()[-1]
    assert "RuntimeError: The course is neither beside nor above" in last
    assert "fatal: 'no/where/' does not appear to be a git repository" in last


def test_another_package_called_common_does_not_stand_in_the_way(course, tmp_path):
    """Imported before, and first on the path: the course's own is used all the same."""
    other = tmp_path / "elsewhere"
    (other / "common").mkdir(parents=True)
    write(other / "common" / "__init__.py", "")
    write(other / "common" / "part.py", "")
    before = f"import sys; sys.path.insert(0, {str(other)!r})\nimport common.part\n"
    ran = run_bootstrap(course, course.folder(course.days[0]), before=before)
    assert said(ran) == {"root": str(course.root), "quiet": True}


def test_the_bootstrap_cell_run_twice_changes_nothing(course):
    before = f"{stamp.bootstrap(course)}\nimport common\ncommon.kept = True\n"
    folder = course.folder(course.days[0])
    ran = run_bootstrap(course, folder, before=before)
    assert said(ran)["root"] == str(course.root)
    again = "import common; assert common.kept\n"
    ran = run_bootstrap(course, folder, before=f"{before}{again}")
    assert said(ran)["root"] == str(course.root)


def test_the_bootstrap_cell_is_short_and_needs_the_standard_library_only():
    source = stamp.bootstrap(load_course(ROOT))
    assert len(source.splitlines()) <= 12
    assert max(map(len, source.splitlines())) <= 88
    imported = re.findall(r"^(?:import|from) (\w+)", source, flags=re.M)
    assert set(imported) <= sys.stdlib_module_names


def test_the_bootstrap_cell_is_folded_and_the_same_in_every_notebook():
    course = load_course(ROOT)
    found = set()
    for day in course.landed():
        cell = notebooks.read(course.notebook(day)).cells[1]
        assert cell.metadata["jupyter"] == {"source_hidden": True}
        found.add(json.dumps([cell.source, cell.metadata], sort_keys=True))
    assert len(found) == 1


# --- make progress -------------------------------------------------------------------


def test_the_grid_is_kind_on_first_use(course, tmp_path_factory):
    text = progress.grid(course, tmp_path_factory.mktemp("home"))
    assert "not opened a day yet" in text
    assert text.count("planned") == 39


def test_the_grid_counts_what_was_passed(course, tmp_path_factory):
    exercises = "\n".join(f'    Exercise(id="1.{i}", title="x"),' for i in range(1, 5))
    path = course.folder(course.days[0]) / "exercises.py"
    write(path, f"import no_such_module\n\nEXERCISES = [\n{exercises}\n]\n")
    home = tmp_path_factory.mktemp("home")
    (home / "progress").mkdir()
    kept = home / "progress" / "day01_mnist.json"
    write(
        kept, '{"opened": "2026-11-20", "passed": {"1.1": "x", "1.3": "x", "9": "x"}}'
    )
    text = progress.grid(course, home)
    assert "#####.....   2 of 4" in text
    assert "exercises passed 2 of 4" in text
    everything = dict.fromkeys(["1.1", "1.2", "1.3", "1.4"], "2026-11-20")
    write(kept, json.dumps({"opened": "2026-11-20", "passed": everything}))
    assert re.search(r"##########   4 of 4 +done", progress.grid(course, home))
    write(kept, '{"opened": "2026-11')
    assert "0 of 4" in progress.grid(course, home)


def test_the_grid_counts_the_exercises_that_the_day_loads():
    from common import exercises

    for day in load_course(ROOT).landed():
        loaded = [one.id for one in exercises.load(day.folder).EXERCISES]
        counted = progress.exercise_ids(ROOT / day.folder / "exercises.py")
        assert sorted(counted) == sorted(loaded)


def other_ratios(content: dict, notebook) -> list[str]:
    """Return the benchmarks that a notebook's outputs do not show as recorded."""
    tables = html.unescape(
        "".join(
            output.get("data", {}).get("text/html", "")
            for cell in notebook.cells
            for output in cell.get("outputs", ())
        )
    )
    return [
        one["name"]
        for one in content["benchmarks"]
        if not re.search(
            rf"<th>{re.escape(results.BENCHMARKS[one['name']])}</th>\s*"
            rf"<td>{re.escape(results.format_ratio(one['ratio']))}</td>",
            tables,
        )
    ]


def test_benchmarks_are_those_that_the_outputs_show():
    """A README must not cite the ratio of another run than the notebook beside it."""
    course, seen = load_course(ROOT), 0
    for day in course.landed():
        content = results.load(course.folder(day))
        notebook = notebooks.read(course.notebook(day))
        best = results.best_record(content, results.code_hashes(course.notebook(day)))
        content["benchmarks"] = [
            one
            for one in content["benchmarks"]
            if results.device_kind(one) == results.device_kind(best.record)
        ]
        assert other_ratios(content, notebook) == [], day.folder
        for one in content["benchmarks"]:
            one["ratio"] *= 1.2
            assert one["name"] in other_ratios(content, notebook)
            seen += 1
    assert seen


# --- Days side by side ---------------------------------------------------------------


def test_days_are_compared_by_what_they_recorded(course, capsys):
    edit(
        course.root / "course.toml",
        'question = "Can a program learn to read digits?"',
        'question = "?"\ncompared = { days = [1, 2], by = ["parameters"] }',
    )
    readme = course.root / miniature.DAY / "README.md"
    write(readme, "# Compared\n\n<!-- results:compared --><!-- /results -->\n")
    stamp.main([], course.root)
    lines = readme.read_text(encoding="utf-8").splitlines()
    assert lines[3] == "| Day | Test accuracy | Parameters | Recorded |"
    assert lines[5].startswith("| [1 · A first network that reads digits](../day01")
    assert "| 98.31 % ± 0.06 | – | full, " in lines[5]
    assert lines[6] == "<!-- /results -->", "Day 2 is planned: it has no row"


def test_a_day_that_course_toml_compares_with_none_says_so(course, capsys):
    readme = course.root / miniature.DAY / "README.md"
    write(readme, "<!-- results:compared --><!-- /results -->\n")
    assert stamp.main([], course.root) == 2
    assert "compares day01_mnist to none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("compared", "reason"),
    [
        ('{ days = [1, 99], by = ["parameters"] }', "a day that is none"),
        ('{ days = [1], by = ["beauty"] }', "beauty"),
    ],
)
def test_a_comparison_with_what_is_not_there_is_refused(course, compared, reason):
    edit(
        course.root / "course.toml",
        'question = "Can a program learn to read digits?"',
        f'question = "?"\ncompared = {compared}',
    )
    with pytest.raises(CourseError, match=reason):
        load_course(course.root)
