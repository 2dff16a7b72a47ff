"""What a user has set elsewhere, settled for a lesson: Matplotlib, Keras, a proxy.

`MPLBACKEND` in a shell makes every figure of a notebook vanish, without a word; a
`keras.json` of another project changes the image format or the float type, or names a
backend that is not installed; a proxy is asked for servers on this very machine. A
lesson is the same for everybody, so `settle` sets such settings aside, in this process
and those that it starts, and says which. No file of the user's is changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from common import homes

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

INLINE = "module://matplotlib_inline.backend_inline"
_DRAWN_IN_NOTEBOOKS = {
    INLINE,
    "inline",
    "ipympl",
    "module://ipykernel.pylab.backend_inline",
    "module://ipympl.backend_nbagg",
    "nbagg",
    "notebook",
    "widget",
}

KERAS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
"""Keras' own defaults, which the lessons are written for."""

_UNDERSTOOD = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_first", "channels_last"),
}
BACKENDS = ("tensorflow", "jax", "torch")


def settle() -> str:
    """Set aside what a user has set elsewhere; call it before Keras is imported.

    Returns:
        What to tell: a sentence that names what was set aside, one that says where
        the learner's files go if not home; "" where there is nothing.

    Raises:
        RuntimeError: see `choose_backend` and `keras_json`.
    """
    moved = homes.find_home()
    homes.find_place_for_matplotlib()
    spare_loopback()
    aside = [*settle_backend_of_matplotlib(), *choose_backend()]
    path, found = keras_json()
    others = [f"{name} {found[name]}" for name in KERAS if _differs(found, name)]
    if others:
        aside.append(f"{' and '.join(others)} of {_short(path)}")
    said = [f"Set aside in this notebook: {'; '.join(aside)}."] if aside else []
    return "\n".join([moved] * bool(moved) + said)


def spare_loopback() -> None:
    """Have every client here, and in programs started from here, ask no proxy for
    this machine itself.

    A user's `NO_PROXY=localhost` does not help where a server's address is
    127.0.0.1; a proxy's refusal would look like a server that does not start.
    """
    for name in ("NO_PROXY", "no_proxy"):
        set_by_user = os.environ.get(name, os.environ.get("no_proxy", ""))
        hosts = [host.strip() for host in set_by_user.split(",") if host.strip()]
        if "*" not in hosts:
            more = [host for host in _LOOPBACK if host not in hosts]
            os.environ[name] = ",".join(hosts + more)


def settle_backend_of_matplotlib() -> list[str]:
    """Draw figures inline where a notebook's kernel runs this; return what was set."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    asked = os.environ.get("MPLBACKEND") or INLINE
    if not hasattr(shell, "kernel") or asked in _DRAWN_IN_NOTEBOOKS:
        return []
    os.environ["MPLBACKEND"] = INLINE
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].use(INLINE)
    return [f"MPLBACKEND={asked}"]


def choose_backend() -> list[str]:
    """Let Keras compute with TensorFlow where keras.json names what is not there.

    Returns:
        What was set aside.

    Raises:
        RuntimeError: the backend that `KERAS_BACKEND` asks for is not installed, or
            not one that the course runs on.
    """
    asked = os.environ.get("KERAS_BACKEND")
    path, found = keras_json()
    name = asked or found.get("backend", BACKENDS[0])
    if name in BACKENDS and importlib.util.find_spec(name) is not None:
        return []
    if asked:
        raise RuntimeError(
            f"KERAS_BACKEND is {asked!r}, which is not installed or not one of "
            f"{', '.join(BACKENDS)}: leave it unset for {BACKENDS[0]}."
        )
    os.environ["KERAS_BACKEND"] = BACKENDS[0]
    return [f"the backend {name} of {_short(path)}"]


def keras_json() -> tuple[Path, dict[str, Any]]:
    """Return the path of the user's keras.json, and what it says, if anything.

    Raises:
        RuntimeError: Keras itself refuses the file, with a traceback.
    """
    home = Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")
    path = Path(os.environ.get("KERAS_HOME") or home / ".keras", "keras.json")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Keras takes its defaults
        return path, {}
    values = found if isinstance(found, dict) else {"file": found}
    for name, value in values.items():
        understood = _UNDERSTOOD.get(name, (value,))
        wrong_epsilon = name == "epsilon" and not isinstance(value, float)
        if name == "file" or value not in understood or wrong_epsilon:
            raise RuntimeError(
                f"Keras does not understand {name} {value!r} in {_short(path)}: "
                "correct the file, or remove it."
            )
    return path, found


def settle_keras() -> None:
    """Set the float type, the image format and the precision policy of the lessons."""
    import keras

    keras.config.set_floatx(KERAS["floatx"])
    keras.config.set_epsilon(KERAS["epsilon"])
    keras.config.set_image_data_format(KERAS["image_data_format"])
    keras.config.set_dtype_policy(KERAS["floatx"])


def _differs(found: dict[str, Any], name: str) -> bool:
    return found.get(name, KERAS[name]) != KERAS[name]


def _short(path: Path) -> str:
    """Return a path with ~ for the user's home folder."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)
