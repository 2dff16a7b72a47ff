"""What the operating system allows a process."""

from __future__ import annotations

import contextlib

ENOUGH_FILES = 65_536


def raise_open_files() -> None:
    """Ask for as many open files as the system allows: a connection is one.

    Many systems begin with 256 or 1,024. Where it cannot be had, things stay as they
    are.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = ENOUGH_FILES if hard == unlimited else min(hard, ENOUGH_FILES)
    if soft != unlimited and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
