"""Runs what the driver wants: processes of the service behind the router.

It reads desired.json, compares with what there is, does the next thing that brings the
two together, and writes status.json; again and again (Day 32's reconciliation). It
needs no memory: whatever has died or was forgotten is a difference, and is made good.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from common import program
from common.sentiment.loop.home import Home, read_json, write_json
from common.sentiment.loop.router import Router
from common.sentiment.loop.stops import Stops

_SERIAL = itertools.count(1)
_BETWEEN_SECONDS, _START_SECONDS = 0.1, 90.0
_MOST_STARTS = 3
"""How often a release may end by itself before it was ready."""


@dataclass
class Instance:
    """One process of a release."""

    release: str
    slot: str
    server: program.Server
    since: float
    ready: bool = False
    trial: bool = False


class Host(Stops):
    """From its start until the end of the block it keeps the service as desired.

    Attributes:
        port: where clients ask, on 127.0.0.1.
        instances: by slot, those that run.
        releases: by slot, which release has it or had it: its name.
        next_ports: what new processes listen on, before free ports are taken.
        events: (seconds by `time.time`, what happened).
    """

    def __init__(self, home: Home) -> None:
        """Start it; what desired.json wants comes up at once."""
        self.home = home
        self.next_ports: list[int] = []
        (home.folder / "status.json").unlink(missing_ok=True)  # an earlier host's
        self.router = Router()
        self.port = self.router.port
        self.instances: dict[str, Instance] = {}
        self.releases: dict[str, str] = {}
        self.events: list[tuple[float, str]] = []
        self._refused: dict[str, str] = {}
        self._starts: dict[str, int] = {}
        self._gone: dict[str, list[int]] = {}
        self._stable: dict | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End every process, and the router."""
        self._ended.set()
        self._thread.join(30)
        for instance in list(self.instances.values()):
            instance.server.stop()
        self.instances.clear()
        self.router.stop()

    @property
    def ready_count(self) -> int:
        """How many processes are ready."""
        return sum(one.ready for one in list(self.instances.values()))

    def kill_one(self) -> str:
        """Kill a process of the stable release; return when this host has noticed."""
        running = list(self.instances.values())
        one = next(i for i in running if i.ready and not i.trial)
        assert one.server.process is not None
        one.server.process.kill()
        self._note(f"killed {one.slot}")
        while one.slot in self.instances:
            time.sleep(0.02)
        return one.slot

    # --- Reconciliation -----------------------------------------------------------

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.reconcile()
            except Exception as error:  # the host must outlive whatever it meets
                self._note(f"trouble: {type(error).__name__} {error}")
            self._ended.wait(_BETWEEN_SECONDS)

    def reconcile(self) -> None:
        """Do the next things that bring what there is closer to what is wanted."""
        desired = read_json(self.home.folder / "desired.json") or {}
        stable, canary = desired.get("stable"), desired.get("canary")
        self._bury()
        for instance in self.instances.values():
            self._look_at(instance)
        if stable is not None:
            self._bring(stable, self.home.settings.replicas, None)
        if canary is not None and canary != stable:
            self._bring(canary, 1, desired.get("share", 0.25))
        if stable is not None and self._ready(stable["name"], proven=True):
            self._stable = stable
        wanted = {r["name"] for r in (stable, canary, self._stable) if r is not None}
        for instance in list(self.instances.values()):
            if instance.release not in wanted:
                self._retire(instance)
        self._tell()

    def _bring(self, release: dict, count: int, share: float | None) -> None:
        name = release["name"]
        if name in self._refused:
            return
        own = [i for i in self.instances.values() if i.release == name]
        for _ in range(count - len(own)):
            self._start(release)
        proven = [i for i in self.instances.values() if i.ready and not i.trial]
        for one in own:
            if not one.ready:
                continue
            if share is None:
                self._join(one, 100, False)
            else:
                weight = max(1, round(100 * len(proven) * share / (1 - share)))
                self._join(one, weight, True)

    def _join(self, one: Instance, weight: int, trial: bool) -> None:
        if one.slot not in self.router.counts() or one.trial != trial:
            one.trial = trial
            self.router.join(one.slot, one.server.port, weight, trial=trial)
            self._note(f"{'canary' if trial else 'joins'} {one.release}")

    def _start(self, release: dict) -> None:
        name, slot = release["name"], f"i{next(_SERIAL)}"
        if self._starts.get(name, 0) >= _MOST_STARTS + self.home.settings.replicas:
            self._refused[name] = "it ended again and again"
            return
        self._starts[name] = self._starts.get(name, 0) + 1
        folder = self.home.place("instances") / f"{os.getpid()}-{slot}"
        folder.mkdir()
        model = self.home.folder / "releases" / str(release["model"]) / "model"
        port = str(self.next_ports.pop()) if self.next_ports else "{port}"
        server = program.Server(
            program.command("common.sentiment.api", "--port", port),
            "/ready",
            folder,
            SENTIMENT_MODEL=str(model),
            SENTIMENT_RELOAD_SECONDS="0.5",
            UVICORN_LOG_LEVEL="warning",
            INSTANCE=f"{os.getpid()}-{slot}",
            **release["settings"],
        )
        self.instances[slot] = Instance(name, slot, server, time.monotonic())
        self.releases[slot] = name
        write_json(folder / "release.json", release | {"slot": slot})
        self._note(f"starts {name}")

    def _look_at(self, one: Instance) -> None:
        if one.ready:
            return
        status, said = _ask(one.server.url + "/ready")
        if status == 200:
            one.ready = True
        elif status == 503 and "being loaded" not in said:
            self._refuse(one, said)
        elif time.monotonic() - one.since > _START_SECONDS:
            self._refuse(one, "it was not ready in time")

    def _refuse(self, one: Instance, reason: str) -> None:
        self._refused[one.release] = reason
        self._note(f"refused {one.release}")

    def _bury(self) -> None:
        for one in list(self.instances.values()):
            process = one.server.process
            if process is None or process.poll() is not None:
                self._note(f"{'died' if one.ready else 'ended'} {one.release}")
                self._forget(one)
            elif one.release in self._refused:
                self._retire(one)

    def _retire(self, one: Instance) -> None:
        if one.slot in self.router.counts():
            self.router.drain(one.slot)
            self.router.wait_idle(one.slot)
        self._forget(one)
        self._note(f"leaves {one.release}")

    def _forget(self, one: Instance) -> None:
        if (counted := self.router.counts().get(one.slot)) is not None:
            sums = self._gone.setdefault(one.release, [0, 0])
            sums[0] += counted["failed"]
            sums[1] += counted["failed"] + counted["answered"]
            self.router.leave(one.slot)
        one.server.stop()
        self.instances.pop(one.slot, None)

    def _ready(self, name: str, proven: bool) -> bool:
        joined = self.router.counts()
        own = [i for i in self.instances.values() if i.release == name]
        good = [i for i in own if i.ready and i.slot in joined and i.trial != proven]
        return len(good) >= (self.home.settings.replicas if proven else 1)

    # --- What it says -------------------------------------------------------------

    def _tell(self) -> None:
        counts = {name: list(sums) for name, sums in self._gone.items()}
        for slot, counted in self.router.counts().items():
            sums = counts.setdefault(self.releases[slot], [0, 0])
            sums[0] += counted["failed"]
            sums[1] += counted["failed"] + counted["answered"]
        trials = [i.release for i in self.instances.values() if i.trial and i.ready]
        proven = [i for i in self.instances.values() if i.ready and not i.trial]
        write_json(
            self.home.folder / "status.json",
            {
                "stable": self._stable and self._stable["name"],
                "canary": trials[0] if trials else None,
                "refused": self._refused,
                "counts": counts,
                "watch_url": proven[0].server.url if proven else "",
            },
        )

    def _note(self, what: str) -> None:
        self.events.append((time.time(), what))


def _ask(url: str) -> tuple[int, str]:
    """Status and message of a path; 0 without an answer. Never through a proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        try:
            return error.code, str(json.loads(error.read())["message"])
        except (ValueError, KeyError, TypeError, OSError):
            return error.code, ""
    except OSError:
        return 0, ""
