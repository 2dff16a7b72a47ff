"""A Ray cluster of several nodes on this one machine, for lessons and tests.

    with cluster.LocalCluster(nodes=2) as local:
        ray.get(work.remote())
        local.kill(1)          # SIGKILL, as if a machine lost its power
        local.add()            # a new one takes its place

Each node has its own raylet, its own object store and its own workers, as on a machine
of its own; they talk over the loopback interface and nothing else. Everything that was
started ends with the block, also after an error, and with the process at the latest.

Ray itself starts helpers that a lesson does not use: a dashboard, an autoscaler, a
collector of logs and metrics, a report of usage to Ray's makers. They are left out,
since each is one more Python process for two cores to start.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import inspect
import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from common import runtime, workers

LOOPBACK = "127.0.0.1"

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no report to Ray's makers
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_TRAIN_ENABLE_STATE_TRACKING": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # another program's memory kills no worker
    "RAY_SERVE_ENABLE_HA_PROXY": "0",
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "GLOG_minloglevel": "2",
}
"""What Ray reads from the environment when it is imported, or when a node starts."""

_CONFIG = {
    # A killed node is called dead after about three seconds, not fifteen
    "health_check_initial_delay_ms": 2_000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 10_000,
    "health_check_failure_threshold": 5,
    # On a busy machine a worker may take minutes to start, and nobody waits for one
    "worker_register_timeout_seconds": 300,
    "prestart_worker_first_driver": False,
}

STORE_BYTES = 80_000_000
"""An object store's default size; Ray refuses less than 75 MB."""


ASKED_FOR = "COURSE_CLUSTER"
"""Set to 1, a cluster is started in the smoke budget too, for which it is too slow."""


def why_not(package: str = "ray") -> str | None:
    """Return why nothing is started here that takes a cluster; None if it can be.

    Args:
        package: what it takes, "ray" or "jax".
    """
    if importlib.util.find_spec(package) is None:
        return f"{package} is not installed: `make add` brings it."
    if runtime.active_budget() == "smoke" and os.environ.get(ASKED_FOR) != "1":
        return (
            "The smoke budget leaves out what starts a dozen processes; with "
            f"{ASKED_FOR}=1 it does not."
        )
    if package == "ray" and sys.platform == "win32":
        return "Ray has no cluster of several nodes on one Windows machine."
    return None


class ClusterError(RuntimeError):
    """A cluster that cannot be started, or a node that is not there."""


