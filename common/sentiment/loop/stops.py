"""What every part of the loop that runs by itself has in common: it can be left."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Stops:
    """A part that a `with` block ends, also when the block fails."""

    def stop(self) -> None:
        """End what runs. May be called twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
