"""Google Colab, simulated: the notebook file alone, and Colab's own versions.

`make test-colab` builds the environment (see `tools/colab_env.py`) and runs this.
The kernel has Colab's published package versions and a stand-in `google.colab` module
loaded before the first cell. The bootstrap cell has to fetch the rest of the course,
here from a local repository that holds the working tree under the release's tag.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
import support

HERE = Path(__file__).parent / "colab"
SCIENTIFIC_STACK = ("numpy", "tensorflow", "keras")

PROBE = """
import importlib.metadata, json, sys
import common
print(json.dumps({
    "root": str(common.ROOT),
    "colab": "google.colab" in sys.modules,
    "versions": {name: sys.modules[name].__version__
                 for name in ("numpy", "tensorflow", "keras") if name in sys.modules},
}))
"""

SNAPSHOT = """
import importlib.metadata, json
found = {}
for package in importlib.metadata.distributions():
    metadata = next(f for f in package.files if f.name in ("METADATA", "PKG-INFO"))
    facts = package.locate_file(metadata).stat()
    name = package.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    found[name] = [package.version, facts.st_mtime_ns, facts.st_ino]
print(json.dumps(found))
"""

CLOSURE = r"""
import importlib.metadata, json, re, sys
def normalised(name):
    return name.lower().replace("_", "-").replace(".", "-")
known, waiting = set(), list(sys.argv[1:])
while waiting:
    wanted = waiting.pop()
    name, extras = re.match(r"([A-Za-z0-9_.-]+)\s*(?:\[(.*?)\])?", wanted).groups()
    extras = frozenset(re.findall(r"[\w.-]+", extras or ""))
    if (normalised(name), extras) in known:
        continue
    known.add((normalised(name), extras))
    try:
        needed = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        continue
    for one in needed:
        extra = re.search(r"extra\s*==\s*.([\w.-]+)", one)
        if extra is None or extra[1] in extras:
            waiting.append(one)
print(json.dumps(sorted({name for name, _ in known})))
"""


def pins() -> dict[str, str]:
    """Return Colab's versions, by normalised name."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.partition("#")[0].strip() for line in lines]
    pairs = [line.split("==") for line in lines if line]
    return {normalised(name): version for name, version in pairs}


def normalised(name: str) -> str:
    """Return a package's name as package indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def snapshot(python: Path) -> dict[str, list[Any]]:
    """Return version, time and file number of every package in an environment."""
    answer = subprocess.run(
        [python, "-c", SNAPSHOT], capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)


def touched(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> set[str]:
    """Return the packages that went, changed or were written again."""
    return {name for name, facts in before.items() if after.get(name) != facts}


def asked_for(python: Path, notebook: Path) -> set[str]:
    """Return what a notebook may install: the course's list, and what it needs.

    That is what stands in its calls of `packages.need`, and what those depend on.
    """
    allowed = support.course_settings()["course"]["colab_packages"] + needed(notebook)
    answer = subprocess.run(
        [python, "-c", CLOSURE, *allowed], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout))


def needed(notebook: Path) -> list[str]:
    """Return the packages that stand in a notebook's calls of `packages.need`."""
    names: list[str] = []
    for cell in support.code_cells(nbformat.read(notebook, as_version=4)):
        for call in re.findall(r"packages\.need\(([^)]*)\)", cell.source):
            names += re.findall(r"[\"']([\w.-]+)[\"']", call)
    return names


@pytest.fixture(scope="module")
def colab_python() -> Path:
    """Return the Python of the environment with Colab's versions."""
    folder = support.ROOT / ".venv-colab"
    place = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = folder.joinpath(*place)
    if not (python.exists() and (folder / "course.json").is_file()):
        support.not_installed(".venv-colab is not there: `make test-colab` builds it")
    return python


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a local repository with this tree under its release."""
    folder = tmp_path_factory.mktemp("repository")
    tree = support.copy_of_course(folder / "tree")
    env = support.surroundings(folder / "home")
    author = ("-c", "user.name=A Test", "-c", "user.email=test@example.org")
    release = support.course_settings()["course"]["release"]
    for command in (
        ("git", "init", "--quiet", "--initial-branch=main"),
        ("git", "add", "--all", "--force"),
        ("git", *author, "commit", "--quiet", "--message=The tree under test"),
        ("git", "tag", release),
        ("git", "clone", "--quiet", "--bare", str(tree), str(folder / "course.git")),
    ):
        subprocess.run(command, cwd=tree, env=env, check=True)
    return (folder / "course.git").as_uri()


@pytest.fixture
def colab(colab_python: Path, repository: str, tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of a kernel that takes itself for Colab's."""
    profile = tmp_path / "ipython" / "profile_default" / "startup"
    profile.mkdir(parents=True)
    (profile / "00-colab.py").write_text("import google.colab\n", encoding="utf-8")
    stand_in = shutil.copytree(HERE / "stand_in", tmp_path / "stand_in")
    return support.surroundings(
        tmp_path / "home",
        **elsewhere(repository),
        IPYTHONDIR=str(tmp_path / "ipython"),
        PATH=os.pathsep.join([str(colab_python.parent), os.environ["PATH"]]),
        PYTHONPATH=str(stand_in),
    )


