"""The temperatures: which rung gives them, how they are read and cut, the stand-in.

The recipe is pointed at a small file made here; nothing needs a network. The last test
reads a real mirror and is skipped where `COURSE_DATA` names none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os

import numpy as np
import pytest
import support

from common import datasets, results
from common.datasets import series

REAL_MIRROR = os.environ.get("COURSE_DATA", "")
NOBODY = "http://127.0.0.1:9"
YEARS = 10


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    """A fresh session: own folders, no mirror, no way to the real source."""
    support.fresh_data_session(tmp_path, monkeypatch)


@pytest.fixture
def published(monkeypatch) -> bytes:
    """The recipe asks for a file made here, ten years of four days each."""
    start = np.datetime64("1981-01-01")
    rows = [f"{start + i},{i / 10}\n" for i in range(4 * YEARS)]
    content = ("Date,Temp\n" + "".join(rows)).encode()
    file = dataclasses.replace(
        series.TEMPERATURES.files[0],
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        url=f"{NOBODY}/days.csv",
    )
    recipe = dataclasses.replace(series.TEMPERATURES, files=(file,))
    monkeypatch.setattr(series, "TEMPERATURES", recipe)
    monkeypatch.setattr(series, "DAYS_A_YEAR", 4)
    return content


def mirror(tmp_path, monkeypatch, content: bytes) -> None:
    (file,) = series.TEMPERATURES.files
    path = tmp_path / "mirror" / file.mirror
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    line = f"{hashlib.sha256(content).hexdigest()}  {file.mirror}\n"
    (tmp_path / "mirror/SHA256SUMS").write_text(line)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mirror"))


def test_the_past_comes_first_and_nothing_is_mixed(
    published, tmp_path, monkeypatch, capsys
):
    mirror(tmp_path, monkeypatch, published)
    data = datasets.temperatures()
    assert (data.source, data.rung) == ("equivalent", "mirror")
    parts = data.train, data.valid, data.test
    assert [len(y) for _, y in parts] == [28, 4, 8]
    degrees = np.concatenate([y for _, y in parts])
    assert degrees.dtype == np.float64
    np.testing.assert_allclose(degrees, np.arange(40) / 10)
    dates = np.concatenate([x for x, _ in parts])
    assert dates.dtype == "datetime64[D]" and (np.diff(dates).astype(int) == 1).all()
    assert capsys.readouterr().out == (
        "Melbourne temperatures: 28 days to train, 4 to validate, 8 to test "
        "(equivalent, from the local mirror).\n"
    )
    results.refuse_stand_in(data)


def test_other_bytes_are_not_taken(published, tmp_path, monkeypatch, capsys):
    mirror(tmp_path, monkeypatch, published.replace(b"0.1", b"9.9"))
    assert datasets.temperatures().source == "stand_in"
    assert "passed over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"day,Temp\n1981-01-01,1.0\n", "begins with"),
        (b"Date,Temp\n1981-01-02,1.0\n1981-01-01,2.0\n", "ascend"),
    ],
)
def test_a_table_of_another_kind_is_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        series.read_days(content)


def test_the_stand_in_says_so_and_is_refused(published, monkeypatch, capsys):
    monkeypatch.setattr(series, "DAYS_A_YEAR", 365)
    data, again = datasets.temperatures(), datasets.temperatures()
    assert data.source == "stand_in"
    assert "NOT the real data but a stand-in" in capsys.readouterr().out
    assert [len(y) for _, y in (data.train, data.valid, data.test)] == [2555, 365, 730]
    np.testing.assert_array_equal(data.train[1], again.train[1])
    with pytest.raises(results.ResultsError, match="stand-in"):
        results.refuse_stand_in(data)


def test_the_stand_in_has_a_year_and_weather_that_lasts():
    _, degrees = series._generated()
    years = degrees.reshape(YEARS, 365)
    assert years[:, :31].mean() > years[:, 181:212].mean() + 5  # the south's summer
    weather = (years - years.mean(axis=0)).ravel()
    following = np.corrcoef(weather[1:], weather[:-1])[0, 1]
    assert 0.4 < following < 0.7
    assert following > 3 * abs(np.corrcoef(weather[5:], weather[:-5])[0, 1])


def test_the_recipe_asks_over_https_for_one_commit():
    (file,) = series.TEMPERATURES.files
    assert len(file.sha256) == 64
    assert file.url.startswith("https://") and file.url.endswith(file.name)
    assert "/master/" not in file.url


@pytest.mark.skipif(not REAL_MIRROR, reason="COURSE_DATA names no mirror")
def test_the_real_series_is_what_it_is_said_to_be(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    (file,) = series.TEMPERATURES.files
    offline = dataclasses.replace(file, url="")
    recipe = dataclasses.replace(series.TEMPERATURES, files=(offline,))
    monkeypatch.setattr(series, "TEMPERATURES", recipe)
    data = datasets.temperatures()
    if data.source == "stand_in":
        pytest.skip("this mirror holds no temperatures")
    first, last = data.train[0][0], data.test[0][-1]
    assert (str(first), str(last)) == ("1981-01-01", "1990-12-31")
    assert str(data.valid[0][0]) == "1988-01-01" and len(data.test[1]) == 730
    assert data.train[1][0] == 20.7 and data.test[1][-1] == 13.0
    assert data.train[1].min() > -1 and data.train[1].max() < 30
