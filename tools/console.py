"""What every tool of the course does first: see that it can say what it says.

A terminal, a pipe or a log file may lack a dash or a dot (ASCII, cp850, cp932), which
is no reason for a traceback. Nothing but the standard library is needed.
"""

from __future__ import annotations

import codecs
import sys

_SUBSTITUTES = {
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "±": "+-",
    "×": "x",
    "·": ".",
    "→": "->",
    "←": "<-",
    "“": '"',
    "”": '"',
    "’": "'",
    "‘": "'",
}


def write_anything() -> None:
    """Let standard output and error write a substitute for what they cannot encode."""
    codecs.register_error("substitute", _substitute)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="substitute")


def _substitute(error: UnicodeEncodeError) -> tuple[str, int]:
    lacking = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(letter, "?") for letter in lacking), error.end
