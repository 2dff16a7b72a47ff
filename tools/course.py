"""course.toml, read: what the course consists of, and where it is published."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.results import day_number, known_metric, notebook_path

COLAB = "https://colab.research.google.com"


class CourseError(ValueError):
    """course.toml cannot be used; says why in a sentence."""


@dataclass(frozen=True)
class Day:
    """One row of the syllabus."""

    number: int
    folder: str
    part: int
    title: str
    question: str
    targets: dict[str, float] = field(default_factory=dict, hash=False)
    compared: dict[str, list] = field(default_factory=dict, hash=False)
    """Where its README compares days: their numbers (`days`), metrics (`by`)."""


@dataclass(frozen=True)
class Part:
    """A stretch of days on the same data."""

    number: int
    title: str
    data: str


@dataclass(frozen=True)
class Course:
    """The whole course: its settings, its parts, its forty days."""

    root: Path
    name: str
    repository: str
    release: str
    colab_packages: tuple[str, ...]
    parts: tuple[Part, ...]
    days: tuple[Day, ...]
    families: dict[str, list[int]] = field(default_factory=dict, hash=False)
    """Numbers of days that are alike, by the name of what they are."""

    def folder(self, day: Day) -> Path:
        """Return where a day stands, or will stand."""
        return self.root / day.folder

    def notebook(self, day: Day) -> Path:
        """Return where a day's notebook stands, or will stand."""
        return notebook_path(self.folder(day))

    def landed(self) -> list[Day]:
        """Return the days that exist; the others are planned."""
        return [day for day in self.days if self.has(day)]

    def has(self, day: Day) -> bool:
        """Return whether a day's notebook exists."""
        return self.notebook(day).is_file()

    def day(self, name: str) -> Day:
        """Return a day by its folder or number: "day01_mnist", "1" or "01".

        Raises:
            CourseError: there is no such day.
        """
        for day in self.days:
            if name == day.folder or (name.isdigit() and int(name) == day.number):
                return day
        raise CourseError(f"There is no day {name!r}: choose 1 to {len(self.days)}.")

    def colab_url(self, day: Day) -> str | None:
        """Return where Colab opens a day, or None for a repository off GitHub."""
        found = re.match(
            r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?$", self.repository
        )
        if not found:
            return None
        path = f"{found[1]}/blob/{self.release}/{day.folder}/{day.folder}.ipynb"
        return f"{COLAB}/github/{path}"

    def badge(self, day: Day) -> str:
        """Return the Open-in-Colab badge of a day in Markdown, or ""."""
        url = self.colab_url(day)
        image = f"{COLAB}/assets/colab-badge.svg"
        return f"[![Open in Colab]({image})]({url})" if url else ""


def load_course(root: Path) -> Course:
    """Read course.toml of the course at `root`.

    Raises:
        CourseError: the file is missing or broken.
    """
    path = Path(root) / "course.toml"
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        return _course(Path(root), settings)
    except FileNotFoundError:
        raise CourseError(f"There is no course.toml in {root}.") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"course.toml is not TOML: {error}.") from None
    except KeyError as error:
        raise CourseError(f"course.toml lacks {error}.") from None
    except (TypeError, ValueError) as error:
        raise CourseError(f"course.toml: {error}") from None


def _course(root: Path, settings: dict[str, Any]) -> Course:
    about = settings["course"]
    parts = tuple(Part(**one) for one in settings["parts"])
    days = tuple(Day(**one) for one in settings["days"])
    for place, day in enumerate(days, start=1):
        if day.number != place or day_number(day.folder) != day.number:
            raise ValueError(f"day {place} is numbered {day.number}, {day.folder}.")
        if day.part not in {part.number for part in parts}:
            raise ValueError(f"day {place} stands in part {day.part}, which is none.")
        for name in (*day.targets, *day.compared.get("by", ())):
            known_metric(name)
        if any(not 1 <= other <= len(days) for other in day.compared.get("days", ())):
            raise ValueError(f"day {place} is compared with a day that is none.")
    return Course(
        root=root,
        name=about["name"],
        repository=about["repository"],
        release=about["release"],
        colab_packages=tuple(about["colab_packages"]),
        parts=parts,
        days=days,
        families=settings.get("families", {}),
    )
