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
        """Return a day by its number or folder: "1", "01", "Day 1" or "day01_mnist".

        Raises:
            CourseError: there is no such day.
        """
        name = name.strip().strip("/").lower()
        number = re.fullmatch(r"(?:day)?[ _]?(\d+)", name)
        for day in self.days:
            if name == day.folder or (number and int(number[1]) == day.number):
                return day
        raise CourseError(
            f"There is no day {name!r}: choose 1 to {len(self.days)}."
            if name
            else "Say which day, as in DAY=1."
        )

    def of_part(self, part: Part) -> list[Day]:
        """Return the days of a part."""
        return [day for day in self.days if day.part == part.number]

    def badge(self, day: Day) -> str:
        """Return the Open-in-Colab badge of a day; "" for a repository off GitHub."""
        address = r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?/?"
        if not (found := re.fullmatch(address, self.repository)):
            return ""
        path = f"{found[1]}/blob/{self.release}/{day.folder}/{day.folder}.ipynb"
        image = f"{COLAB}/assets/colab-badge.svg"
        return f"[![Open in Colab]({image})]({COLAB}/github/{path})"


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
    except KeyError as error:
        raise CourseError(f"course.toml lacks {error}.") from None
    except (TypeError, ValueError) as error:
        raise CourseError(f"course.toml: {error}") from None


def find_day(asked: str, root: Path) -> Path:
    """Return the notebook of the day that somebody asks for, see `Course.day`.

    Raises:
        CourseError: there is no such day, or its notebook is not here.
    """
    course = load_course(root)
    day = course.day(asked)
    if not course.has(day):
        raise CourseError(
            f"Day {day.number}, {day.title}, is not in this copy of the course: `make "
            "update` fetches a newer one, and `git status` tells what was deleted."
        )
    return course.notebook(day)


def _course(root: Path, settings: dict[str, Any]) -> Course:
    about = {key: settings["course"][key] for key in ("name", "repository", "release")}
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
    families = settings.get("families", {})
    return Course(root=root, **about, parts=parts, days=days, families=families)
