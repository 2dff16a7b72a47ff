"""Open JupyterLab on the README and Day 1: what `make lab` runs once `.venv` is ready.

    python tools/lab.py [--port 8888] [--ip ADDRESS] [--day 1] [--no-browser]

The two tabs come from a JupyterLab workspace of the course's own, kept in `.lab/`: the
layout that a learner leaves is the layout of the next start, and the learner's default
workspace and settings are not touched. Without a screen the address is printed, and
JupyterLab serves until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import runpy
import signal
import sys
import webbrowser
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common import course_home  # noqa: E402
from common.homes import can_be_written  # noqa: E402
from tools import console, places  # noqa: E402
from tools.course import CourseError, find_day  # noqa: E402

STATE = ROOT / ".lab"

OVERRIDES = {
    # A click on a README shows the page, not its source
    "@jupyterlab/docmanager-extension:plugin": {
        "defaultViewers": {"markdown": "Markdown Preview"}
    },
    # No question about news over the first lesson, and no call to the outside
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}
"""JupyterLab's defaults in this environment; a person's own settings still win."""


def main(words: list[str] | None = None) -> int:
    """Serve until Ctrl-C; return the exit status."""
    console.write_anything()
    options = arguments(words)
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this .venv's own kernel
    notebook = notebook_of(options.day)
    try:
        said = places.for_jupyter()
        state = state_folder(said)
        address = lay_out(notebook, options.day is not None, state)
    except OSError as error:
        refuse(f"JupyterLab finds no place for its own files: {error}.")
    print(*said, sep="\n", end="\n" * bool(said), flush=True)
    set_defaults()
    serve(options, address, state)
    return 0


def state_folder(said: list[str]) -> Path:
    """Return where the layout of the tabs is kept; add a sentence if not at home."""
    if can_be_written(STATE):
        return STATE
    said.append(
        "The course's folder cannot be written: JupyterLab opens it, but saves nothing "
        "in it. Copy the course to a folder of your own to keep what you do."
    )
    return course_home() / "lab"


def arguments(words: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Open JupyterLab on the course.")
    parser.add_argument("--port", default="8888")
    parser.add_argument("--ip", default="localhost", help="0.0.0.0 in a container")
    parser.add_argument("--day", help="open this day instead of Day 1")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args(words)
    # Where a port is taken, Jupyter tries others up to a hundred beyond
    if not options.port.isdecimal() or not 0 < int(options.port) < 65400:
        refuse(f"PORT is {options.port!r}: give a number from 1024 to 65399.")
    options.port = int(options.port)
    return options


def refuse(sentence: str) -> NoReturn:
    """End with one sentence and status 1."""
    print(sentence, file=sys.stderr)
    sys.exit(1)


def notebook_of(day: str | None) -> str | None:
    """Return the notebook to open, relative to the root; None where there is none.

    A day that was asked for has to exist; Day 1 is opened if it is there.
    """
    try:
        return find_day(day or "1", ROOT).relative_to(ROOT).as_posix()
    except CourseError as error:
        if day is not None:
            refuse(str(error))
        return None


def lay_out(notebook: str | None, asked: bool, state: Path | None = None) -> str:
    """Write the course's workspace where there is none; return the page to open.

    The workspace's name holds the folder's address, since two clones of the course
    may be open in one browser.
    """
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
    name = f"forty-days-{digest}"
    folder = (state or STATE) / "workspaces"
    folder.mkdir(parents=True, exist_ok=True)
    manager = WorkspacesManager(str(folder))
    known = any(item["metadata"]["id"] == name for item in manager.list_workspaces())
    if not known:
        workspace = {"data": layout(notebook), "metadata": {"id": name}}
        manager.save(name, json.dumps(workspace))
    page = f"/lab/workspaces/{name}"
    if asked and known and notebook:
        page += f"/tree/{quote(notebook)}"
    return page


def layout(notebook: str | None) -> dict[str, Any]:
    """Return JupyterLab's description of the tabs: README as a page, then the day."""
    readme = {"path": "README.md", "factory": "Markdown Preview"}
    tabs: dict[str, Any] = {"markdownviewer-widget:README.md": {"data": readme}}
    if notebook:
        tabs[f"notebook:{notebook}"] = {
            "data": {"path": notebook, "factory": "Notebook"}
        }
    area = {"type": "tab-area", "currentIndex": 0, "widgets": list(tabs)}
    main = {"dock": area, "current": next(iter(tabs))}
    sides = {
        "left": {
            "collapsed": False,
            "current": "filebrowser",
            "widgets": ["filebrowser", "running-sessions", "@jupyterlab/toc:plugin"],
        },
        "right": {"collapsed": True, "widgets": []},
        "relativeSizes": [0.18, 0.82, 0],
    }
    return {
        "layout-restorer:data": {"main": main, **sides},
        "file-browser-filebrowser:cwd": {"path": ""},
        **tabs,
    }


