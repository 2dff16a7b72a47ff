"""Where the bytes of a data set come from: mirror, cache, official source.

The rungs are tried in this order, file by file, until every file is there:

1. mirror: the folder that `COURSE_DATA` names (absolute, or relative to the
   course's root), if the file's SHA-256 is the one in its `SHA256SUMS`;
2. cache: Keras' own (`KERAS_HOME`, or ~/.keras), then the course's
   (`datasets` in the learner's course home);
3. download: the publisher's address, once a session.

No byte is taken whose SHA-256 is not the one written into the recipe. A file that
fails is named in a sentence and left as it is: nothing here deletes, renames or
overwrites a file that it finds. What is fetched or unpacked is kept in the course's
cache, where that can be written.

The ladder knows nothing of images or texts: it turns a `Recipe` into bytes.
"""

import contextlib
import hashlib
import io
import lzma
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import common
from common.datasets import download
from common.datasets.dataset import Rung, Source

Say = Callable[[str], None]


@dataclass(frozen=True)
class DataFile:
    """One official file, and the places where it may lie.

    Attributes:
        name: its path in the course's cache, and the name under which a reader
            gets its bytes.
        sha256: of the official bytes.
        size: of the official bytes.
        mirror: its path in a mirror; one that ends in ".xz" is unpacked.
        library: its paths under Keras' home.
        url: its official address; empty if it comes in the recipe's archive.
        equivalent: SHA-256 of other bytes with the same content that a mirror may
            hold instead (after unpacking); empty if there are none.
    """

    name: str
    sha256: str
    size: int
    mirror: str
    library: tuple[str, ...] = ()
    url: str = ""
    equivalent: str = ""


@dataclass(frozen=True)
class Archive:
    """A tar archive that holds all files of a recipe.

    Attributes:
        sha256: of the archive.
        size: of the archive, in bytes.
        url: its official address.
        folder: the folder inside, in which the files lie under their last name.
        library: its paths under Keras' home.
    """

    sha256: str
    size: int
    url: str
    folder: str
    library: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """All that the ladder needs to know of one data set."""

    name: str
    files: tuple[DataFile, ...]
    archive: Archive | None = None


@dataclass(frozen=True)
class Found:
    """The bytes of every file of a recipe.

    Attributes:
        files: content by `DataFile.name`, in the recipe's order.
        source: "official", or "equivalent" if one file is.
        rung: the last one that had to be tried.
        place: the same in words, for the printed line.
    """

    files: dict[str, bytes]
    source: Source
    rung: Rung
    place: str


@dataclass
class _Climb:
    """What one call has found so far, and what it has to tell."""

    recipe: Recipe
    say: Say
    files: dict[str, bytes] = field(default_factory=dict)
    source: Source = "official"
    place: str = ""

    @property
    def missing(self) -> list[DataFile]:
        return [file for file in self.recipe.files if file.name not in self.files]

    def tell(self, text: str) -> None:
        self.say(f"{self.recipe.name}: {text}")

    def tell_broken(self, broken: Iterable[tuple[Path, str]]) -> None:
        """One sentence a reason, with the first file's path and the others' count."""
        by_reason: dict[str, list[Path]] = {}
        for path, reason in broken:
            by_reason.setdefault(reason, []).append(path)
        for reason, paths in by_reason.items():
            if len(paths) == 1:
                subject = f"{paths[0]} is passed over and left as it is"
            else:
                more = len(paths) - 1
                subject = (
                    f"{paths[0]} and {more} more are passed over and left as they are"
                )
            self.tell(f"{subject}: {reason}.")


class _Broken(Exception):
    """A file is there and cannot be used; says why, in a few words."""


# Official files, by SHA-256, that no folder could keep: a second load in the same
# session neither fetches nor unpacks them again.
_unkept: dict[str, bytes] = {}


