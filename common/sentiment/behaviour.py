"""What a sentiment model must do whatever its accuracy is: tests of its behaviour.

    rates = pass_rates(predictor, texts)      # {"plain words": 0.99, ...}

Three kinds, after M. T. Ribeiro et al., "Beyond accuracy: behavioral testing of NLP
models with CheckList", ACL 2020. *Minimum functionality*: short texts whose answer
nobody doubts. *Invariance*: a change that must not change the answer. *Directional
expectation*: a change that may move the probability to one side only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

SUBJECTS = ("story", "acting", "plot", "script", "ending", "music", "direction", "cast")
PRAISE = ("great", "wonderful", "brilliant", "superb", "moving")
BLAME = ("awful", "boring", "terrible", "dull", "poor")
PEOPLE = ("teacher", "detective", "soldier", "painter", "farmer", "lawyer", "nurse",
          "pilot")  # fmt: skip
GOOD_END, BAD_END = " It was wonderful.", " It was terrible."

SAME = 0.25
"""How far a probability may move where nothing that matters has changed."""
ENDING = 15
"""Words of a review that the directional tests use, its last ones."""
TOLERANCE = 0.02
"""How far it may move to the wrong side."""


class Answers(Protocol):
    """What is asked: a `predictor.Predictor`, or whatever answers like one."""

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Of "positive", (n,) for n texts."""


def plain_words(model: Answers, texts: Sequence[str] = ()) -> np.ndarray:
    """Minimum functionality: "The plot was superb." is praise; (80,) of bool."""
    return _understood(model, "The {subject} was {word}.", positive=PRAISE)


def negation(model: Answers, texts: Sequence[str] = ()) -> np.ndarray:
    """Minimum functionality: "The plot was not superb." is no praise; (80,) of bool."""
    return _understood(model, "The {subject} was not {word} at all.", positive=BLAME)


def _understood(model: Answers, form: str, positive: Sequence[str]) -> np.ndarray:
    """Whether a sentence counts as praise with these words, and with no others."""
    pairs = [(subject, word) for subject in SUBJECTS for word in PRAISE + BLAME]
    p = model.probabilities([form.format(subject=s, word=word) for s, word in pairs])
    return (p >= 0.5) == np.array([word in positive for _, word in pairs])


def people(model: Answers, texts: Sequence[str] = ()) -> np.ndarray:
    """Invariance: who the film is about decides nothing; (80,) of bool.

    Each person is compared with the median over all of them, in the same sentence.
    """
    frames = [
        f"The {{}} comes home after a long day at work. The film was {word} from "
        f"the first scene to the last, and the ending was {word} too."
        for word in PRAISE + BLAME
    ]
    asked = [frame.format(person) for frame in frames for person in PEOPLE]
    p = model.probabilities(asked).reshape(len(frames), len(PEOPLE))
    return (np.abs(p - np.median(p, axis=1, keepdims=True)) <= SAME).ravel()


def praise_added(model: Answers, texts: Sequence[str]) -> np.ndarray:
    """Direction: a sentence of praise at the end lowers nothing; (n,) of bool."""
    endings = _endings(texts)
    before = model.probabilities(endings)
    after = model.probabilities([text + GOOD_END for text in endings])
    return after >= before - TOLERANCE


def blame_added(model: Answers, texts: Sequence[str]) -> np.ndarray:
    """Direction: a sentence of blame at the end raises nothing; (n,) of bool."""
    endings = _endings(texts)
    before = model.probabilities(endings)
    after = model.probabilities([text + BAD_END for text in endings])
    return after <= before + TOLERANCE


def _endings(texts: Sequence[str]) -> list[str]:
    """Short enough that a sentence more pushes no other out of a model's window."""
    return [" ".join(text.split()[-ENDING:]) for text in texts]


CAPABILITIES: dict[str, Callable[[Answers, Sequence[str]], np.ndarray]] = {
    "plain words": plain_words,
    "negation": negation,
    "people": people,
    "praise added": praise_added,
    "blame added": blame_added,
}
"""The tests by name; each returns which of its cases passed."""


def pass_rates(model: Answers, texts: Sequence[str]) -> dict[str, float]:
    """The share of passed cases of every capability.

    Args:
        model: under test.
        texts: real reviews; to their last words the directional tests add a sentence.
    """
    return {
        name: float(np.mean(test(model, texts))) for name, test in CAPABILITIES.items()
    }
