"""What a day needs beyond the core: named when missing, installed in Colab alone."""

import subprocess
import sys

import pytest

from common import packages


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes packages missing."""

    def hide(*names):
        monkeypatch.setattr(packages, "installed", lambda name: name not in names)

    return hide


def test_a_day_names_what_it_needs(without):
    packages.need("numpy", "keras")
    without("keras")
    with pytest.raises(RuntimeError, match=r"^keras cannot be .*: `make lab` installs"):
        packages.need("numpy", "keras")


def test_what_is_large_comes_with_its_size_and_the_one_command(without):
    without("torch", "ray")
    text = r"^torch and ray cannot be .*: `make add` .* \d\.\d GB\. .*-large\.txt -c"
    with pytest.raises(RuntimeError, match=text):
        packages.need("torch", "ray", "keras")


def test_in_colab_what_is_missing_is_installed_in_the_courses_version(
    without, monkeypatch
):
    asked = []

    def pip(command, **options):
        asked.append(command[command.index("-q") + 1 :])
        return subprocess.CompletedProcess(command, len(asked) - 1, "", "a\nno disk")

    monkeypatch.setitem(sys.modules, "google.colab", None)
    without("keras", "ray", "uvicorn")
    monkeypatch.setattr(packages.subprocess, "run", pip)
    packages.need("numpy", "keras", "ray", "uvicorn")
    [[keras, ray, uvicorn]] = asked
    assert keras.startswith("keras==") and uvicorn.startswith("uvicorn[standard]==")
    assert ray.startswith("ray[data,") and "]==" in ray
    with pytest.raises(RuntimeError, match=r"^keras and ray cannot be installed: no d"):
        packages.need("keras", "ray")


def test_a_package_that_does_not_exist_is_not_installed():
    assert packages.installed("numpy")
    assert not packages.installed("no-such-package-anywhere")