def climb(recipe: Recipe, say: Say = print) -> Found | None:
    """Find every file of `recipe`, on the highest rung that has it.

    Args:
        recipe: what to find.
        say: takes each sentence about a file or a rung that failed.

    Returns:
        The files' bytes, or None if a file is on no rung.
    """
    state = _Climb(recipe, say)
    rungs: tuple[tuple[Rung, Callable[[_Climb], None]], ...] = (
        ("mirror", _from_mirror),
        ("cache", _from_caches),
        ("download", _from_source),
    )
    for rung, collect in rungs:
        collect(state)
        if not state.missing:
            files = {file.name: state.files[file.name] for file in recipe.files}
            return Found(files, state.source, rung, state.place)
    return None


# ---------------------------------------------------------------- rung 1: a mirror


def listed(folder: str) -> dict[str, str]:
    """SHA-256 by path of what the mirror's SHA256SUMS names under `folder`.

    Empty without a mirror, and with one whose list cannot be read: `climb` says so.
    """
    named = os.environ.get("COURSE_DATA", "").strip()
    if not named:
        return {}
    try:
        sums = _read_sums(common.ROOT / os.path.expanduser(named))
    except _Broken:
        return {}
    return {path: digest for path, digest in sums.items() if path.startswith(folder)}


def _from_mirror(state: _Climb) -> None:
    named = os.environ.get("COURSE_DATA", "").strip()
    if not named:
        return
    root = common.ROOT / os.path.expanduser(named)
    try:
        sums = _read_sums(root)
    except _Broken as problem:
        state.tell(f"COURSE_DATA names {root}, {problem}.")
        return
    broken: list[tuple[Path, str]] = []
    unpacked: dict[str, bytes] = {}
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        jobs = {
            file: pool.submit(_mirrored, root, sums, file) for file in state.missing
        }
    for file, job in jobs.items():
        try:
            content, fresh = job.result()
        except _Broken as problem:
            broken.append((root / file.mirror, str(problem)))
            continue
        state.files[file.name] = content
        state.place = "from the local mirror"
        if _sha256(content) != file.sha256:
            state.source = "equivalent"
        elif fresh:
            unpacked[file.name] = content
    state.tell_broken(broken)
    _keep(state, unpacked)


def _read_sums(root: Path) -> dict[str, str]:
    """SHA-256 by path, from the list that `sha256sum` writes."""
    if not os.path.exists(root):
        raise _Broken("which does not exist")
    if not os.path.isdir(root):
        raise _Broken("which is not a folder")
    try:
        text = (root / "SHA256SUMS").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _Broken("which holds no SHA256SUMS") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _Broken(f"whose SHA256SUMS cannot be read ({_why(error)})") from None
    sums = {}
    for line in text.splitlines():
        digest, _, path = line.strip().partition(" ")
        sums[path.lstrip(" *").removeprefix("./")] = digest.lower()
    return sums


def _mirrored(root: Path, sums: dict[str, str], file: DataFile) -> tuple[bytes, bool]:
    """A mirror's file, checked: its content, and whether it was unpacked just now.

    Raises:
        _Broken: missing, not listed, not as listed, or not the data set's.
    """
    content = _read(root / file.mirror)
    if content is None:
        raise _Broken("the mirror does not hold it")
    if file.mirror not in sums:
        raise _Broken("SHA256SUMS has no line for it")
    if _sha256(content) != sums[file.mirror]:
        raise _Broken(
            "its SHA-256 is not the one in SHA256SUMS, it is cut off or changed"
        )
    packed = file.mirror.endswith(".xz")
    if packed:
        if file.sha256 in _unkept:
            return _unkept[file.sha256], False
        for path in _course_paths(file):
            with contextlib.suppress(_Broken):
                if (earlier := _checked(path, file)) is not None:
                    return earlier, False
        try:
            content = lzma.decompress(content)
        except lzma.LZMAError:
            raise _Broken("it is not a whole .xz file") from None
    if _sha256(content) not in {file.sha256, file.equivalent}:
        raise _Broken("it agrees with SHA256SUMS but is not the official file")
    return content, packed


# --------------------------------------------------------------- rung 2: the caches


