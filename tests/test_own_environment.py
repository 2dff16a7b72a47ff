"""An environment of its own, made when asked for; a script plays the part of uv."""

from __future__ import annotations

import os
import sys

import pytest

from common import packages

posix = pytest.mark.skipif(
    os.name == "nt", reason="the script that plays uv is a shell's"
)

UV = """#!/bin/sh
echo "$@" >> "{log}"
{fails}
test "$1" = venv || exit 0
for last; do :; done
mkdir -p "$last/bin"
: > "$last/bin/python"
"""


@pytest.fixture
def pins(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("litserve==1\n")
    return path


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """Put a uv on the path; return how to change it, and what it was asked."""
    log = tmp_path / "asked"

    def put(fails=""):
        script = tmp_path / "bin" / "uv"
        script.parent.mkdir(exist_ok=True)
        script.write_text(UV.format(log=log, fails=fails))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}/usr/bin:/bin")
        return lambda: log.read_text().splitlines() if log.exists() else []

    return put


@posix
def test_it_is_made_once_from_the_pins(course_home, pins, uv):
    asked = uv()
    python = packages.own_environment("peers", pins, install=True)
    assert python == course_home / "environments" / "peers" / "bin" / "python"
    make, fill = asked()
    assert make.startswith("venv ") and sys.executable in make
    assert str(pins) in fill and str(python) in fill
    assert packages.own_environment("peers", pins, install=False) == python
    assert packages.own_environment("peers", pins, install=True) == python
    assert len(asked()) == 2, "the second time it is there"


@posix
def test_it_is_not_made_unasked(course_home, pins, uv, capsys):
    asked = uv()
    assert packages.own_environment("peers", pins, install=False) is None
    assert asked() == [] and not (course_home / "environments").exists()
    assert "left out" in capsys.readouterr().out


@posix
def test_other_pins_are_another_environment(course_home, pins, uv):
    asked = uv()
    packages.own_environment("peers", pins, install=True)
    pins.write_text("litserve==2\n")
    assert packages.own_environment("peers", pins, install=False) is None
    assert packages.own_environment("peers", pins, install=True) is not None
    assert len(asked()) == 4


@posix
def test_what_cannot_be_made_is_left_out_with_its_reason(course_home, pins, uv, capsys):
    uv('case "$1" in pip) echo "error: no network" >&2; exit 2;; esac')
    assert packages.own_environment("peers", pins, install=True) is None
    assert "(error: no network)" in capsys.readouterr().out
    uv()
    assert packages.own_environment("peers", pins, install=False) is None, "half of one"
    assert packages.own_environment("peers", pins, install=True) is not None


def test_without_uv_it_is_left_out(course_home, pins, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert packages.own_environment("peers", pins, install=True) is None
    assert "uv is not on the path" in capsys.readouterr().out
