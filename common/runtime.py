"""What every notebook does first: seeds, plotting style, and how much work to do.

A notebook has three sizes. `smoke` asks whether every cell runs, `quick` fits a
laptop's CPU, `full` gives the headline numbers. `COURSE_BUDGET` chooses; without it
an accelerator means `full` and its absence `quick`.
"""

from __future__ import annotations

import functools
import os
from typing import TypeVar

import keras

from common import plots

Value = TypeVar("Value")

BUDGETS = ("smoke", "quick", "full")
SEED = 0
"""The seed `start` sets. Comparisons over seeds set their own, one after another."""

current_day: str | None = None
"""The folder of the day that runs, from `start` on."""


def start(day: str) -> None:
    """Seed every generator, set the figure style, and print where the code runs.

    Args:
        day: the day's folder, for example `"day01_mnist"`.

    Raises:
        ValueError: `COURSE_BUDGET` names a budget that does not exist.
    """
    global current_day
    current_day = day
    keras.utils.set_random_seed(SEED)
    plots.use_style()
    print(
        f"{day}: Keras {keras.__version__} on {_backend_version()}, {device()}, "
        f"{active_budget()} budget"
    )


def active_budget() -> str:
    """Return `smoke`, `quick` or `full`: `COURSE_BUDGET`, else by the machine.

    Raises:
        ValueError: `COURSE_BUDGET` names a budget that does not exist.
    """
    asked = os.environ.get("COURSE_BUDGET", "").strip()
    if not asked:
        return "full" if device_kind() == "gpu" else "quick"
    if asked not in BUDGETS:
        raise ValueError(
            f"COURSE_BUDGET is {asked!r}, which does not exist: "
            f"choose {', '.join(BUDGETS[:-1])} or {BUDGETS[-1]}, or leave it unset."
        )
    return asked


def budget(*, smoke: Value, quick: Value, full: Value) -> Value:
    """Return the value that belongs to the active budget.

    Example:
        >>> EPOCHS = budget(smoke=1, quick=4, full=20)
    """
    return {"smoke": smoke, "quick": quick, "full": full}[active_budget()]


def device_kind() -> str:
    """Return `"gpu"` when the backend computes on an accelerator, else `"cpu"`."""
    return "cpu" if _accelerator() is None else "gpu"


def device() -> str:
    """Return the computing device in words: `"CPU, 2 cores"` or `"GPU, Tesla T4"`."""
    name = _accelerator()
    if name is not None:
        return f"GPU, {name}"
    cores = _usable_cores()
    return f"CPU, {cores} core{'s' if cores != 1 else ''}"


def _usable_cores() -> int:
    """Count the cores this process may use; a container may own fewer than it sees."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _accelerator() -> str | None:
    """Return the name of the backend's first accelerator, or None on a CPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        if found:
            details = tf.config.experimental.get_device_details(found[0])
            return details.get("device_name", "unnamed")
    elif backend == "jax":
        import jax

        if jax.default_backend() != "cpu":
            return jax.devices()[0].device_kind
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name(0)
        if torch.backends.mps.is_available():
            return "Apple MPS"
    return None


def _backend_version() -> str:
    """Return the backend's name and version, for example `"TensorFlow 2.21.0"`."""
    from importlib.metadata import version

    backend = keras.backend.backend()
    names = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
    return f"{names.get(backend, backend)} {version(backend)}"


def steps_per_execution() -> int:
    """Return how many minibatches `fit` should run between two returns to Python.

    A small network on a CPU spends more time on starting a step than on the step;
    several at once save that and change no result. PyTorch can run only one; a smoke
    run has so few steps that preparing several would cost more than it saves.
    """
    return (
        1 if keras.backend.backend() == "torch" else budget(smoke=1, quick=32, full=32)
    )
