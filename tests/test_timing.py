"""The least of several times: one slow call does not count, nor does the first."""

import time

from common.timing import least_seconds


def test_the_quickest_call_counts_and_the_first_warms_up():
    pauses = iter((0.0, 0.2, 0.03, 0.2))
    calls = []

    def work():
        pause = next(pauses)
        calls.append(pause)
        time.sleep(pause)

    assert 0.03 <= least_seconds(work, 3) < 0.15
    assert len(calls) == 4
