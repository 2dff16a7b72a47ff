"""Make `.venv`, or repair it, or see in a moment that there is nothing to do.

    python tools/setup_env.py [--with-tests]

Runs under the system's own Python, with nothing installed. Written so that any
Python, 2.7 included, can read it: a version that cannot run the course has to be able
to say so. Every refusal is one sentence on standard error and a status of 1.

How it knows what to do: `.venv/course.json` is the stamp, written at the very end. It
holds the hashes of the requirement files. A missing or different stamp means that pip
has to run; so does an installed file that is gone or cut off. Whatever an interrupted
pip left half-written is taken out first, since pip itself would take it for installed.
"""

from __future__ import print_function

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAMP, UNFINISHED, LOG = "course.json", "course-unfinished", "course-install.log"

GB = 1024**3
NEEDED_GB = {"lab": 3.0, "tests": 4.7}
"""What an installation takes on the disk, in GB (measured, torch as its CPU build)."""
WHEELS_GB = {"lab": 0.9, "tests": 1.3}
"""What pip keeps in its temporary folder meanwhile."""

DISK_FULL = (
    "No space left on device",
    "[Errno 28]",
    "[WinError 112]",
    "not enough space on the disk",
    "Disk quota exceeded",
)
CERTIFICATE = ("CERTIFICATE_VERIFY_FAILED", "SSLCertVerificationError")
ACCESS_REFUSED = ("401 Client Error", "403 Client Error", "407 Proxy Auth")
BROKEN_DOWNLOAD = ("DO NOT MATCH THE HASHES", "IncompleteRead", "is not a zip file")
NO_NETWORK = (
    "Failed to establish a new connection",
    "NewConnectionError",
    "NameResolutionError",
    "name resolution",
    "nodename nor servname",
    "getaddrinfo failed",
    "ConnectTimeout",
    "ConnectionResetError",
    "Connection aborted",
    "Connection refused",
    "Connection broken",
    "Read timed out",
    "ReadTimeout",
    "Network is unreachable",
    "Max retries exceeded",
    "Cannot connect to proxy",
    "ProxyError",
)
NOT_FOUND = re.compile(
    r"No matching distribution found for (?P<plain>[^\s(]+)"
    r"|Cannot install (?P<constrained>\S+) because .*\n\n.*\n"
    r"    The user requested (?P=constrained)\n"
    r"    The user requested \(constraint\) (?P=constrained)\n"
)
"""How pip says that the index lacks a package, without a constraint and with one."""


class Refusal(Exception):
    """The course cannot be set up; the text says why and what to do."""


# --- the machine -----------------------------------------------------------------


