"""What a rehearsal breaks, and at which moment; never part of a loop that is for real.

    plan(home, [Fault("train", "epoch 2", "kill"), Fault("version", "before", "full")])

A fault is crossed off the list before it strikes, so that it strikes once. Kills are
kills (SIGKILL), and "full" is the system's own refusal to let a file grow.
"""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from filelock import FileLock

from common.sentiment import bundle
from common.sentiment.loop.home import Home, read_json, write_json

KINDS = ("kill", "full", "corrupt", "lock")
LOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in the driver."""

    step: str
    moment: str
    """"before", "between" the effect and its note, "after", or "epoch 2"."""
    kind: str
    """One of `KINDS`: the process is killed; no file may grow; the packed model loses
    a bit; somebody holds the registry's lock for `LOCK_SECONDS`."""


def plan(home: Home, faults: Sequence[Fault]) -> None:
    """Let these strike, each once, at the first time that its moment comes."""
    write_json(home.folder / "faults.json", [asdict(fault) for fault in faults])


def struck(home: Home) -> list[dict]:
    """Which faults struck, and when: "step", "moment", "kind", "time"."""
    path = home.folder / "struck.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


class Injector:
    """Called by the loop at every moment of every step; strikes by the plan."""

    def __init__(self, home: Home) -> None:
        """Take the loop whose plan is looked at."""
        self._home = home

    def __call__(self, step: str, moment: str) -> None:
        """Strike if the plan says so."""
        planned = read_json(self._home.folder / "faults.json") or []
        for i, fault in enumerate(planned):
            if (fault["step"], fault["moment"]) == (step, moment):
                write_json(
                    self._home.folder / "faults.json", planned[:i] + planned[i + 1 :]
                )
                note(self._home, **fault)
                self._strike(fault["kind"])
                return

    def _strike(self, kind: str) -> None:
        if kind == "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        elif kind == "full":
            import resource

            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        elif kind == "corrupt":
            newest = max(
                self._home.place("releases").iterdir(), key=lambda p: int(p.name)
            )
            damage(newest / "model" / bundle.ONNX_MODEL)
        elif kind == "lock":
            held = threading.Event()
            threading.Thread(target=self._hold, args=(held,), daemon=True).start()
            held.wait()

    def _hold(self, held: threading.Event) -> None:
        with FileLock(self._home.folder / "registry" / "registry.lock"):
            held.set()
            time.sleep(LOCK_SECONDS)


def damage(path: os.PathLike) -> None:
    """Turn one bit in the middle of a file."""
    with open(path, "r+b") as file:
        middle = os.path.getsize(path) // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))


def note(home: Home, step: str, moment: str, kind: str) -> None:
    """Remember that a fault strikes now."""
    row = {"step": step, "moment": moment, "kind": kind, "time": time.time()}
    with open(home.folder / "struck.jsonl", "a", encoding="ascii") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


# --- Afterwards ----------------------------------------------------------------------

NOTICED = {
    "kill": "crew: the driver has ended",
    "full": "driver: the system refuses",
    "corrupt": "service: a hash differs",
    "lock": "driver: it waits",
}
"""Who notices a fault of a kind, as the loop is built."""


def recoveries(home: Home, turn: str) -> list[dict]:
    """What struck a turn, and how long it took until the step hit was noted.

    A damaged model is noticed a step later, by the canary.

    Returns:
        "fault", "where", "noticed by" and "seconds" of each; nan if it never was.
    """
    rows = [row for row in home.journal.rows() if row["turn"] == turn]
    found = []
    for one in struck(home):
        step = "canary" if one["kind"] == "corrupt" else one["step"]
        ends = [
            row["time"] - one["time"]
            for row in rows
            if row["step"] == step and row["time"] > one["time"]
        ]
        where, who = f"{one['step']}, {one['moment']}", NOTICED[one["kind"]]
        found.append({"fault": one["kind"], "where": where, "noticed by": who})
        found[-1]["seconds"] = min(ends, default=math.nan)
    return found


def seconds_between(
    events: Sequence[tuple[float, str]], first: str, then: str
) -> float:
    """From a host's first event of one kind to the next of another; nan if none.

    Args:
        events: of the host.
        first, then: how the two begin.
    """
    begun = min((when for when, what in events if what.startswith(first)), default=None)
    if begun is None:
        return math.nan
    ends = [w - begun for w, what in events if what.startswith(then) and w > begun]
    return min(ends, default=math.nan)