class LocalCluster:
    """Ray nodes on this machine; the first is the head, and the driver is on it.

    Attributes:
        nodes: Ray's node objects that are alive, the head first.
    """

    running: LocalCluster | None = None
    """The one that this process has; starting another ends it first."""

    def __init__(
        self,
        nodes: int = 2,
        cpus: int = 1,
        store_bytes: int = STORE_BYTES,
        libraries: Sequence[str] = (),
    ) -> None:
        """Start the nodes and connect this process to the head.

        Args:
            nodes: how many, the head included.
            cpus: what each node claims to have; Ray takes the number on trust.
            store_bytes: the size of each node's object store.
            libraries: of Ray's, to be imported: "data", "train", "tune", "serve".

        Raises:
            ClusterError: Ray is missing, or a node does not start.
        """
        if importlib.util.find_spec("ray") is None:
            raise ClusterError(why_not())
        if LocalCluster.running is not None:
            LocalCluster.running.shutdown()
        # Not below a long TMPDIR: the path of a Unix socket has 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        self._cpus, self._store_bytes = cpus, store_bytes
        self._cluster: Any = None
        self._started: list[Any] = []
        LocalCluster.running = self
        atexit.register(self.shutdown)
        try:
            self._start(nodes, libraries)
        except BaseException as error:
            self.shutdown()
            if isinstance(error, Exception):
                raise ClusterError(f"The cluster did not start: {error}") from error
            raise

    def _start(self, nodes: int, libraries: Sequence[str]) -> None:
        os.environ.update(SETTINGS)
        with _quiet():
            import ray
            from ray.cluster_utils import Cluster

        # A node is killed on purpose here: what became of the work, the results tell
        logging.getLogger("ray").setLevel(logging.CRITICAL)

        if ray.is_initialized():
            ray.shutdown()
        with _lean():
            self._cluster = Cluster(
                initialize_head=True,
                head_node_args={
                    **self._node(),
                    "temp_dir": str(self.folder),
                    "_system_config": _CONFIG,
                },
            )
            self._started.append(self._cluster.head_node)
            for _ in range(nodes - 1):
                self.add()
            ray.init(
                address=self._cluster.address,
                _node_ip_address=LOOPBACK,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        with _quiet():
            for name in libraries:
                importlib.import_module(f"ray.{name}")
        for name in libraries:
            logging.getLogger(f"ray.{name}").setLevel(logging.CRITICAL)

    def _node(self) -> dict[str, Any]:
        return {
            "num_cpus": self._cpus,
            "object_store_memory": self._store_bytes,
            "node_ip_address": LOOPBACK,
            "runtime_env_agent_port": workers.free_port(),
            "include_dashboard": False,
            "include_log_monitor": False,
            "no_monitor": True,
        }

    @property
    def nodes(self) -> list[Any]:
        """Ray's objects of the nodes that are alive, the head first."""
        if self._cluster is None:
            raise ClusterError("The cluster has ended; start another one.")
        alive = self._cluster.list_all_nodes()
        return [node for node in self._started if node in alive]

    def ids(self) -> list[str]:
        """Return the ids of the nodes that are alive, the head's first."""
        return [node.node_id for node in self.nodes]

    def add(self) -> str:
        """Start one more node; return its id."""
        with _lean():
            node = self._cluster.add_node(**self._node())
        self._started.append(node)
        return node.node_id

    def kill(self, number: int = 1) -> float:
        """Kill a node's processes with SIGKILL; Ray notices some three seconds later.

        Its workers die in the same moment, as they do when a machine loses its power.
        Left to themselves they would go on answering until they miss their raylet.

        Args:
            number: in the order of `nodes`; not 0, for the head holds the cluster's
                memory and the driver's own connection.

        Returns:
            The time of the kill, as `time.time()` gives it.

        Raises:
            ClusterError: there is no such node, or it is the head.
        """
        nodes = self.nodes
        if not 0 < number < len(nodes):
            raise ClusterError(f"There is no node {number} that may be killed.")
        its_own = _processes(nodes[number])
        moment = time.time()
        for process in its_own:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.remove_node(nodes[number], allow_graceful=False)
        return moment

    def store_bytes_used(self) -> int:
        """Return how many bytes of all object stores hold objects now."""
        import ray

        total = ray.cluster_resources().get("object_store_memory", 0)
        free = ray.available_resources().get("object_store_memory", 0)
        return int(total - free)

    def spilled_bytes(self) -> int:
        """Return how many bytes of objects lie on disk, for want of memory."""
        total = 0
        for file in self.folder.glob("session_*/**/ray_spilled_objects*/*"):
            with contextlib.suppress(FileNotFoundError):
                total += file.stat().st_size
        return total

    def shutdown(self) -> None:
        """End all that was started; may be called twice."""
        atexit.unregister(self.shutdown)
        cluster, self._cluster = self._cluster, None
        if LocalCluster.running is self:
            LocalCluster.running = None
        try:
            if "ray" in sys.modules:
                sys.modules["ray"].shutdown()
        finally:
            if cluster is not None:
                cluster.shutdown()
            self._end_what_is_left()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end_what_is_left(self) -> None:
        """Kill what names this cluster's folder: a worker that was about to start."""
        left = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.folder) in word for word in process.cmdline()):
                    process.kill()
                    left.append(process)
        psutil.wait_procs(left, timeout=10)

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


def _processes(node: Any) -> list[psutil.Process]:
    """Return a node's own processes and all that they have started: its workers."""
    found: list[psutil.Process] = []
    for one in (info for infos in node.all_processes.values() for info in infos):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(one.process.pid)
            found += [process, *process.children(recursive=True)]
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Import what warns, and notes that bars and widgets are not there."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def _lean() -> Iterator[None]:
    """Start nodes without the modules of the dashboard, and on the loopback alone."""
    import ray._private.ray_constants
    import ray._private.services
    import ray._private.utils
    import ray._private.worker

    absent = ImportError("left out of a local cluster")
    utils, constants = ray._private.utils, ray._private.ray_constants
    services = ray._private.services
    with (
        mock.patch.object(utils, "get_dashboard_dependency_error", return_value=absent),
        mock.patch.object(constants, "ENABLE_RAY_CLUSTER", False),
        # What raylets report, a killed one's last words too, goes to their log files
        mock.patch.object(ray._private.worker, "listen_error_messages"),
        mock.patch.object(services, "start_raylet", _not_waiting(services)),
    ):
        yield


def _not_waiting(services: Any) -> Callable[..., Any]:
    """Return what starts a raylet that need not wait for its agents.

    It waits until they have written where they listen, for 15 s, and then gives up: on
    a busy machine no node would start. Of those that are left out it is known now (-1
    is Ray's word for it), and of the other the port was given.
    """
    from ray import _raylet

    start_raylet = services.start_raylet

    @functools.wraps(start_raylet)
    def start(*words: Any, **named: Any) -> Any:
        given = inspect.signature(start_raylet).bind(*words, **named).arguments
        place = given["session_dir"], given["node_id"]
        for name in ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN"):
            _raylet.persist_port(*place, getattr(_raylet, f"{name}_PORT_NAME"), -1)
        port = given["runtime_env_agent_port"]
        _raylet.persist_port(*place, _raylet.RUNTIME_ENV_AGENT_PORT_NAME, port)
        return start_raylet(*words, **named)

    return start
