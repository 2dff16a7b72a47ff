"""A time series of the course: the lowest temperature of each day in Melbourne.

It climbs the ladder (see `ladder`): a mirror, a cache, a public copy, then a stand-in
with a year's swing and weather that lasts some days. A series is not mixed: the past
comes under `train`, what follows it under `valid`, the last years under `test`.
"""

from __future__ import annotations

import numpy as np

from common.datasets import ladder
from common.datasets.dataset import Dataset, Pair, Source
from common.datasets.ladder import DataFile, Recipe

DAYS_A_YEAR = 365
"""Rows a year: 31 December is missing in the leap years 1984 and 1988."""

YEARS = {"train": 7, "valid": 1, "test": 2}

TEMPERATURES = Recipe(
    name="Melbourne temperatures",
    files=(
        DataFile(
            name="daily-min-temperatures.csv",
            sha256="a29a71f38cf548a0b12bee44ceb510919a8cef450e19019261d534208c884fa2",
            size=56_968,
            mirror="data/time_series/daily-min-temperatures.csv",
            # A public copy of the same bytes, at one commit. The Bureau of Meteorology
            # publishes the values, but no file with this content.
            url="https://raw.githubusercontent.com/selva86/datasets/"
            "2c23babe54dcd12ebcf93f31d6605bd8366e91d3/daily-min-temperatures.csv",
        ),
    ),
)


def load_temperatures() -> Dataset:
    """Find, read, cut, say so; see `common.datasets.temperatures`."""
    found = ladder.climb(TEMPERATURES)
    name = TEMPERATURES.name
    if found is None:
        data = _assembled(f"stand-in for {name}", _generated(), "stand_in", "stand-in")
        print(
            f"{name}: NOT the real data but a stand-in, generated days: {_sizes(data)}."
            " For the real data connect to the internet and restart, or point "
            "COURSE_DATA at a local mirror."
        )
        return data
    (content,) = found.files.values()
    data = _assembled(name, read_days(content), "equivalent", found.rung)
    print(f"{name}: {_sizes(data)} ({data.source}, {found.place}).")
    return data


def read_days(content: bytes) -> Pair:
    """The file's rows: dates (n,) datetime64[D], degrees Celsius (n,) float64.

    Raises:
        ValueError: the head is another one, or the dates do not ascend.
    """
    head, *lines = content.decode("ascii").split()
    if head != "Date,Temp":
        raise ValueError(f"the file begins with {head!r}, not with Date,Temp")
    rows = [line.split(",") for line in lines]
    dates = np.array([date for date, _ in rows], "datetime64[D]")
    if not (np.diff(dates).astype(int) > 0).all():
        raise ValueError("the dates do not ascend")
    return dates, np.array([float(degrees) for _, degrees in rows])


def _generated() -> Pair:
    """The stand-in: a year's swing, and weather that half forgets a day (AR(1))."""
    days = np.arange("1981-01-01", "1991-01-01", dtype="datetime64[D]")
    missing = np.array(["1984-12-31", "1988-12-31"], "datetime64[D]")
    days = days[~np.isin(days, missing)]
    place = np.arange(len(days))
    random = np.random.RandomState(20240201)
    # a sum of twelve doubles, nearly normal: RandomState's doubles are frozen for good
    noise = random.random_sample((len(days), 12)).sum(axis=1) - 6
    weather = np.zeros(len(days))
    for i in range(1, len(days)):
        weather[i] = 0.55 * weather[i - 1] + 2.1 * noise[i]
    swing = 4.2 * np.cos(2 * np.pi * (place - 20) / DAYS_A_YEAR)
    return days, np.round(np.maximum(11.2 + swing + weather, 0), 1)


def _assembled(name: str, whole: Pair, source: Source, rung: str) -> Dataset:
    """Cut the series in time: years to learn from, to choose on, to test on."""
    dates, degrees = whole
    ends = np.cumsum([DAYS_A_YEAR * years for years in YEARS.values()])
    parts = [
        (dates[start:end].copy(), degrees[start:end].copy())
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    title = f"{name}, {len(degrees):,} days"
    return Dataset(name, title, *parts, class_names=(), source=source, rung=rung)


def _sizes(data: Dataset) -> str:
    train, valid, test = (len(y) for _, y in (data.train, data.valid, data.test))
    return f"{train:,} days to train, {valid:,} to validate, {test:,} to test"
