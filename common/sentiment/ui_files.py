"""Files of texts: an upload becomes a table, and results become a file to take home.

    table = read("reviews.csv", data)      # columns and rows, or FileTrouble
    for places in batches(texts, limits):  # which texts go into one request
        ...
    as_csv(rows)                           # bytes that a spreadsheet opens safely

An upload is what a stranger sends: it is bounded, decoded with care, and its words are
data only. A cell that begins like a formula is one to a spreadsheet, so `as_csv` puts
an apostrophe before it (OWASP, "CSV injection").
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.sentiment.ui_client import Limits

LARGEST_FILE = 5 * 2**20
"""Bytes of an upload; the server's own limit is set to the same number of megabytes."""
MOST_TEXTS = 5_000
"""Texts of one upload."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_AROUND = len('{"texts": []}')


class FileTrouble(ValueError):
    """An upload that cannot be read; `str` of it is a sentence for the user."""


@dataclass(frozen=True)
class Table:
    """What an upload holds.

    Attributes:
        columns: at least one name.
        rows: each with a cell for every column.
        notice: what the user should know about how it was read, or "".
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notice: str = ""

    def texts(self, column: str) -> tuple[str, ...]:
        """Return one column, from top to bottom."""
        place = self.columns.index(column)
        return tuple(row[place] for row in self.rows)

    def likely(self) -> int:
        """Return the place of the column that holds the texts, as far as one can guess.

        A name that says so, else the column with the longest cells.
        """
        for name in ("text", "review", "comment"):
            for place, column in enumerate(self.columns):
                if name in column.lower():
                    return place
        lengths = [sum(map(len, self.texts(column))) for column in self.columns]
        return lengths.index(max(lengths))


def read(name: str, data: bytes) -> Table:
    """Read an upload: in a .csv the first line names the columns, else a text a line.

    Raises:
        FileTrouble: it is too large, holds no text, or is of another kind.
    """
    if len(data) > LARGEST_FILE:
        raise FileTrouble(
            f"The file has {len(data) / 2**20:.1f} MB, this page reads up to "
            f"{LARGEST_FILE / 2**20:g}. Please split it."
        )
    if data[:4] == b"PK\x03\x04":
        raise FileTrouble(
            "This is a spreadsheet or a ZIP archive. Please save it as CSV and upload "
            "that."
        )
    text, notice = _decoded(data)
    if name.lower().endswith(".csv"):
        table = _from_csv(text, notice)
    else:
        lines = (line.strip() for line in text.splitlines())
        table = Table(("text",), tuple((line,) for line in lines if line), notice)
    if not table.rows:
        raise FileTrouble("The file holds no texts.")
    if len(table.rows) > MOST_TEXTS:
        raise FileTrouble(
            f"The file holds {len(table.rows):,} texts, this page reads up to "
            f"{MOST_TEXTS:,}. Please split it."
        )
    return table


def _decoded(data: bytes) -> tuple[str, str]:
    """Return the text of a file, and a notice if its alphabet had to be guessed."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        notice = "The file is not in UTF-8; it was read as Windows-1252."
        return _without_nul(text), f"{notice} Please look whether accents are right."
    return _without_nul(text), ""


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise FileTrouble("The file is not a text file.")
    return text


def _from_csv(text: str, notice: str) -> Table:
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        read_rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [row for row in read_rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise FileTrouble(f"The file is not a readable CSV file: {error}.") from None
    if not rows:
        raise FileTrouble("The file holds no texts.")
    width = max(map(len, rows))
    names = [name.strip() or f"column {i + 1}" for i, name in enumerate(rows[0])]
    names += [f"column {i + 1}" for i in range(len(names), width)]
    columns = tuple(
        name if names.index(name) == i else f"{name} ({i + 1})"
        for i, name in enumerate(names)
    )
    filled = (tuple(row + [""] * (width - len(row))) for row in rows[1:])
    return Table(columns, tuple(filled), notice)


def why_not(text: str, limits: Limits) -> str:
    """Return why a text is not sent to the model, or ""."""
    if not text.strip():
        return "empty"
    if len(text) > limits.max_characters:
        return (
            f"too long: {len(text):,} characters, the model reads up to "
            f"{limits.max_characters:,}"
        )
    return ""


def batches(
    texts: Sequence[str], places: Sequence[int], limits: Limits
) -> Iterator[list[int]]:
    """Cut work into requests that the server takes.

    Args:
        texts: all of them; each of `places` passes `why_not`.
        places: of those that are to be sent, in their order.
        limits: of one request.

    Yields:
        The places of the texts of one request, in their order.
    """
    batch: list[int] = []
    size = _AROUND
    for place in places:
        more = len(json.dumps(texts[place])) + 2  # with ", " between two
        if batch and (
            len(batch) == limits.max_texts or size + more > limits.max_body_bytes
        ):
            yield batch
            batch, size = [], _AROUND
        batch.append(place)
        size += more
    if batch:
        yield batch


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Write a table for spreadsheets: UTF-8 with its mark, every cell safe."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerows([safe_cell(cell) for cell in row] for row in (header, *rows))
    return stream.getvalue().encode("utf-8-sig", errors="replace")
