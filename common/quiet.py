"""Start Keras without the notices that its TensorFlow backend prints at start-up.

In the smoke budget also without most of what TensorFlow and JAX do to make a graph
faster: it takes longer than the few steps that it speeds up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from common import surroundings


@contextlib.contextmanager
def native_stderr_closed() -> Iterator[None]:
    """Turn away what compiled libraries write to the process's standard error.

    TensorFlow's C++ code prints notices about oneDNN and missing CUDA drivers
    before any setting is read, so its logging variables cannot stop them. Python's
    own errors are not touched: an import that fails still raises.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def start() -> None:
    """Import Keras and let its backend find its devices, without a notice.

    A notebook trains many models, one after another, on purpose; TensorFlow's
    warning that this compiles many functions is turned off too.

    What a user's keras.json says is set aside, see common/surroundings.py.

    Raises:
        RuntimeError: the backend asked for is not installed.
        ValueError: `COURSE_BUDGET` names a budget that does not exist.
    """
    # What the compiled part reports later ("oneDNN supports DT_BOOL only on ...") is
    # for its developers; what fails raises a Python error all the same.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    surroundings.choose_backend()
    with native_stderr_closed():
        import keras

        from common import runtime

        surroundings.settle_keras()

        runtime.device()
    # After the import: in an interactive session it sets this level itself.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if runtime.active_budget() == "smoke":
        _compile_hastily(keras.backend.backend())


def _compile_hastily(backend: str) -> None:
    """Let the backend optimise its graphs less; PyTorch has none to optimise."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    elif backend == "jax":
        import jax

        jax.config.update("jax_disable_most_optimizations", True)
