"""Two promises more than `behaviour` tests: names and typos decide nothing.

After M. T. Ribeiro et al., "Beyond accuracy: behavioral testing of NLP models with
CheckList", ACL 2020, whose invariance tests change names and letters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from common.sentiment.behaviour import BLAME, CAPABILITIES, PRAISE, SAME, Answers

FIRST_NAMES = ("Emma", "Mohammed", "Wei", "Olga", "Juan", "Aisha", "Kwame", "Ingrid")
SHARE = 0.1
"""Of the words with four letters or more, how many are mistyped."""


def names(model: Answers, texts: Sequence[str] = ()) -> np.ndarray:
    """Invariance: who plays the lead decides nothing; (80,) of bool.

    Each name is compared with the median over all of them, in the same sentences.
    """
    frames = [
        f"{{}} plays the lead. The film was {word} and the ending was {word} too."
        for word in PRAISE + BLAME
    ]
    asked = [frame.format(name) for frame in frames for name in FIRST_NAMES]
    p = model.probabilities(asked).reshape(len(frames), len(FIRST_NAMES))
    return (np.abs(p - np.median(p, axis=1, keepdims=True)) <= SAME).ravel()


def mistyped(text: str, rng: np.random.Generator, share: float = SHARE) -> str:
    """Let two neighbouring letters change places, inside some of the longer words."""
    words = text.split()
    for i, word in enumerate(words):
        if len(word) > 3 and rng.random() < share:
            k = int(rng.integers(1, len(word) - 2))
            words[i] = word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    return " ".join(words)


def typos(model: Answers, texts: Sequence[str]) -> np.ndarray:
    """Invariance: a few typos move no probability by much; (n,) of bool."""
    rng = np.random.default_rng(24)
    before = model.probabilities(texts)
    after = model.probabilities([mistyped(text, rng) for text in texts])
    return np.abs(after - before) <= SAME


PROMISES: dict[str, Callable[[Answers, Sequence[str]], np.ndarray]] = {
    **CAPABILITIES,
    "names": names,
    "typos": typos,
}
"""All tests of behaviour by name; each returns which of its cases passed."""
