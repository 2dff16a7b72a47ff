"""Several processes of the service behind one proxy: a host on this machine.

    with rollout.Fleet(folder) as fleet:
        old = fleet.start(rollout.Version("1", {"SENTIMENT_MODEL": str(model)}))
        fleet.join(old)
        ...                      # requests go to fleet.port
    fleet.events                 # what happened, and when

It can do what a host does to an instance: start it, wait until it is ready, send it a
share of the requests, drain it, ask it to end, kill it. *When* it should, a lesson
decides (Day 32's notebook). At the end of the block everything has ended, also when
the block has failed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from common import program
from common.sentiment.proxy import SLOTS, Proxy

_SERIAL = itertools.count(1)
_MARKS = {"join": "^", "stopped": "v", "killed": "X"}
COLORS = {"1": "C0", "2": "C2", "3": "C3", "none": "0.3"}
"""Of the versions of a rehearsal, and of requests that no server answered."""


@dataclass(frozen=True)
class Version:
    """What is released: a name, and the environment that makes the difference."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Instance:
    """One process of a version, and its place at the proxy."""

    version: str
    slot: str
    server: program.Server


class Fleet:
    """A proxy and the instances behind it.

    Attributes:
        port: where clients ask.
        instances: those that run, in the order of their start.
        events: (seconds by `time.monotonic`, what happened).
        versions: by slot, which version has it, or had it.
    """

    def __init__(self, folder: Path, *, check: str = "/ready", retries: bool = True):
        """Start the proxy; see `Proxy`."""
        self.proxy = Proxy(folder, check=check, retries=retries)
        self.port = self.proxy.port
        self.instances: list[Instance] = []
        self.events: list[tuple[float, str]] = []
        self.versions: dict[str, str] = {}
        self._folder = Path(folder)
        self._free = iter(SLOTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for instance in self.instances:
            instance.server.stop()
        self.instances.clear()
        self.proxy.stop()

    def note(self, what: str) -> None:
        """Remember what happens now."""
        self.events.append((time.monotonic(), what))

    def start(self, version: Version) -> Instance:
        """Start a process; it gets no requests yet.

        Raises:
            RuntimeError: this fleet has had more instances than it has slots.
        """
        slot = next(self._free, None)
        if slot is None:
            raise RuntimeError(f"A fleet starts {len(SLOTS)} instances at most.")
        command = program.command("common.sentiment.api", "--port", "{port}")
        environment = {
            "UVICORN_LOG_LEVEL": "warning",
            **version.environment,
            "INSTANCE": f"{os.getpid()}-{next(_SERIAL)}",  # else taken for a restart
        }
        server = program.Server(command, "/ready", self._folder, **environment)
        instance = Instance(version.name, slot, server)
        self.instances.append(instance)
        self.versions[slot] = version.name
        self.note(f"start {version.name}")
        return instance

    def ready(self, instance: Instance, seconds: float = 20, path: str = "") -> bool:
        """Wait until an instance says that it is; return whether it came so far.

        Args:
            instance: a running one.
            seconds: how long.
            path: which path is asked; the readiness path if empty.
        """
        instance.server.ready = path or "/ready"
        try:
            instance.server.wait(seconds)
        except RuntimeError:
            return False
        self.note(f"ready {instance.version}")
        return True

    def join(self, instance: Instance, share: float | None = None) -> None:
        """Send it requests: as many as the others get, or a share between 0 and 1."""
        weight = 100
        if share is not None:
            others = 100 * (len(self.instances) - 1)
            weight = max(1, min(256, round(others * share / (1 - share))))
        self.proxy.join(instance.slot, instance.server.port, weight)
        self.note(f"join {instance.version}")

    def drain(self, instance: Instance, seconds: float = 10) -> bool:
        """Send it no new requests, await those in flight; return whether all came."""
        self.proxy.drain(instance.slot)
        self.note(f"drain {instance.version}")
        return self.proxy.wait_idle(instance.slot, seconds)

    def stop(self, instance: Instance, grace: float = 10) -> bool:
        """Ask it to end, and end it after the grace period; True if it heard."""
        process = instance.server.process
        heard = True
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                heard = False
                process.kill()
                process.wait(10)
        self._gone(instance, "stopped")
        return heard

    def kill(self, instance: Instance) -> None:
        """End it at once, as a crash or a lost machine would; the proxy is not told."""
        instance.server.process.kill()
        instance.server.process.wait(10)
        self.note(f"killed {instance.version}")
        self.instances.remove(instance)

    def counts(self, instance: Instance) -> tuple[int, int]:
        """Return how many requests it failed, and how many it got, by the proxy."""
        counted = self.proxy.counts()[instance.slot]
        return counted["failed"], counted["failed"] + counted["answered"]

    def _gone(self, instance: Instance, how: str) -> None:
        self.proxy.leave(instance.slot)
        instance.server.stop()
        self.note(f"{how} {instance.version}")
        with contextlib.suppress(ValueError):
            self.instances.remove(instance)


def by_version(table: pd.DataFrame, versions: Mapping[str, str]) -> pd.DataFrame:
    """Add to a load's table the version that answered and whether the request failed.

    Args:
        table: of `Load.table`.
        versions: of a fleet.

    Returns:
        The table with `version` ("none" where no server answered) and `failed` (bool:
        any status but 200; every request of a rehearsal is one that has an answer).
    """
    version = table["server"].map(dict(versions)).fillna("none")
    return table.assign(version=version, failed=table["status"] != 200)


def each_second(table: pd.DataFrame, width: float = 1.0) -> pd.DataFrame:
    """Sum a table of `by_version` up over pieces of time.

    Args:
        table: one row a request, the index its intended send in seconds.
        width: of a piece, in seconds.

    Returns:
        By the beginning of each piece: a column of requests for each version,
        `failed`, and `p99` (seconds, of the answered ones).
    """
    piece = (table.index // width * width).to_numpy()
    counted = pd.crosstab(piece, table["version"])
    grouped = table.groupby(piece)
    counted["failed"] = grouped["failed"].sum()
    answered = table[~table["failed"]]
    pieces = (answered.index // width * width).to_numpy()
    counted["p99"] = answered.groupby(pieces)["latency"].quantile(0.99)
    return counted


def plot(
    table: pd.DataFrame,
    events: Sequence[tuple[float, str]],
    title: str,
    *,
    rate: float,
    width: float,
) -> np.ndarray:
    """Draw requests by version, who came and left, failures; below them the p99.

    Args:
        table: of `by_version`.
        events: (seconds on the table's clock, what), as a fleet notes them.
        title: what the picture shows.
        rate: requests a second, for the height.
        width: of a piece of time, in seconds.

    Returns:
        The two Axes.
    """
    pieces = each_second(table, width)
    pieces = pieces[pieces.index + width <= table.index.max() + 2 / rate]  # whole ones
    _, (top, bottom) = plt.subplots(
        2, 1, figsize=(8.5, 4.3), sharex=True, height_ratios=[3, 2]
    )
    base = np.zeros(len(pieces))
    for name in [name for name in COLORS if name in pieces]:
        height = pieces[name].to_numpy() / width
        label = "no server" if name == "none" else f"version {name}"
        style = {"align": "edge", "color": COLORS[name], "label": label}
        top.bar(pieces.index, height, width, base, **style)
        base += height
    for when, what in events:
        how, _, version = what.partition(" ")
        if when > 0 and how in _MARKS:
            color = COLORS.get(version, "0.6")
            style = {"ms": 7, "mec": "black", "mew": 0.6, "clip_on": False}
            top.plot(when, 1.1 * rate, _MARKS[how], color=color, **style)
    for when, count in pieces["failed"][pieces["failed"] > 0].items():
        style = {"rotation": 90, "ha": "center", "va": "center", "fontsize": 8}
        top.text(when + width / 2, rate / 2, f"{count} failed", color="white", **style)
    top.set(title=title, ylabel="requests/s", ylim=(0, 1.5 * rate))
    top.legend(loc="upper right", ncols=4, fontsize=8)
    bottom.plot(pieces.index + width / 2, pieces["p99"] * 1e3, "o-", ms=3)
    bottom.set(yscale="log", ylabel="p99 (ms)", xlabel="intended send (s)")
    bottom.yaxis.set_major_formatter("{x:g}")
    bottom.yaxis.set_minor_formatter("")
    return np.array([top, bottom])