def check_interpreter():
    """Refuse a Python that has no TensorFlow wheel."""
    version = tuple(sys.version_info[:2])
    name = "Python {0}.{1}".format(*version)
    if version < OLDEST or version > NEWEST:
        raise Refusal(
            "The course needs Python 3.11, 3.12 or 3.13 and this is {0} ({1}), which "
            "is too {2}: install one of the three{3}, then call again, or name it as "
            "in `make lab PYTHON=/path/to/python3.12`.".format(
                name,
                sys.executable,
                "old" if version < OLDEST else "new for TensorFlow",
                how_to_get_python(),
            )
        )
    if sys.maxsize < 2**32:
        raise Refusal(
            "TensorFlow needs a 64-bit Python and {0} is a 32-bit one: install the "
            "64-bit Python from https://www.python.org/downloads/.".format(
                sys.executable
            )
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise Refusal(
            "TensorFlow 2.21 has no package for {0}: open the notebooks in Colab "
            "instead (the badge at the top of each).".format(
                "Python running under Rosetta, so install the arm64 Python"
                if "ARM64" in platform.version()
                else "Macs with an Intel processor"
            )
        )
    if sys.platform.startswith("linux") and platform.libc_ver()[0] == "":
        if any(name.startswith("ld-musl") for name in listdir("/lib")):
            raise Refusal(
                "TensorFlow has no package for Linux with musl (Alpine): use a "
                "Debian, Ubuntu or Fedora system or image."
            )


def how_to_get_python():
    """Return a hint that fits this system."""
    if sys.platform == "darwin":
        return " (`brew install python@3.12`, or python.org/downloads)"
    if os.name == "nt":
        return " (`winget install Python.Python.3.12`, or python.org/downloads)"
    if os.path.exists("/etc/debian_version"):
        return (
            " (`sudo apt install python3.12 python3.12-venv` where your release has "
            "them, else pyenv or uv)"
        )
    return " (with your package manager, pyenv or uv)"


def check_venv_modules():
    """Refuse a Python without venv and ensurepip, as Debian delivers it."""
    try:
        import ensurepip
        import venv

        return ensurepip, venv
    except ImportError as error:
        package = "python{0}.{1}-venv".format(*sys.version_info[:2])
        raise Refusal(
            "This Python ({0}) lacks the module {1}, which makes virtual environments: "
            "install it{2}, then call again.".format(
                sys.executable,
                getattr(error, "name", None) or "venv",
                " with `sudo apt install {0}`".format(package)
                if sys.platform.startswith("linux")
                else " by installing Python from https://www.python.org/downloads/",
            )
        )


def check_disk(venv, size, present):
    """Refuse to begin what cannot fit; `present` bytes are there already."""
    try:
        temporary = tempfile.gettempdir()
    except (IOError, OSError):
        raise Refusal(
            "The disk is full, since not even a temporary file can be written: make "
            "room, or set TMPDIR to a folder on another disk, and call again."
        )
    place = existing(venv)
    whole = max(NEEDED_GB[size] * GB - present, 0.2 * GB)
    wheels = WHEELS_GB[size] * GB * min(1.0, whole / (NEEDED_GB[size] * GB))
    if os.stat(place).st_dev == os.stat(temporary).st_dev:
        whole += wheels
    else:
        refuse_if_full(temporary, wheels, "for a while ", ", or set TMPDIR to another")
    refuse_if_full(place, whole, "", "")


def refuse_if_full(folder, need, how, instead):
    """Refuse where fewer bytes than needed are free."""
    free = shutil.disk_usage(folder).free
    if free < need:
        raise Refusal(
            "The disk is too full: the installation needs {0:.1f} GB {1}in {2}, and "
            "{3:.1f} GB are free: make room{4}, and call again.".format(
                need / GB, how, folder, free / GB, instead
            )
        )


# --- small things ----------------------------------------------------------------


def listdir(path):
    """Return the names in a folder, none where it cannot be read."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def existing(path):
    """Return the nearest folder above that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def shown(path):
    """Return a path as a person in this folder would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def size_of(folder):
    """Return the bytes of all files below a folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total


def normalised(requirement):
    """Return the name in a requirement as package indexes compare it."""
    name = re.match(r"[\w.-]*", requirement.strip()).group()
    return re.sub(r"[-_.]+", "-", name).lower()


def fingerprint(path):
    """Return the hash of a requirement file, line ends and comments apart."""
    with io.open(path, encoding="utf-8") as file:
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in file)
        text = "\n".join(line for line in lines if line)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_atomically(path, text):
    """Replace a file in one step."""
    temporary = "{0}.{1}".format(path, os.getpid())
    with io.open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@contextlib.contextmanager
def locked(path, note):
    """Hold the lock file; the system lets go of it when the process ends.

    Where the file system has no locks (some network drives) this is no hindrance.
    """
    try:
        file = io.open(path, "a+")
    except (IOError, OSError) as error:
        raise Refusal(
            "The folder {0} cannot be written ({1}): put the course where you may "
            "write, and call again.".format(os.path.dirname(path), error.strerror)
        )
    with file:
        told = False
        while True:
            try:
                _lock(file)
                break
            except (IOError, OSError) as error:
                if error.errno not in _BUSY:
                    break
            if not told:
                say(note)
                told = True
            time.sleep(0.2)
        yield file


try:
    import fcntl
except ImportError:
    import errno
    import msvcrt

    _BUSY = (errno.EACCES, errno.EDEADLK)

    def _lock(file):
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import errno

    _BUSY = (errno.EACCES, errno.EAGAIN)

    def _lock(file):
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def say(text):
    """Print a line now."""
    print(text)
    sys.stdout.flush()


# --- the environment -------------------------------------------------------------