def elsewhere(address: str) -> dict[str, str]:
    """Return the settings with which git finds the course's repository at `address`."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{address}.insteadOf",
        "GIT_CONFIG_VALUE_0": support.course_settings()["course"]["repository"],
    }


def test_the_environment_holds_colabs_versions(colab_python: Path) -> None:
    """Nothing has drifted from the list since the environment was built."""
    installed = {name: facts[0] for name, facts in snapshot(colab_python).items()}
    differing = {
        name: (installed.get(name), wanted)
        for name, wanted in pins().items()
        if installed.get(name) != wanted
    }
    assert not differing, f"installed, on the list: {differing}"
    assert set(SCIENTIFIC_STACK) <= set(pins())


def test_a_package_that_is_written_again_is_noticed() -> None:
    """The comparison sees an upgrade, a removal and a reinstall; not an addition."""
    before = {"numpy": ["2.1.3", 5, 1], "keras": ["3.13.2", 5, 2], "h5py": ["3", 5, 3]}
    after = {"numpy": ["2.4.6", 9, 1], "keras": ["3.13.2", 9, 4], "extra": ["1", 9, 5]}
    assert touched(before, after) == {"numpy", "keras", "h5py"}
    assert touched(before, before | {"extra": ["1", 9, 5]}) == set()


@pytest.mark.parametrize("notebook", support.days_as_parameters("colab"))
def test_a_notebook_file_alone_runs_on_colabs_versions(
    notebook: Path, colab: dict[str, str], colab_python: Path, tmp_path: Path
) -> None:
    """It fetches the course, leaves Colab's packages alone, and reaches its end.

    Then its first two code cells run once more in the same folder with a new kernel,
    as after Colab's 'Restart session': the course is already there.
    """
    if "torch" in needed(support.ROOT / notebook) and "torch" not in pins():
        pytest.skip("Colab brings PyTorch, gigabytes that this environment leaves out")
    content = tmp_path / "content"
    content.mkdir()
    alone = Path(shutil.copy2(support.ROOT / notebook, content))
    before = snapshot(colab_python)
    try:
        run_in_colab(colab_python, alone, colab)
        run_in_colab(colab_python, beginning(alone), colab)
    finally:
        after = snapshot(colab_python)
        added = set(after) - set(before)
        allowed = asked_for(colab_python, alone)
        if added:
            remove(colab_python, added)
    assert touched(before, after) == set(), "packages of Colab's own were replaced"
    assert added <= allowed, "installed beyond what the notebook asks for"


def beginning(notebook: Path) -> Path:
    """Write a notebook's bootstrap and import cells into a file beside it."""
    whole = nbformat.read(notebook, as_version=4)
    whole.cells = support.code_cells(whole)[:2]
    short = notebook.with_name("beginning.ipynb")
    nbformat.write(whole, short)
    return short


def run_in_colab(python: Path, notebook: Path, env: dict[str, str]) -> None:
    """Run a lesson to its end, on a fetched course and on Colab's versions."""
    finished, ran = support.run_notebook(python, notebook, env, probe=PROBE)
    assert finished.returncode == 0, support.tail(finished)
    probe = support.code_cells(ran)[-1]
    shown = [one.text for one in probe.outputs if one.get("name") == "stdout"]
    seen = json.loads("".join(shown))  # an old kernel sends a print in pieces
    assert seen["colab"], "the stand-in module was not loaded"
    root = Path(seen["root"])
    assert notebook.parent.resolve() in root.parents, f"the course came from {root}"
    assert (root / "course.toml").is_file()
    for name, version in seen["versions"].items():
        assert version == pins()[name], f"{name} {version} was imported"
    assert seen["versions"].keys() == set(SCIENTIFIC_STACK)
    ran.cells = [cell for cell in ran.cells if cell is not probe]
    support.assert_ran_to_the_end(ran)


def remove(python: Path, packages: set[str]) -> None:
    """Uninstall what a run added, so that the next one starts from Colab's list."""
    pip = [python, "-m", "pip", "--disable-pip-version-check", "uninstall", "--yes"]
    subprocess.run([*pip, "--quiet", *sorted(packages)], check=True)
