"""What a day needs beyond the core: named when missing, installed in Colab alone."""

import subprocess
import sys

import pytest

from common import packages


def test_a_day_names_what_it_needs(monkeypatch):
    packages.need("numpy", "keras")
    monkeypatch.setattr(packages, "installed", lambda name: name != "keras")
    with pytest.raises(RuntimeError, match=r"^keras cannot be .*pip install keras==3"):
        packages.need("numpy", "keras")


def test_in_colab_what_is_missing_is_installed_in_the_courses_version(monkeypatch):
    asked = []

    def pip(command, **options):
        asked.append(command[command.index("-q") + 1 :])
        return subprocess.CompletedProcess(command, len(asked) - 1, "", "a\nno disk")

    monkeypatch.setitem(sys.modules, "google.colab", None)
    monkeypatch.setattr(packages, "installed", lambda name: name == "numpy")
    monkeypatch.setattr(packages.subprocess, "run", pip)
    packages.need("numpy", "keras")
    [[pin]] = asked
    assert pin.startswith("keras==")
    with pytest.raises(RuntimeError, match=r"^keras cannot be installed: no disk$"):
        packages.need("keras")


def test_a_package_that_does_not_exist_is_not_installed():
    assert packages.installed("numpy")
    assert not packages.installed("no-such-package-anywhere")
