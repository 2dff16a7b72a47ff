"""Steps that wait for the host: the canary, the promotion, the change of versions.

The driver never touches the service. It writes which releases *shall* serve, and reads
what the host says; so a driver that is killed leaves a service that runs on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from common.sentiment.loop import steps
from common.sentiment.loop.home import Home, read_json, write_json
from common.sentiment.loop.journal import key_of


class LoopError(RuntimeError):
    """A step that cannot be done now; says why. The driver ends, and begins anew."""


def release_of(model: int, packed: dict, attempt: int = 0) -> dict:
    """What the host is asked to run; another attempt is another release."""
    name = {"model": model, "settings": packed["settings"], "attempt": attempt}
    return name | {"name": f"{model}-{key_of(packed)[:4]}-{attempt}"}


def want(home: Home, **wanted: dict | None) -> None:
    """Write which releases shall serve: `stable`, `canary`; what is not named stays."""
    desired = read_json(home.folder / "desired.json") or {}
    new = desired | wanted
    if new != desired:
        write_json(home.folder / "desired.json", new)


def wait_for(home: Home, what: str, true: Callable[[dict], bool]) -> dict:
    """Wait until the host's status is such; raises LoopError when patience ends."""
    end = time.monotonic() + home.settings.patience_seconds
    while time.monotonic() < end:
        status = home.status
        if true(status):
            return status
        time.sleep(0.05)
    raise LoopError(f"Waited in vain for {what}.")


def p_value(failed_new: int, sent_new: int, failed_old: int, sent_old: int) -> float:
    """Of so many failures or more at the new one, if both fail alike (Day 32)."""
    failed, total = failed_new + failed_old, sent_new + sent_old
    ways = sum(
        math.comb(sent_new, i) * math.comb(sent_old, failed - i)
        for i in range(failed_new, min(failed, sent_new) + 1)
    )
    return ways / math.comb(total, failed)


def canary(home: Home, model: int, packed: dict, verdict: dict) -> dict:
    """Give a version a share of the requests; take it back when it fails too often.

    One that cannot start is packed once more, for its files may be damaged.
    """
    asked = home.settings
    for attempt in (0, 1):
        release = release_of(model, packed, attempt)
        name = release["name"]
        want(home, canary=release, share=asked.canary_share)
        status = wait_for(
            home,
            "the canary",
            lambda s, n=name: n in s.get("refused", {}) or s.get("canary") == n,
        )
        if reason := status["refused"].get(name):
            want(home, canary=None)
            steps.package(home, model, verdict)
            continue
        result = _looks(home, name)
        if not result["accepted"]:
            want(home, canary=None)
            wait_for(home, "the end of the canary", lambda s: not s.get("canary"))
        return result
    return {"accepted": False, "reason": f"It did not start: {reason}", "looks": 0}


def _looks(home: Home, name: str) -> dict:
    asked, begun = home.settings, home.status["counts"]
    stable = home.status["stable"]
    for look in range(1, asked.looks + 1):
        enough = begun.get(name, [0, 0])[1] + look * asked.requests_a_look
        status = wait_for(
            home,
            "requests at the canary",
            lambda s, n=enough: s["counts"].get(name, [0, 0])[1] >= n,
        )
        (failed, sent), (failed_old, sent_old) = (
            [
                now - was
                for now, was in zip(
                    status["counts"].get(one, [0, 0]),
                    begun.get(one, [0, 0]),
                    strict=True,
                )
            ]
            for one in (name, stable)
        )
        p = p_value(failed, sent, failed_old, sent_old)
        facts = {"looks": look, "failed": failed, "sent": sent, "p": p}
        if p < asked.canary_level / asked.looks:
            reason = f"{failed} of its {sent} requests failed, p = {p:.0e}."
            return {"accepted": False, "reason": reason, **facts}
    return {"accepted": True, "reason": "", **facts}


def promote(home: Home, model: int, champion: int | None, turn: str) -> dict:
    """Let the registry's one value name the version; nothing if it does."""
    if home.registry.champion == model:  # done before a kill
        serving = home.registry.serving
    else:
        serving = home.registry.promote(
            model, expected_champion=champion, decided_by=f"turn {turn}"
        )
    return {"champion": serving.champion, "previous": serving.previous}


def settle(home: Home, model: int, packed: dict, data_version: str) -> dict:
    """Let the version take all requests, and begin to watch it."""
    known = steps.reference(home, model, data_version)
    desired = read_json(home.folder / "desired.json") or {}
    release = desired.get("canary") or desired.get("stable")
    if not release or release["model"] != model:
        release = release_of(model, packed)
    want(home, stable=release, canary=None)
    wait_for(
        home,
        "the new version",
        lambda s: s.get("stable") == release["name"] and not s.get("canary"),
    )
    return known