def set_defaults() -> None:
    """Write the course's defaults into `.venv`, never into a person's settings.

    Outside an environment of its own (the plain commands under a shared Python) the
    defaults are left as they are.
    """
    if sys.prefix == sys.base_prefix:
        return
    place = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings"
    with contextlib.suppress(OSError):  # an environment of somebody else's
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(OVERRIDES, indent=2) + "\n"
        (place / "overrides.json").write_text(text, encoding="utf-8")


def has_screen() -> bool:
    """Say whether a browser window can be opened from here."""
    if os.environ.get("BROWSER"):
        return True
    graphic = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not graphic:
        return False  # a browser found here would be one for the terminal
    if os.environ.get("SSH_CONNECTION") and not graphic:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def redirect_file_is_readable() -> bool:
    """Say whether the browser can read Jupyter's start page in a hidden folder.

    Browsers from the snap store may not, and neither may Windows' browsers outside
    of WSL; they get the address itself.
    """
    snap = any(Path("/snap/bin", name).exists() for name in ("firefox", "chromium"))
    return not snap and "microsoft" not in platform.release().lower()


def serve(options: argparse.Namespace, page: str, state: Path) -> None:
    """Run the server in this process until it is told to end."""
    from jupyterlab.labapp import LabApp

    browser = not options.no_browser and has_screen()
    settings = [
        f"--ServerApp.ip={options.ip}",
        f"--ServerApp.port={options.port}",  # or the next one that is free
        f"--ServerApp.root_dir={ROOT}",
        f"--ServerApp.open_browser={browser}",
        f"--ServerApp.use_redirect_file={redirect_file_is_readable()}",
        "--ServerApp.answer_yes=True",
        f"--ServerApp.allow_root={hasattr(os, 'geteuid') and os.geteuid() == 0}",
        f"--ServerApp.default_url={page}",
        f"--LabApp.default_url={page}",
        f"--LabApp.workspaces_dir={state / 'workspaces'}",
        "--LabApp.news_url=",
        "--KernelManager.transport_encryption=auto",  # and kernels do not warn
        "--Application.log_level=ERROR",
    ]
    os.chdir(ROOT)
    try:
        server = LabApp.initialize_server(argv=settings)
    except OSError as error:
        refuse(f"JupyterLab cannot listen on {options.ip}: {error.strerror or error}.")
    except SystemExit:  # it has told that it finds no port
        refuse("Name another port, as in `make lab PORT=9500`.")
    # Jupyter's own notice of the address is ten lines long
    generated = server.identity_provider.token_generated
    server.identity_provider.token_generated = False

    def announce() -> None:
        server.identity_provider.token_generated = generated
        if server.port != options.port:
            print(f"Port {options.port} is taken: using port {server.port}.")
        local = options.ip in ("localhost", "127.0.0.1", "::1")
        print(f"JupyterLab: {server.public_url if local else server.local_url}")
        if not browser:
            hint = remote_hint(options.ip, server.port)
            print(f"Open it in a browser. {hint}".rstrip())
        print("Ctrl-C ends it.", flush=True)

    server.io_loop.add_callback(announce)  # once it listens
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(
                getattr(signal, name), lambda *_: server.stop(from_signal=True)
            )
    server.start()
    print("JupyterLab has ended.")


def remote_hint(ip: str, port: int) -> str:
    """Return how to reach a machine without a screen from one that has one."""
    if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")):
        how = f"publish port {port} and start with `make lab IP=0.0.0.0`."
        return f"In a container: {how}" if ip == "localhost" else ""
    if os.environ.get("SSH_CONNECTION"):
        return f"From your own machine: ssh -L {port}:localhost:{port} <this machine>."
    return ""


if __name__ == "__main__":
    sys.exit(main())
