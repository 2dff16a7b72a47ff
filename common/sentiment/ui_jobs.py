"""Many texts, batch by batch: what is answered stays answered, whatever happens next.

job = Job.of("reviews.csv", texts, limits)
while job.left:
    job.step(api)         # raises Trouble; what came before it is kept
job.as_csv(sure=0.8)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.sentiment import ui_files
from common.sentiment.ui_client import Api, Limits

FIRST_BATCH = 16
"""Texts of a request at most: small, so that the progress is seen to move."""
HEADER = ("row", "verdict", "probability of positive", "model", "note", "text")


def verdict(label: str, probability: float, sure: float) -> str:
    """Return "positive", "negative" or "not sure".

    Args:
        label: the model's.
        probability: of "positive".
        sure: the least probability of its own label at which a verdict is given.
    """
    of_label = probability if label == "positive" else 1 - probability
    return label if of_label >= sure else "not sure"


@dataclass
class Job:
    """Texts of one file, and what the model has said of them so far.

    Attributes:
        name: of the file.
        texts: n texts.
        notes: n times why a text was not sent, or "".
        labels: n labels, "" where there is none yet.
        probabilities: n numbers, of "positive".
        digests: n times whose answer it is.
        limits: of the server, when the job began.
        running: whether the page goes on with it by itself.
        trouble: why it stopped, as a sentence, or "".
        models: digests of all that have answered, in the order of their first answer.
    """

    name: str
    texts: tuple[str, ...]
    limits: Limits
    notes: list[str]
    labels: list[str]
    probabilities: list[float]
    digests: list[str]
    running: bool = True
    trouble: str = ""
    models: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, texts: Sequence[str], limits: Limits) -> Job:
        """Look at every text; ask nothing yet."""
        notes = [ui_files.why_not(text, limits) for text in texts]
        n = len(texts)
        return cls(name, tuple(texts), limits, notes, [""] * n, [0.0] * n, [""] * n)

    @property
    def left(self) -> list[int]:
        """Places of the texts that have neither an answer nor a note."""
        pairs = enumerate(zip(self.labels, self.notes, strict=True))
        return [place for place, (label, note) in pairs if not label and not note]

    @property
    def answered(self) -> int:
        """How many texts have an answer."""
        return sum(map(bool, self.labels))

    @property
    def share(self) -> float:
        """How much is done, in [0, 1]."""
        return 1 - len(self.left) / len(self.texts)

    def step(self, api: Api) -> str:
        """Ask about the next batch, keep the answer, return whose it is.

        Raises:
            Trouble: there was none; nothing that was kept is lost.
        """
        limits = Limits(
            self.limits.max_characters,
            min(FIRST_BATCH, self.limits.max_texts),
            self.limits.max_body_bytes,
        )
        batch = next(ui_files.batches(self.texts, self.left, limits))
        answer = api.predict([self.texts[place] for place in batch])
        for place, label, p in zip(
            batch, answer.labels, answer.probabilities, strict=True
        ):
            self.labels[place], self.probabilities[place] = label, p
            self.digests[place] = answer.digest
        if answer.digest not in self.models:
            self.models.append(answer.digest)
        return answer.digest

    def rows(self, sure: float) -> list[tuple[str, ...]]:
        """Return one row of words for each text, as HEADER names them."""
        rows = []
        for place, text in enumerate(self.texts):
            said = self.labels[place]
            rows.append(
                (
                    str(place + 1),
                    verdict(said, self.probabilities[place], sure) if said else "",
                    f"{self.probabilities[place]:.3f}" if said else "",
                    self.digests[place][:12],
                    self.notes[place] or ("" if said else "not asked yet"),
                    text,
                )
            )
        return rows

    def as_csv(self, sure: float) -> bytes:
        """Return the results as a file that is safe to open."""
        return ui_files.as_csv(HEADER, self.rows(sure))
