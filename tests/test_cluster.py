"""Ray on two nodes of this machine, and all of Day 39 on it (`pytest -m cluster`).

Starting nodes takes half a minute on two cores, so `make test` leaves out what is
marked; `.ci/run` runs it. Where Ray is not installed it is skipped with the reason.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import support

from common import cluster

NODES = """
import json, psutil, sys
from common import cluster

def processes():
    return len(psutil.Process().children(recursive=True))

def answers(actor):
    # What was killed may take a moment to be gone, but it says no more.
    try:
        return bool(ray.get(actor.where.remote(), timeout=60))
    except ray.exceptions.RayError:
        return False

before = processes()
with cluster.LocalCluster(nodes=2) as local:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    @ray.remote(scheduling_strategy="SPREAD")
    def where():
        return ray.get_runtime_context().get_node_id()

    @ray.remote(num_cpus=0)
    class Resident:
        def where(self):
            return ray.get_runtime_context().get_node_id()

    ids = local.ids()
    strategy = NodeAffinitySchedulingStrategy(ids[1], soft=False)
    resident = Resident.options(scheduling_strategy=strategy).remote()
    home = ray.get(resident.where.remote(), timeout=120)
    ran = set(ray.get([where.remote() for _ in range(6)], timeout=120))
    addresses = {node["NodeManagerAddress"] for node in ray.nodes()}
    local.kill(1)
    outlived = answers(resident)
    after_kill = local.ids()
    still = ray.get(where.remote(), timeout=120)
    new = local.add()
    folder = local.folder
    try:
        local.kill(0)
    except cluster.ClusterError as error:
        refused = str(error)
print(json.dumps({
    "ids": ids, "ran": sorted(ran), "addresses": sorted(addresses),
    "after_kill": after_kill, "still": still, "new": new, "refused": refused,
    "home": home, "outlived": outlived,
    "folder": folder.exists(), "left": processes() - before,
    "running": cluster.LocalCluster.running is not None}))
"""


def test_the_reason_to_go_without_is_a_sentence(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    monkeypatch.delenv(cluster.ASKED_FOR, raising=False)
    assert cluster.why_not("no_such_package").startswith("no_such_package is not inst")
    assert f"{cluster.ASKED_FOR}=1" in cluster.why_not("numpy")
    monkeypatch.setenv(cluster.ASKED_FOR, "1")
    assert cluster.why_not("numpy") is None
    monkeypatch.setenv("COURSE_BUDGET", "quick")
    monkeypatch.delenv(cluster.ASKED_FOR)
    assert cluster.why_not("numpy") is None


def test_without_ray_a_cluster_says_what_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(cluster.ClusterError, match=r"ray is not .*`make add`"):
        cluster.LocalCluster()
    assert cluster.LocalCluster.running is None


@pytest.fixture
def ray_there():
    """Skip, in words, where no cluster can be started."""
    if importlib.util.find_spec("ray") is None:
        support.not_installed("Ray is not installed (requirements-large.txt)")
    if sys.platform == "win32":
        pytest.skip("no cluster of several nodes on one Windows machine")


@pytest.mark.cluster
def test_nodes_work_die_are_replaced_and_leave_nothing(ray_there, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NODES],
        cwd=support.ROOT,
        env=support.surroundings(tmp_path, COURSE_BUDGET="smoke"),
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, support.tail(done)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    first, second = said["ids"]
    assert said["ran"] == sorted([first, second])
    assert said["addresses"] == [cluster.LOOPBACK]
    assert said["home"] == second and not said["outlived"]
    assert said["after_kill"] == [first] and said["still"] == first
    assert said["new"] not in (first, second)
    assert "may be killed" in said["refused"]
    assert not said["folder"] and not said["running"] and said["left"] == 0


@pytest.mark.cluster
def test_the_whole_lesson_runs_on_a_cluster_and_loses_nothing(ray_there, tmp_path):
    notebook = tmp_path / "day39_scaling.ipynb"
    source = support.ROOT / "day39_scaling" / notebook.name
    whole = nbformat.read(source, as_version=4)
    probe = (
        "import json\nprint(json.dumps(ray_metrics | jax_metrics, default=float))\n"
        "assert killed_at is not None and cluster.LocalCluster.running is None"
    )
    env = support.surroundings(
        tmp_path / "home", COURSE_BUDGET="smoke", **{cluster.ASKED_FOR: "1"}
    )
    nbformat.write(whole, notebook)
    (tmp_path / "course").symlink_to(support.ROOT)  # beside it, as in Colab
    finished, ran = support.run_notebook(
        Path(sys.executable), notebook, env, probe=probe
    )
    assert finished.returncode == 0, support.tail(finished)
    *cells, last = support.code_cells(ran)
    text = "".join(one.text for one in last.outputs if one.get("name") == "stdout")
    logged = [one.text for cell in cells for one in cell.outputs if "text" in one]
    # Not TensorFlow's own lines: "E0000 00:00:1795732546.799085   15806 util.cc:131]"
    clock = re.search(r"(?<!^[EIW]\d{4} )\b\d\d:\d\d:\d\d\b", "".join(logged), re.M)
    assert clock is None, f"a log's time stamp: {clock}"
    said = json.loads(text.strip().splitlines()[-1])
    lost = ("lost_trials", "changed_trials", "lost_requests", "wrong_requests")
    assert {name: said[name] for name in lost} == dict.fromkeys(lost, 0)
    assert said["streamed_peak_over_corpus"] > 0
    assert said["jax_losses_difference"] < 1e-5
