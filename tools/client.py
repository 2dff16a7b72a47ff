"""A notebook's run in a fresh kernel, and its end, for `make day` and `make record`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError


def kernel_of_this_python(**settings: Any) -> AsyncKernelManager:
    """Return a manager of kernels that run this very Python, whatever is installed."""
    specs = KernelSpecManager(kernel_dirs=[])
    return AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=specs, **settings
    )


class Client(NotebookClient):
    """Runs a notebook, however long it takes."""

    told = False
    """Whether somebody has ended the run with Ctrl-C or kill."""

    def run(self, **options: Any) -> None:
        """Execute all cells; the options are those of the kernel's process.

        Raises:
            CellExecutionError: a cell failed.
            DeadKernelError: the kernel ended before the notebook.
            KeyboardInterrupt: Ctrl-C or kill ended the run.
        """
        try:
            self.execute(cleanup_kc=True, **options)
        except BaseException as end:
            if self.told:
                raise KeyboardInterrupt from None
            if isinstance(end, asyncio.CancelledError):
                raise DeadKernelError("Kernel died") from None
            raise

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel, from now on to be ended by Ctrl-C and kill.

        They cancel the run: nbclient's own handler would stop the kernel twice.
        """
        run = asyncio.current_task()

        def end() -> None:
            self.told = True
            run.cancel()

        for sign in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows
                asyncio.get_running_loop().add_signal_handler(sign, end)
        await super().async_start_new_kernel(**options)
