"""Make `.venv`, or bring it up to date, or see in a moment that there is nothing to do.

    python tools/setup_env.py [--group large] [--group test] [--day 22]

uv installs: the one on the path, else one that pip puts into `.venv`; where there is
none to be had, pip itself. `.venv/course.json` holds the hashes of the requirement
files, void until all is installed: a call that finds other hashes, or a package that
lacks a file, installs again. A refusal ends in one sentence; the status then is 1.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "course.json"
PYTHONS = ((3, 11), (3, 12), (3, 13))

if sys.version_info[:2] not in PYTHONS:
    sys.exit(
        f"The course needs Python 3.11, 3.12 or 3.13 and {sys.executable} is another: "
        "name one of these, as in `make lab PYTHON=python3.12`."
    )
sys.path.insert(0, str(ROOT / "tools"))

import installer  # noqa: E402


class Refusal(Exception):
    """The course cannot be set up; the text says why and what to do."""


def requirements(path: Path) -> list[str]:
    """Return the requirements in a file, its comments apart."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in lines]
    return [line for line in lines if line]


def normalised(requirement: str) -> str:
    """Return the name in a requirement as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]*", requirement)[0]).lower()


def is_whole(info: Path) -> bool:
    """Say whether all files that a .dist-info folder lists are there in full.

    An installation that was cut off may have left no list; scripts stand elsewhere.
    """
    try:
        with open(info / "RECORD", encoding="utf-8", newline="") as file:
            rows = [(row[0], row[2]) for row in csv.reader(file) if row[2]]
        sizes = [(path, int(size)) for path, size in rows if not path.startswith("..")]
        place = f"{info.parent}{os.sep}"
        return all(os.stat(place + path).st_size == size for path, size in sizes)
    except (OSError, ValueError, IndexError, csv.Error):
        return False


class Environment:
    """A virtual environment and the requirement files that it is to satisfy.

    Args:
        folder: where it is, or will be.
        files: requirement files; constraints.txt among them constrains the others.
        python: what makes it, where it is missing or does not work.
        pythons: the versions, (major, minor), that it may be of.
    """

    def __init__(self, folder, files, python=sys.executable, pythons=PYTHONS):
        self.folder, self.files = Path(folder).resolve(), list(files)
        self.base, self.pythons = python, pythons
        self.scripts = self.folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")

    def stamp(self) -> dict:
        """Return what was installed, nothing where that is not known."""
        try:
            stamp = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
            return {"files": dict(stamp["files"]), "packages": set(stamp["packages"])}
        except (OSError, ValueError, TypeError, KeyError):
            return {"files": {}, "packages": set()}

    def write_stamp(self, files: dict, packages: list) -> None:
        """Write down what is installed, in one step."""
        draft = self.folder / f"{STAMP}.{os.getpid()}"
        draft.write_text(json.dumps({"files": files, "packages": packages}, indent=1))
        os.replace(draft, self.folder / STAMP)

    def site_packages(self) -> Path | None:
        """Return where packages are; None for an environment that does not work."""
        ask = "import sys, sysconfig as s; print(*sys.version_info[:2], sys.prefix,"
        ask += "s.get_path('purelib'), sep='\\n')"
        answer = installer.run([self.python, "-I", "-c", ask]).stdout.splitlines()
        try:
            version, prefix, place = tuple(map(int, answer[:2])), answer[2], answer[3]
        except (IndexError, ValueError):
            return None  # no Python, or one that does not run
        # Without pyvenv.cfg the link still runs: that is the system's Python
        ours = version in self.pythons and Path(prefix).resolve() == self.folder
        return Path(place) if ours else None

    def packages(self) -> dict[Path, bool]:
        """Return {.dist-info folder: whole} of the course's packages, no others."""
        place = self.site_packages()
        ours = {normalised(line) for path in self.files for line in requirements(path)}
        found = place.glob("*.dist-info") if place else ()
        found = [info for info in found if normalised(info.name.split("-")[0]) in ours]
        return {info: is_whole(info) for info in found}

    def set_up(self) -> None:
        """Do what there is to do.

        Raises:
            Refusal: it cannot be done; the next call goes on where this one stopped.
        """
        texts = {path.name: "\n".join(requirements(path)) for path in self.files}
        hashes = {n: hashlib.sha256(t.encode()).hexdigest() for n, t in texts.items()}
        started, stamp, found = time.monotonic(), self.stamp(), self.packages()
        complete = found and {info.name for info in found} >= stamp["packages"]
        if stamp["files"] == hashes and complete and all(found.values()):
            return
        uv = installer.find_uv(self.scripts)
        if not self.site_packages():
            self.check_disk()
            self.create(uv)
        self.write_stamp(dict.fromkeys([*stamp["files"], *hashes], ""), [])
        uv = uv or installer.fetch_uv(self.python)
        how = "uv" if uv else "pip"
        print(f"Setting up {self.folder.name} with {how}.", flush=True)
        self.install(uv)
        names = sorted(info.name for info in self.packages())
        self.write_stamp(hashes, names)
        seconds = time.monotonic() - started
        print(f"Ready: {len(names)} packages after {seconds:.0f} s.", flush=True)

    def check_disk(self) -> None:
        """Refuse to begin what cannot fit; the files tell what they take, in GB."""
        place = self.folder if self.folder.is_dir() else self.folder.parent
        texts = [path.read_text(encoding="utf-8") for path in self.files]
        sizes = [re.search(r"([\d.]+) GB", text) for text in texts]
        need = sum(float(size[1]) for size in sizes if size)
        free = shutil.disk_usage(place).free / 1e9
        if free < need:
            raise Refusal(
                f"The disk is too full: the installation takes {need:.1f} GB and "
                f"{free:.1f} GB are free in {place}: make room and call again."
            )

    def create(self, uv: str | None) -> None:
        """Make the environment anew, in place."""
        inside = list(self.folder.iterdir()) if self.folder.is_dir() else []
        if inside and not {"pyvenv.cfg", STAMP} & {path.name for path in inside}:
            raise Refusal(
                f"{self.folder} is in the way and is no virtual environment: move it "
                "elsewhere, and call again."
            )
        for path in inside:
            is_tree = path.is_dir() and not path.is_symlink()
            shutil.rmtree(path) if is_tree else path.unlink()
        made = installer.run([self.base, "-m", "venv", "--without-pip", self.folder])
        bundled = [self.python, "-I", "-m", "ensurepip", "--default-pip"]
        if uv and self.site_packages():  # pip comes along for the learner's own use
            options, env = installer.for_uv(uv, self.python)
            words = [uv, "pip", "install", "--python", self.python, *options, "pip"]
            if installer.run(words, {**env, "UV_HTTP_RETRIES": "0"}).returncode:
                installer.run(bundled)
        elif not made.returncode:
            made = installer.run(bundled)
        if re.search(r"ensurepip is|No module named '?(venv|ensurepip)", made.stdout):
            raise Refusal(
                f"{self.base} lacks the module venv, which makes virtual environments: "
                "install it (python3-venv on Debian and Ubuntu), or uv, and call again."
            )
        if made.returncode or not self.site_packages():
            raise Refusal(installer.reason(made.stdout))
        with open(self.folder / "pyvenv.cfg", "a", encoding="utf-8") as file:
            file.write("relocatable = true\n")  # uv's scripts follow a moved folder

    def install(self, uv: str | None) -> None:
        """Install in the open; if that fails, mend, try once more, and tell why."""
        command, env = installer.command(uv, self.python, self.files)
        done = subprocess.run(command, env=env)
        broken = [info for info, whole in self.packages().items() if not whole]
        if done.returncode == 0 and not broken:
            return
        # What lists an absent or cut-off file must not count as installed; uv links
        # files from its store, where they are cut off as well
        for info in broken:
            shutil.rmtree(info)
        if uv and broken:
            names = [info.name.split("-")[0] for info in broken]
            installer.run([uv, "cache", "clean", *names], env)
        print("That did not succeed: trying once more.", flush=True)
        env |= {"UV_HTTP_RETRIES": "1", "PIP_RETRIES": "1"}
        done = installer.run(command, env)
        if done.returncode or not all(self.packages().values()):
            raise Refusal(installer.reason(done.stdout))


