"""Git and DVC as in a terminal, in a scratch folder, with nobody's own settings.

    terminal = Terminal(scratch / "reviews", root=scratch)
    terminal("git init -q -b main", "dvc init -q", "dvc add data")

prints each command and its answer. The user's name, signing key, hooks and ignore
files do not reach the scratch repository, and nothing done in it reaches them. DVC's
usage statistics are off.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple
from unittest import mock

_AUTHOR = "A. Learner"
_ADDRESS = "learner@example.org"
_STARTS_PROGRAMS = ("repro", "exp")
"""DVC commands whose children write to the process's own standard output."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PROGRESS = re.compile(r"[^\n\r]*\r(?!\n)")


class Answer(NamedTuple):
    """What a command came to."""

    status: int
    """0 if it did what it was asked for."""
    text: str
    """All that it printed, without colours and without a path of this machine."""


class Terminal:
    """A working folder in which git and dvc commands are run."""

    def __init__(self, folder: Path, root: Path | None = None):
        """Create the folder if it is missing.

        Args:
            folder: where the commands run.
            root: a scratch folder around it; the settings of git and DVC that stand in
                for the user's lie in it, and its path is left out of every answer.

        Raises:
            RuntimeError: git is not installed.
        """
        if shutil.which("git") is None:
            raise RuntimeError(
                "git is not installed, and this day works in a git repository: install "
                "it (git-scm.com says how), restart the kernel, and run all cells."
            )
        self.folder = Path(folder)
        self.root = Path(root) if root is not None else self.folder.parent
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, *lines: str) -> None:
        """Run commands one after another; print each, and its answer, as they come."""
        for line in lines:
            print(f"$ {line}")
            status, text = self.run(line)
            if text:
                print(text)
            if status:
                print(f"(exit status {status})")

    def ask(self, line: str) -> str:
        """Run a command that has to succeed; return what it printed.

        Raises:
            RuntimeError: it did not.
        """
        status, text = self.run(line)
        if status:
            raise RuntimeError(f"{line} failed with exit status {status}: {text}")
        return text

    def run(self, line: str) -> Answer:
        """Run one command, for example `"dvc add data"`; it may fail.

        `git`, `python` (this one) and other programs are started. Most of DVC is called
        in this process, by the function that its own command calls: a start of Python
        and DVC takes a second, and so only those that start programs get one.
        """
        words = shlex.split(line)
        if words[0] == "dvc" and words[1] not in _STARTS_PROGRAMS:
            status, text = self._dvc(words[1:])
        else:
            status, text = self._program(words)
        return Answer(status, self._tidy(text))

    def _program(self, words: list[str]) -> tuple[int, str]:
        own = {"dvc": [sys.executable, "-m", "dvc"], "python": [sys.executable]}
        done = subprocess.run(
            own.get(words[0], words[:1]) + words[1:],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        return done.returncode, done.stdout

    def _dvc(self, words: list[str]) -> tuple[int, str]:
        from dvc.cli import main

        said = io.StringIO()
        loggers = [logging.getLogger(name) for name in ("dvc", "dvc_objects")]
        handlers = [
            handler
            for logger in loggers
            for handler in logger.handlers
            if isinstance(handler, logging.StreamHandler)
        ]
        streams = [handler.stream for handler in handlers]
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            warnings.catch_warnings(action="ignore"),  # for DVC's developers
            # In a notebook these two would write past the redirection, into the cell
            mock.patch("rich.console._is_jupyter", return_value=False),
            mock.patch("dvc.ui.disable_colorama", contextlib.nullcontext),
        ):
            try:
                for handler in handlers:
                    handler.setStream(said)
                status = main(words)
            finally:
                for handler, stream in zip(handlers, streams, strict=True):
                    handler.setStream(stream)
        return status, said.getvalue()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that commands see: without the user's own git and DVC."""
        settings = self.root / ".settings" / self.folder.name
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "DVC_", "CLICOLOR", "FORCE_COLOR"))
        }
        python = str(Path(sys.executable).parent)
        return kept | {
            "PATH": os.pathsep.join([python, kept.get("PATH", os.defpath)]),
            "LC_ALL": "C.UTF-8",  # answers in English
            "NO_COLOR": "1",
            "TERM": "dumb",  # no spinners
            "XDG_CONFIG_HOME": str(settings),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": _AUTHOR,
            "GIT_AUTHOR_EMAIL": _ADDRESS,
            "GIT_COMMITTER_NAME": _AUTHOR,
            "GIT_COMMITTER_EMAIL": _ADDRESS,
            "DVC_NO_ANALYTICS": "1",
            "DVC_STUDIO_OFFLINE": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(settings / "dvc"),
            "DVC_SYSTEM_CONFIG_DIR": str(settings / "dvc-system"),
            "DVC_SITE_CACHE_DIR": str(settings / "dvc-cache"),
        }

    def _tidy(self, text: str) -> str:
        text = _PROGRESS.sub("", _COLOURS.sub("", text))
        for root in {str(self.root), str(self.root.resolve())}:
            text = text.replace(root + os.sep, "").replace(root, ".")
        # A record refuses warnings among a notebook's outputs: they are its own faults.
        # These are DVC's answers, and part of the lesson.
        text = re.sub(r"^WARNING: ", "dvc warns: ", text, flags=re.M)
        lines = (line.rstrip() for line in text.expandtabs(4).splitlines())
        return re.sub(r"\n\n+", "\n", "\n".join(lines)).strip("\n")