class Environment(object):
    """A virtual environment, what should be in it, and what is."""

    def __init__(self, folder, requirements, tests, constraints):
        self.folder = os.path.abspath(folder)
        self.requirements = requirements
        self.tests = tests
        self.constraints = constraints
        self.stamp = os.path.join(self.folder, STAMP)
        self.unfinished = os.path.join(self.folder, UNFINISHED)
        self.log = os.path.join(self.folder, LOG)
        self.lock = None
        self._version = None
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.scripts = os.path.join(self.folder, scripts)
        self.python = os.path.join(
            self.scripts, "python.exe" if os.name == "nt" else "python"
        )

    # What is there

    def wanted(self, with_tests):
        """Return the stamp that a finished installation has."""
        files = [self.requirements] + ([self.tests] if with_tests else [])
        return {
            "format": 1,
            "constraints": fingerprint(self.constraints),
            "requirements": [fingerprint(path) for path in files],
        }

    def read_stamp(self):
        """Return the stamp, {} where there is none that can be read."""
        try:
            with io.open(self.stamp, encoding="utf-8") as file:
                stamp = json.load(file)
        except (IOError, OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def had_tests(self):
        """Say whether the last finished installation was one with the tests' needs."""
        return len(self.read_stamp().get("requirements", [])) > 1

    def is_current(self, with_tests):
        """Say whether nothing has to be done."""
        stamp, wanted = self.read_stamp(), self.wanted(with_tests)
        count = len(wanted["requirements"])
        return (
            stamp.get("format") == wanted["format"]
            and stamp.get("constraints") == wanted["constraints"]
            and stamp.get("requirements", [])[:count] == wanted["requirements"]
            and self.version() == tuple(stamp.get("python", ()))
            and set(stamp.get("packages", [])) <= set(self.packages())
            and not self.damaged()
        )

    def version(self):
        """Return (major, minor) of the environment's Python, None if it is broken."""
        if not self._version:
            self._version = self._ask_version()
        return self._version

    def _ask_version(self):
        code = "import sys; print(sys.version_info[0], sys.version_info[1], sys.prefix)"
        try:
            output = subprocess.check_output(
                [self.python, "-I", "-c", code], stderr=subprocess.DEVNULL
            )
            major, minor, prefix = output.decode("utf-8").split(None, 2)
        except (OSError, ValueError, subprocess.CalledProcessError):
            return None  # no Python there, or one that does not run
        if os.path.realpath(prefix.strip()) != os.path.realpath(self.folder):
            return None  # pyvenv.cfg is gone: this is the system's Python
        return int(major), int(minor)

    def site_packages(self):
        """Return the folder that pip installs into, for the Python that runs in it."""
        if os.name == "nt":
            return os.path.join(self.folder, "Lib", "site-packages")
        version = self.version() or tuple(sys.version_info[:2])
        name = "python{0}.{1}".format(*version)
        return os.path.join(self.folder, "lib", name, "site-packages")

    def packages(self):
        """Return the folders of the installed distributions that the course asks for.

        What a learner installed besides is the learner's: it is not looked at.
        """
        ours = {"pip"}
        for path in (self.requirements, self.tests, self.constraints):
            with io.open(path, encoding="utf-8") as file:
                ours |= {normalised(line) for line in file}
        return sorted(
            name
            for name in listdir(self.site_packages())
            if name.endswith(".dist-info") and normalised(name.split("-")[0]) in ours
        )

    def damaged(self):
        """Return the distributions of which a file is missing or cut off.

        A distribution without RECORD is one whose installation was interrupted: pip
        writes that file last, yet takes the folder alone for an installed package.
        """
        place, found = self.site_packages(), []
        for name in self.packages():
            record = os.path.join(place, name, "RECORD")
            try:
                with io.open(record, encoding="utf-8", newline="") as file:
                    rows = [row for row in csv.reader(file) if len(row) == 3 and row[2]]
                    complete = rows and all(whole(place, *row) for row in rows)
            except (IOError, OSError, ValueError, csv.Error):
                complete = False
            if not complete:
                found.append(name)
        return found

    # What changes it

    def begin(self):
        """Take the stamp away: from here on the installation is unfinished."""
        if not os.path.isdir(self.folder):
            os.makedirs(self.folder)
        write_atomically(self.unfinished, "`make lab` completes this environment.\n")
        if os.path.exists(self.stamp):
            os.remove(self.stamp)

    def finish(self, with_tests):
        """Write the stamp, the last step of all."""
        stamp = self.wanted(with_tests)
        stamp["python"] = list(self.version())
        stamp["packages"] = self.packages()
        stamp["folder"] = self.folder
        write_atomically(self.stamp, json.dumps(stamp, indent=1) + "\n")
        os.remove(self.unfinished)

    def is_ours(self):
        """Say whether the folder may be emptied: an environment, or a begun one."""
        names = set(listdir(self.folder))
        return not names or bool(names & {"pyvenv.cfg", STAMP, UNFINISHED})

    def create(self):
        """Make the environment anew, in place."""
        check_venv_modules()
        if not self.is_ours():
            raise Refusal(
                "{0} is in the way and is no virtual environment: move it elsewhere, "
                "and call again.".format(shown(self.folder))
            )
        for name in listdir(self.folder):
            if name == UNFINISHED:
                continue
            path = os.path.join(self.folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
        self._version = None
        base = getattr(sys, "_base_executable", None) or sys.executable
        done = run_quietly([base, "-m", "venv", "--without-pip", self.folder])
        if done.returncode != 0 or self.version() is None:
            output = done.output or "its Python does not run"
            raise_for(output, "{0} could not be made".format(shown(self.folder)))

    def repair(self):
        """Take out what an interrupted or broken installation left behind."""
        place = self.site_packages()
        for name in listdir(place):
            if name.startswith("~"):  # where pip puts what it is about to replace
                remove(os.path.join(place, name))
        for name in self.damaged():
            remove(os.path.join(place, name))
        if run_quietly([self.python, "-I", "-m", "pip", "--version"]).returncode != 0:
            for name in listdir(place):
                if name == "pip" or name.startswith("pip-"):
                    remove(os.path.join(place, name))
            check_venv_modules()
            done = run_quietly([self.python, "-I", "-m", "ensurepip", "--upgrade"])
            if done.returncode != 0:
                raise_for(done.output, "pip could not be installed")

    def relocate(self):
        """Follow a course whose folder was moved or copied, `.venv` included.

        Python finds itself; only the scripts hold the old address.
        """
        old = self.read_stamp().get("folder")
        if not old or old == self.folder or os.name == "nt":
            return
        for name in listdir(self.scripts):
            path = os.path.join(self.scripts, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with io.open(path, "rb") as file:
                content = file.read()
            moved = content.replace(old.encode("utf-8"), self.folder.encode("utf-8"))
            if b"\0" not in content and moved != content:
                with io.open(path, "wb") as file:
                    file.write(moved)
        stamp = self.read_stamp()
        stamp["folder"] = self.folder
        write_atomically(self.stamp, json.dumps(stamp, indent=1) + "\n")

    def install(self, with_tests):
        """Let pip install the requirements under the constraints."""
        command = [self.python, "-I", "-u", "-m", "pip", "install", "--no-input"]
        command += ["--disable-pip-version-check", "-r", self.requirements]
        if with_tests:
            command += ["-r", self.tests]
        command += ["-c", self.constraints]
        environment = dict(os.environ)
        # The learner's pip configuration rules (index, wheels, proxy, certificate),
        # but for what would send the packages elsewhere than into the environment
        for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"):
            environment.pop(name, None)
        environment["PIP_USER"] = "0"
        with io.open(self.log, "w", encoding="utf-8") as log:
            code, output = follow(command, environment, log, self.lock)
        if code != 0:
            if NOT_FOUND.search(output) and not any(s in output for s in NO_NETWORK):
                # Without retries pip keeps a dead index to itself: ask once more
                retry = run_quietly(command + ["--dry-run", "--retries", "1"])
                output += "\n" + retry.output
            raise_for(output, "pip could not install the packages", code, self.log)


def remove(path):
    """Delete a file or a folder."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def whole(place, path, _, size):
    """Say whether a file of a RECORD is there in full.

    Files outside site-packages are scripts, which may have moved with the course.
    """
    found = os.stat(os.path.join(place, path))
    return path.startswith("..") or found.st_size == int(size)


class Done(object):
    """How a command ended."""

    def __init__(self, returncode, output):
        self.returncode = returncode
        self.output = output


def run_quietly(command):
    """Run a command to its end, its output kept."""
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return Done(127, str(error))
    output = process.communicate()[0].decode("utf-8", "replace")
    return Done(process.returncode, output)


def follow(command, environment, log, lock):
    """Run pip, tell in one line where it stands, keep everything in the log.

    pip holds the lock too: should this process be killed, a second call still waits
    until the pip that it left behind has ended.
    """
    handed_on = (lock.fileno(),) if lock and os.name != "nt" else ()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=handed_on,
    )
    progress = Progress()
    kept = []
    try:
        for raw in iter(process.stdout.readline, b""):
            line = raw.decode("utf-8", "replace").rstrip()
            log.write(line + "\n")
            kept.append(line)
            progress.see(line)
        code = process.wait()
    except BaseException:
        with contextlib.suppress(OSError):
            process.terminate()
        process.wait()
        raise
    finally:
        progress.close()
    return code, "\n".join(kept)


class Progress(object):
    """One living line on a terminal, a line every twenty seconds elsewhere."""

    WIDTH = 76

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.started = time.time()
        self.count, self.text = 0, "asking the package index"
        self.last, self.width = 0.0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.tick)
        self.thread.daemon = True
        self.thread.start()

    def see(self, line):
        """Take in a line of pip's."""
        line = line.strip()
        if line.startswith("Collecting "):
            self.count += 1
            name = re.split(r"[=<>!~;\[ (]", line[len("Collecting ") :])[0]
            self.text = "package {0}: {1}".format(self.count, name)
        elif (
            line.startswith("Downloading ") and "(" in line and ".metadata" not in line
        ):
            size = line[line.rindex("(") :]
            name = line.split()[1].split("/")[-1].split("-")[0]
            self.text = "package {0}: {1} {2}".format(self.count, name, size)
        elif line.startswith("Installing collected packages"):
            count = line.count(",") + 1
            self.text = "unpacking {0} packages".format(count)
        elif "Retrying (" in line:
            self.text = "the package index does not answer, trying again"

    def tick(self):
        """Keep the line fresh."""
        while not self.over.wait(0.5 if self.terminal else 1.0):
            seconds = int(time.time() - self.started)
            line = "  {0}:{1:02d}  {2}".format(seconds // 60, seconds % 60, self.text)
            if self.terminal:
                sys.stdout.write("\r" + line[: self.WIDTH].ljust(self.WIDTH))
                sys.stdout.flush()
            elif time.time() - max(self.last, self.started) >= 20:
                self.last = time.time()
                say(line)

    def close(self):
        """Leave no half line behind."""
        self.over.set()
        self.thread.join()
        if self.terminal:
            sys.stdout.write("\r" + " " * self.WIDTH + "\r")
            sys.stdout.flush()


def raise_for(output, what, code=1, log=None):
    """Turn what pip or venv said into one sentence."""

    def holds(signs):
        return any(sign in output for sign in signs)

    hint = " (all of pip's output: {0})".format(shown(log)) if log else ""
    if holds(DISK_FULL):
        raise Refusal(
            "The disk is full: make room (the course needs about {0:.0f} GB in all), "
            "then call again, and the installation goes on where it "
            "stopped.".format(NEEDED_GB["lab"])
        )
    if holds(CERTIFICATE):
        raise Refusal(
            "The package index shows a certificate that pip does not trust, as happens "
            "behind a company's proxy: set PIP_CERT to the company's certificate file "
            "and call again{0}.".format(hint)
        )
    if holds(ACCESS_REFUSED):
        raise Refusal(
            "The package index asks for a name and a password: put them into pip's "
            "configuration (`pip config list` shows it) and call again{0}.".format(hint)
        )
    if holds(BROKEN_DOWNLOAD):
        raise Refusal(
            "A package arrived damaged: call again, and where that does not help, "
            "`pip cache purge` empties pip's store of downloads{0}.".format(hint)
        )
    if holds(NO_NETWORK):
        raise Refusal(
            "The packages could not be fetched, since the package index cannot be "
            "reached: connect to the internet once and call again, or point pip to a "
            "local index or a folder of wheels (PIP_INDEX_URL, PIP_FIND_LINKS){0}."
            "".format(hint)
        )
    missing = NOT_FOUND.search(output)
    if missing:
        raise Refusal(
            "The package index that pip is set to use has no {0} for Python {1}.{2} on "
            "{3}: see `pip config list` for which index that is{4}.".format(
                missing.group("plain") or missing.group("constrained"),
                sys.version_info[0],
                sys.version_info[1],
                "{0} {1}".format(platform.system(), platform.machine()),
                hint,
            )
        )
    if code in (-9, 137):
        raise Refusal(
            "The system stopped the installation, most often for lack of memory: close "
            "other programs and call again{0}.".format(hint)
        )
    errors = [line for line in output.splitlines() if line.lower().startswith("error")]
    lines = errors or output.strip().splitlines() or ["it gave no reason"]
    raise Refusal("{0}: {1}{2}.".format(what, lines[-1].strip().rstrip("."), hint))


# --- the command -----------------------------------------------------------------


def arguments(words):
    """Return the options."""
    parser = argparse.ArgumentParser(
        description="Make .venv with what the course needs, or repair it."
    )
    parser.add_argument(
        "--with-tests",
        action="store_true",
        help="also what contributors need: JAX, PyTorch, a browser driver, linters",
    )
    parser.add_argument("--venv", default=os.path.join(ROOT, ".venv"))
    for name in ("requirements", "requirements-test", "constraints"):
        parser.add_argument(
            "--" + name, default=os.path.join(ROOT, name + ".txt"), metavar="FILE"
        )
    return parser.parse_args(words)


def set_up(options):
    """Bring the environment to where it should be."""
    environment = Environment(
        options.venv,
        options.requirements,
        options.requirements_test,
        options.constraints,
    )
    for path in (options.requirements, options.requirements_test, options.constraints):
        if not os.path.isfile(path):
            raise Refusal(
                "{0} is missing: fetch it back with `git checkout -- {0}`.".format(
                    shown(path)
                )
            )
    if environment.is_current(options.with_tests):
        environment.relocate()
        return
    lock = environment.folder + ".lock"
    note = "Another call is installing into {0}: waiting for it.".format(
        shown(environment.folder)
    )
    if not os.path.isdir(os.path.dirname(lock)):
        os.makedirs(os.path.dirname(lock))
    with locked(lock, note) as held:
        environment.lock = held
        if environment.is_current(options.with_tests):
            environment.relocate()
            return
        bring_up(environment, options.with_tests or environment.had_tests())


def bring_up(environment, with_tests):
    """Create, repair and install; the lock is held."""
    started = time.time()
    name = shown(environment.folder)
    if os.path.lexists(environment.folder) and not os.path.isdir(environment.folder):
        if not os.path.islink(environment.folder):
            raise Refusal(
                "{0} is in the way and is no folder: move it elsewhere, and call "
                "again.".format(name)
            )
        os.remove(environment.folder)
    version = environment.version()
    usable = version is not None and OLDEST <= version <= NEWEST
    fresh = not listdir(environment.folder)
    if not usable:
        check_venv_modules()
    check_disk(
        environment.folder,
        "tests" if with_tests else "lab",
        size_of(environment.folder) if usable else 0,
    )
    if fresh:
        say("Setting up {0} (once, a few minutes).".format(name))
    elif not usable:
        say("{0} does not work any more: making it anew.".format(name))
    elif os.path.exists(environment.unfinished):
        say("{0} was left half-made: completing it.".format(name))
    elif environment.read_stamp():
        say("{0} does not match the course any more: bringing it up.".format(name))
    else:
        say("{0} was not made by the course's command: completing it.".format(name))
    if not usable and not environment.is_ours():
        raise Refusal(
            "{0} is in the way and is no virtual environment: move it elsewhere, and "
            "call again.".format(name)
        )
    environment.begin()
    if not usable:
        environment.create()
    environment.repair()
    environment.install(with_tests)
    broken = environment.damaged()
    if broken:
        raise Refusal(
            "{0} is not whole after the installation ({1}): call again, and see "
            "whether the disk is healthy.".format(name, ", ".join(broken[:3]))
        )
    environment.finish(with_tests)
    say(
        "Ready: {0} packages, {1:.1f} GB in {2}, after {3:.0f} s.".format(
            len(environment.packages()),
            size_of(environment.folder) / float(GB),
            name,
            time.time() - started,
        )
    )


def main(words=None):
    """Return the status for the shell."""
    try:
        check_interpreter()
        set_up(arguments(words))
        return 0
    except Refusal as refusal:
        print(str(refusal), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the next call goes on from here.", file=sys.stderr)
        return 130
    except (IOError, OSError) as error:
        text = "{0} {1}".format(error, getattr(error, "winerror", ""))
        try:
            raise_for(text, "The file system refused")
        except Refusal as refusal:
            print(str(refusal), file=sys.stderr)
        return 1


def stop(*_):
    """Treat a request to end like Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.exit(main())
