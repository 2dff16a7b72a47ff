"""uv, or pip where there is no uv: the command that installs, and what it says.

uv reads none of pip's files and variables, by design. Where a person, a company or a
classroom has told pip of an index, a folder of wheels, a certificate or a constraint,
uv is told the same.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

UV, OLDEST_UV = "uv==0.13.9", (0, 9)
TORCH_CPU = "https://download.pytorch.org/whl/cpu"

HANDED_ON = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
"""pip's settings, and the variables that tell uv the same."""

LEAD_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")

REASONS = {
    r"No space left|Errno 28|os error (28|112|122)|WinError 112|[Qq]uota exceeded": (
        "The disk is full: make room and call again, and the installation goes on "
        "where it stopped."
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLCertVerification|invalid peer certificate": (
        "The package index shows a certificate that is not trusted, as happens behind "
        "a company's proxy: set PIP_CERT to the company's certificate file and call "
        "again."
    ),
    r"40[137] Client Error|Unauthorized|Forbidden|Proxy Authentication": (
        "The package index refuses access: put its address with your name and password "
        "into pip's configuration (`pip config list` shows it) and call again."
    ),
    r"error sending request|dns error|[Tt]imed? ?out|Max retries|NewConnectionError"
    r"|[Cc]onnection (refused|reset|aborted|broken)|ProxyError|name resolution"
    r"|unreachable|IncompleteRead|error decoding response|HTTP status server error": (
        "The packages could not be fetched, since the package index does not answer: "
        "connect to the internet and call again, or point pip to an index or a folder "
        "of wheels that can be reached (PIP_INDEX_URL, PIP_FIND_LINKS)."
    ),
    r"No solution found|No matching distribution|ResolutionImpossible|has no wheels": (
        "The package index lacks a version that fits, as named above (`pip config "
        "list` shows the index): for Intel Macs, Alpine and 32-bit Pythons there is no "
        "TensorFlow, so open the notebooks in Colab there."
    ),
}
"""What uv, pip or the system say, and the sentence that tells what to do."""


def run(command: list, env: dict | None = None) -> subprocess.CompletedProcess:
    """Run a command to its end, all that it prints kept in `stdout`."""
    command, pipe = [str(word) for word in command], subprocess.PIPE
    try:
        return subprocess.run(
            command, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, f"error: {error}")


def reason(output: str) -> str:
    """Return one sentence on why an installation failed."""
    for pattern, sentence in REASONS.items():
        if re.search(pattern, output):
            return sentence
    errors = re.findall(r"(?im)^[^\w\n]*(?:error|cause)\b.*", output)
    last = (errors or output.split("\n"))[-1].strip(" .") or "no reason was given"
    return f"The packages could not be installed: {last}."


def pip_settings(python: Path) -> dict[str, str]:
    """Return what pip's files and variables say, as `{"index-url": ...}`.

    The pip that tells is the one of `python`, or of the Python that runs this.
    """
    for pip in (python, sys.executable):
        listing = run([pip, "-m", "pip", "config", "list"])
        if listing.returncode == 0:
            break
    listing, found = listing.stdout, {}
    for section in ("global", "install"):
        for key, value in re.findall(rf"(?m)^{section}\.([\w-]+)=(.+)$", listing):
            found[key] = ast.literal_eval(value)
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value:
            found[name[4:].lower().replace("_", "-")] = value
    return found


def find_uv(scripts: Path) -> str | None:
    """Return a uv that runs and is not too old: on the path, or in an environment."""
    for uv in ("uv", str(scripts / "uv")):
        version = re.match(r"uv (\d+)\.(\d+)", run([uv, "--version"]).stdout)
        if version and (int(version[1]), int(version[2])) >= OLDEST_UV:
            return uv
    return None


def fetch_uv(python: Path) -> str | None:
    """Let pip put uv into an environment; return it, None where it is not to be had."""
    pip = [python, "-m", "pip", "install", "--retries", "1", UV]
    fetched = run(pip, for_pip()).returncode == 0
    return find_uv(python.parent) if fetched else None


def for_uv(uv: str, python: Path) -> tuple[list[str], dict[str, str]]:
    """Return the options and the variables with which uv does what pip is told."""
    env, settings = dict(os.environ), pip_settings(python)
    for key, variable in HANDED_ON.items():
        if settings.get(key):
            separator = "," if key == "find-links" else " "
            env.setdefault(variable, separator.join(settings[key].split()))
    if settings.get("extra-index-url"):  # pip takes the best that any index has
        env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    store = Path(run([uv, "cache", "dir"]).stdout.strip() or ".").absolute()
    while not store.exists():
        store = store.parent
    if not os.access(store, os.W_OK):  # a home that cannot be written
        env.setdefault("UV_NO_CACHE", "1")
    files = settings.get("constraint", "").split()
    options = [word for file in files for word in ("-c", file)]
    off = settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
    return options + ["--no-index"] * off, env


def for_pip() -> dict[str, str]:
    """Return the variables for pip, less those that lead it out of an environment."""
    env = {key: text for key, text in os.environ.items() if key not in LEAD_ELSEWHERE}
    return {**env, "PIP_USER": "0", "PIP_NO_INPUT": "1"}


def command(
    uv: str | None, python: Path, files: list[Path]
) -> tuple[list[str], dict[str, str]]:
    """Return the command that installs requirement files, and its variables."""
    if uv:
        options, env = for_uv(uv, python)
        words = [uv, "pip", "install", "--python", str(python), *options]
    else:
        words, env = [str(python), "-m", "pip", "install"], for_pip()
    limits = [path for path in files if path.name == "constraints.txt"]
    words += [word for path in limits for word in ("-c", str(path))]
    if any(path.name == "requirements-large.txt" for path in files):
        env |= torch_build(words, env, uv)
    others = [path for path in files if path not in limits]
    return words + [word for path in others for word in ("-r", str(path))], env


def torch_build(words: list[str], env: dict, uv: str | None) -> dict[str, str]:
    """Return the variables that get PyTorch's CPU build, on Linux without a GPU."""
    if sys.platform != "linux" or shutil.which("nvidia-smi"):
        return {}
    words = [*words, "--no-deps", "torch"]
    if not uv:  # pip fetches it here, where that is possible
        run([*words, "--index-url", TORCH_CPU], {**env, "PIP_RETRIES": "0"})
        return {}
    for choice in ({}, {"UV_TORCH_BACKEND": "cpu"}):
        plan = run([*words, "--dry-run"], {"UV_HTTP_RETRIES": "0", **env, **choice})
        if re.search(r"\+ torch==\S+\+cpu", plan.stdout):
            return choice
    return {}