def _from_caches(state: _Climb) -> None:
    library = _library_home()
    broken: list[tuple[Path, str]] = []
    for place, paths_of in (
        ("from Keras' cache", lambda file: [library / path for path in file.library]),
        ("from the course's cache", lambda file: reversed(_course_paths(file))),
    ):
        for file in state.missing:
            for path in paths_of(file):
                try:
                    content = _checked(path, file)
                except _Broken as problem:
                    broken.append((path, str(problem)))
                    continue
                if content is not None:
                    state.files[file.name] = content
                    state.place = place
                    break
    archive = state.recipe.archive
    if archive and state.missing:
        for path in (library / path for path in archive.library):
            try:
                content = _checked(path, archive)
            except _Broken as problem:
                broken.append((path, str(problem)))
                continue
            if content is not None:
                state.files |= dict(_unpacked(state, archive, content))
                state.place = "from Keras' cache"
                break
    state.tell_broken(broken)


def _library_home() -> Path:
    """Keras' home as Keras finds it, without importing Keras."""
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))


def _course_paths(file: DataFile) -> tuple[Path, Path]:
    """Where the course keeps a file, and where if a broken one has that name."""
    path = common.course_home() / "datasets" / file.name
    return path, path.with_name(f"{path.name}.{file.sha256[:8]}")


# -------------------------------------------------------- rung 3: the official source


def _from_source(state: _Climb) -> None:
    early = {
        file.name: _unkept[file.sha256]
        for file in state.missing
        if file.sha256 in _unkept
    }
    if early:
        state.files |= early
        state.place = "downloaded earlier in this session"
    archive, missing = state.recipe.archive, state.missing
    parts: list[DataFile | Archive] = [file for file in missing if file.url]
    if missing and archive:
        parts = [archive]
    if not parts:
        return
    host = urlsplit(parts[0].url).netloc
    megabytes = sum(part.size for part in parts) / 1e6
    announced = False

    def announce() -> None:
        nonlocal announced
        if not announced:
            state.tell(f"downloading {megabytes:,.0f} MB from {host}.")
        announced = True

    fetched: dict[str, bytes] = {}
    try:
        for part in parts:
            content = download.fetch(part.url, part.sha256, part.size, announce)
            if part is archive:
                fetched |= dict(_unpacked(state, archive, content))
            else:
                fetched[part.name] = content
    except download.DownloadError as problem:
        state.tell(f"{problem}.")
    state.files |= fetched
    state.place = "downloaded just now"
    _keep(state, fetched)


# ------------------------------------------------------------------- shared by rungs


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _read(path: Path) -> bytes | None:
    """A file's bytes, or None if there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _Broken(f"it cannot be read ({_why(error)})") from None


def _checked(path: Path, wanted: DataFile | Archive) -> bytes | None:
    """A file's bytes if they are the official ones, or None if there is no file."""
    content = _read(path)
    if content is None or _sha256(content) == wanted.sha256:
        return content
    if len(content) < wanted.size:
        raise _Broken(f"it is cut off, {len(content):,} of {wanted.size:,} bytes")
    raise _Broken("its SHA-256 is not the official file's")


def _unpacked(
    state: _Climb, archive: Archive, content: bytes
) -> Iterator[tuple[str, bytes]]:
    """The files that are still missing, out of an archive with the right hash."""
    by_member = {
        f"{archive.folder}/{file.name.rpartition('/')[2]}": file
        for file in state.missing
    }
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            file = by_member.get(member.name)
            if file is not None and (stream := tar.extractfile(member)) is not None:
                inner = stream.read()
                if _sha256(inner) == file.sha256:
                    yield file.name, inner


def _keep(state: _Climb, files: dict[str, bytes]) -> None:
    """Put official files into the course's cache, each whole or not at all."""
    problem = ""
    for file in state.recipe.files:
        if file.name not in files:
            continue
        free = [path for path in _course_paths(file) if not os.path.lexists(path)]
        try:
            if free:
                write_whole(free[0], files[file.name])
                continue
            problem = f"broken files are in the way in {_course_paths(file)[0].parent}"
        except OSError as error:
            problem = f"{free[0].parent} cannot be written ({_why(error)})"
        _unkept[file.sha256] = files[file.name]
    if problem:
        state.tell(f"{problem}, so the files are kept for this session only.")


def write_whole(target: Path, content: bytes) -> None:
    """Write beside `target`, then rename: no reader ever sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
