"""What the first cell calls: Colab keeps its packages, and the course its name."""

import subprocess
import sys
import types

import pytest

from common import ROOT, notebook


@pytest.fixture
def pip(monkeypatch):
    """Record what pip is asked for; it fails from the second time on."""
    asked = []

    def run(command, **options):
        asked.append(command[command.index("-q") + 1 :])
        return subprocess.CompletedProcess(command, len(asked) - 1, "", "a\nno disk")

    monkeypatch.setattr(notebook.subprocess, "run", run)
    return asked


def test_pip_is_asked_for_nothing_but_what_is_missing(pip):
    notebook.install_missing(["platformdirs", "json"])
    assert pip == []
    notebook.install_missing(["platformdirs", "no_such_package"])
    assert pip == [["no_such_package"]]
    with pytest.raises(RuntimeError, match=r"^no_such_package .*installed: no disk$"):
        notebook.install_missing(["no_such_package"])


def test_pip_may_replace_none_of_the_packages_at_hand(monkeypatch, tmp_path):
    monkeypatch.setattr(notebook.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("PIP_CONSTRAINT", "another")
    notebook.keep_own_packages()
    [kept] = tmp_path.iterdir()
    assert notebook.os.environ["PIP_CONSTRAINT"] == str(kept)
    import numpy

    assert f"numpy=={numpy.__version__}" in kept.read_text(encoding="utf-8").split()


def test_the_course_is_imported_by_its_place(monkeypatch):
    """Another `common` goes, with its parts; the path ends with the course's root."""
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(ROOT)])
    kept = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "common"}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    for name in ("common", "common.part", "common.plots"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    notebook.bind("common")
    assert sys.modules["common"].ROOT == ROOT
    assert "common.part" not in sys.modules and "common.plots" not in sys.modules
    assert sys.path[-1] == str(ROOT) and sys.path.count(str(ROOT)) == 1
    bound = sys.modules["common"]
    notebook.bind("common")
    assert sys.modules["common"] is bound
    assert sys.path.count(str(ROOT)) == 1
    for name, module in kept.items():
        monkeypatch.setitem(sys.modules, name, module)


def test_a_gpu_computes_in_float32_unless_the_user_says_otherwise(monkeypatch):
    names = ("NVIDIA_TF32_OVERRIDE", "JAX_DEFAULT_MATMUL_PRECISION")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    notebook.compute_in_float32()
    assert [notebook.os.environ[name] for name in names] == ["0", "float32"]
    monkeypatch.setenv(names[1], "tensorfloat32")
    notebook.compute_in_float32()
    assert notebook.os.environ[names[1]] == "tensorfloat32"
