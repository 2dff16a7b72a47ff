"""Budgets, places, and the one line that a notebook starts with."""

import os
import subprocess
import sys

import pytest

from common import ROOT, course_home, runtime


@pytest.mark.parametrize("name", runtime.BUDGETS)
def test_budget_picks_the_value_of_the_active_one(monkeypatch, name):
    monkeypatch.setenv("COURSE_BUDGET", name)
    assert runtime.active_budget() == name
    assert runtime.budget(smoke="smoke", quick="quick", full="full") == name


def test_without_a_budget_the_machine_decides(monkeypatch):
    monkeypatch.delenv("COURSE_BUDGET", raising=False)
    monkeypatch.setattr(runtime, "_accelerator", lambda: None)
    assert runtime.active_budget() == "quick"
    assert runtime.device().startswith("CPU, ")
    monkeypatch.setattr(runtime, "_accelerator", lambda: "Tesla T4")
    assert runtime.active_budget() == "full"
    assert runtime.device() == "GPU, Tesla T4"


def test_an_unknown_budget_is_refused_with_the_three_that_exist(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "huge")
    with pytest.raises(ValueError, match=r"'huge'.*smoke, quick or full"):
        runtime.budget(smoke=1, quick=2, full=3)


def test_start_seeds_and_prints_one_line(monkeypatch, capsys):
    import keras

    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    draws = []
    for _ in range(2):
        runtime.start("day01_mnist")
        draws.append(keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist())
    assert draws[0] == draws[1]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"day01_mnist: Keras {keras.__version__} on ")
    assert lines[0].endswith(", smoke budget")


def test_course_home_lies_outside_the_repository(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_HOME", raising=False)
    assert ROOT not in [course_home(), *course_home().parents]
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    assert course_home() == tmp_path


HASTE = {
    "tensorflow": "import tensorflow as tf\n"
    "options = tf.config.optimizer.get_experimental_options()\n"
    "print(options.get('disable_meta_optimizer', False))",
    "jax": "import jax\nprint(jax.config.read('jax_disable_most_optimizations'))",
    "torch": "import os\nprint(os.environ['COURSE_BUDGET'] == 'smoke')",
}
"""Prints whether a backend leaves its graphs as they are."""


@pytest.mark.parametrize("budget", ["smoke", "quick"])
def test_keras_starts_without_a_notice_and_hurries_in_smoke_alone(budget):
    backend = runtime.keras.backend.backend()
    code = f"from common import quiet\nquiet.start()\n{HASTE[backend]}"
    env = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_BUDGET": budget}
    env.pop("TF_CPP_MIN_LOG_LEVEL", None)
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    )
    assert (run.stdout, run.stderr) == (f"{budget == 'smoke'}\n", "")


def test_quiet_does_not_hide_pythons_errors(capfd):
    from common.quiet import native_stderr_closed

    with pytest.raises(ImportError, match="not there"), native_stderr_closed():
        os.write(2, b"a notice")
        raise ImportError("not there")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


@pytest.mark.parametrize(
    ("backend", "budget", "steps"),
    [("tensorflow", "quick", 32), ("tensorflow", "smoke", 1), ("torch", "quick", 1)],
)
def test_pytorch_runs_one_step_at_a_time(monkeypatch, backend, budget, steps):
    monkeypatch.setattr(runtime.keras.backend, "backend", lambda: backend)
    monkeypatch.setenv("COURSE_BUDGET", budget)
    assert runtime.steps_per_execution() == steps