def needs_large(days: str) -> bool:
    """Say whether a notebook of these days asks for a package of the large group."""
    large = {normalised(line) for line in requirements(ROOT / "requirements-large.txt")}
    for number in re.findall(r"\d+", days):
        for notebook in ROOT.glob(f"day{int(number):02d}_*/day*.ipynb"):
            text = notebook.read_text(encoding="utf-8")
            for names in re.findall(r"packages\.need\(([^)]*)\)", text):
                if large & {normalised(name) for name in re.findall(r"[\w.-]+", names)}:
                    return True
    return False


def main(words: list[str] | None = None) -> int:
    """Return the status for the shell."""
    parser = argparse.ArgumentParser(description="Make .venv, or bring it up to date.")
    parser.add_argument("--group", action="append", default=[], help="large or test")
    parser.add_argument("--day", default="", help="bring what these days need")
    options = parser.parse_args(words)
    names = {f"requirements-{group}.txt" for group in options.group}
    try:
        if needs_large(options.day):
            names.add("requirements-large.txt")
        names |= set(Environment(ROOT / ".venv", []).stamp()["files"])
        names |= {"requirements.txt", "constraints.txt"}
        files = [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]
        Environment(ROOT / ".venv", files).set_up()
        return 0
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped; the next call goes on from here.", file=sys.stderr)
        return 130
    except OSError as error:
        print(installer.reason(f"error: {error}"), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
