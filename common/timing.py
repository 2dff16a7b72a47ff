"""How long a call takes on a machine that has other things to do."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def least_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the least wall time of several calls, after one that warms up.

    Whatever else the machine does can only make a call longer.

    Args:
        work: what to time.
        repeats: how many calls, at least one.
    """
    work()
    marks = [time.perf_counter()]
    for _ in range(repeats):
        work()
        marks.append(time.perf_counter())
    return float(np.min(np.diff(marks)))
