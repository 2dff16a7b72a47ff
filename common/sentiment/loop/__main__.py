"""One driver: `python -m common.sentiment.loop --home FOLDER`.

Exit status: 0 it was asked to stop; 1 a step could not be done, and it said why. Start
it again: it goes on where the journal ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.sentiment.loop import faults
from common.sentiment.loop.home import Home
from common.sentiment.loop.turn import drive


def main(arguments: Sequence[str] | None = None) -> int:
    """Drive from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m common.sentiment.loop",
        description="Take batches of reviews through the loop, one after the other.",
    )
    parser.add_argument("--home", type=Path, required=True)
    asked = parser.parse_args(arguments)
    try:
        home = Home.open(asked.home)
        drive(home, faults.Injector(home))
    except FileNotFoundError as error:
        print(f"There is no loop: {error}.", file=sys.stderr)
        return 1
    except Exception as error:  # whatever it is, the next driver tries again
        print(f"Stopped. {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
