"""Film reviews drawn from templates, for when IMDB is on no rung.

Learnable, and not by counting words alone: a word of praise under a negation blames,
a clause after "but" decides, some sentences disagree with the verdict, and a few
labels are wrong. The same on every machine: only `RandomState`'s doubles are used.
Results on them say that code runs, nothing about real reviews.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_TRAIN, _TEST = 4_000, 1_000  # reviews; the validation split is cut from the first
_AGREES = 0.92  # how often a sentence takes the side of the whole review
_NEGATED = 0.2  # how often a sentence says it by denying the opposite
_CONTRAST = 0.2  # how often it first grants the opposite
_FILLER = 0.3  # how often a sentence takes no side
_WRONG = 0.03  # share of labels that are turned round

_SUBJECTS = """
    the story|the acting|the plot|the script|the ending|the dialogue|the music
    the pacing|the cast|the camera work|the direction|the leading actor|the humour
    the opening|the second half|the editing|the photography|the villain|the score
    the leading actress|the lighting|the romance|the chemistry|the set design
    the first hour|the sound|the final scene|the supporting cast|the narration
    the choreography|the costume work|the mood|the whole film|this movie|the remake
"""
_ADJECTIVES = {
    1: """
    good|great|fine|funny|clever|lovely|moving|charming|gripping|wonderful|honest
    fresh|warm|brilliant|convincing|witty|memorable|tender|delightful|superb|engaging
    touching|elegant|sharp|vivid|subtle|thrilling|inventive|sincere|stunning
    satisfying|splendid|graceful|bold|rich
    """,
    0: """
    bad|boring|dull|weak|poor|awful|silly|flat|slow|terrible|predictable|tired
    annoying|clumsy|shallow|lazy|stale|forgettable|messy|wooden|pointless|bland
    tedious|empty|cheap|dreary|confused|pretentious|hollow|irritating|lifeless
    sloppy|dreadful|ridiculous|unconvincing
    """,
}
_NOUNS = {
    1: "triumph|delight|pleasure|success|surprise|treat|gem|masterpiece",
    0: "disappointment|failure|mess|bore|waste of time|disaster|chore|mistake",
}
_VERBS = {
    1: "enjoy:enjoyed|like:liked|love:loved|admire:admired|trust:trusted",
    0: "hate:hated|regret:regretted|dislike:disliked|endure:endured|resent:resented",
}
_VERDICTS = {
    1: """
    i would watch it again|see it while you can|i recommend it to anyone
    it is worth the ticket|i left the cinema smiling|do not miss it
    it stayed with me for days
    """,
    0: """
    i would not watch it again|skip it if you can|i cannot recommend it to anyone
    it is not worth the ticket|i left the cinema early|do not bother
    i wanted my money back
    """,
}
_INTENSIFIERS = """
    very|really|quite|so|rather|truly|particularly|surprisingly|remarkably|deeply
    thoroughly|utterly|especially
"""
_PEOPLE = """
    teacher|detective|widow|young doctor|soldier|painter|retired sailor|farmer
    journalist|pianist|lawyer|nurse|thief|student|baker|pilot|gardener|clerk
"""
_DEEDS = """
    returns to a small town|loses a letter|hides a secret|starts a new life
    looks for a missing brother|opens a restaurant|crosses the desert
    falls in love|writes a book|inherits a house|takes a night train
    joins a circus|moves to the city|buys an old boat|fights a large company
    learns to dance|meets an old friend|wakes up in another year
"""
_PLACES = """
    london|paris|the mountains|new york|a fishing village|rome|the north
    a large hotel|berlin|the countryside|tokyo|a railway station|an island
    lisbon|chicago|a school|the suburbs
"""
_FILLERS = """
    it was shot in PLACE|most of it takes place in PLACE|i saw it last DAY
    my SOMEBODY chose it|the director made two other films before
    it runs for about NUMBER minutes|a PERSON and a PERSON share a flat in PLACE
    it tells of a PERSON who DEED|in PLACE a PERSON DEED|we follow a PERSON who DEED
    there is a scene in PLACE with a PERSON|it is based on a book about a PERSON
    the film opens in PLACE|the year is nineteen YEAR|i had read about it before
    the PERSON DEED and then DEED|it came out in the DECADE|we watched it on a DAY
    my SOMEBODY fell asleep after NUMBER minutes|the cinema was half full
    there are NUMBER songs in it|it is the story of a PERSON from PLACE
"""
_DAYS = "monday|friday|sunday|summer|week|winter evening|tuesday|night"
_SOMEBODY = "sister|brother|neighbour|wife|husband|friend|daughter|father|colleague"
_NUMBERS = "ninety|eighty|twenty|a hundred|thirty|forty|seven|eleven|sixteen"
_YEARS = "forty|twelve|sixty eight|thirty three|eighty four|fifty one|ninety nine"
_DECADES = "seventies|sixties|nineties|forties|eighties|fifties"


@dataclass(frozen=True, eq=False)
class StandInTexts:
    """Reviews as ids and what the ids mean.

    Attributes:
        train: (x, y): x is a list of lists of ranks, 1 for the most frequent word,
            as in Keras' file; y is (n,) int64, 0 negative, 1 positive.
        test: the same for the test part.
        words: the words by rank; words[0] has rank 1.
        what: what it is, in a few words for the printed line and the title.
    """

    train: tuple[list[list[int]], np.ndarray]
    test: tuple[list[list[int]], np.ndarray]
    words: tuple[str, ...]
    what: str


@functools.cache
def reviews() -> StandInTexts:
    """Return 4,000 + 1,000 generated reviews of 15 to 120 words, no two alike."""
    draw = _Draw(20240121)
    count = _TRAIN + _TEST
    order = np.argsort([draw.number() for _ in range(count)], kind="stable")
    sides = (np.arange(count) % 2)[order]
    texts: list[list[str]] = []
    seen: set[str] = set()
    for side in sides:
        while (text := " ".join(_review(draw, int(side)))) in seen:
            continue
        seen.add(text)
        texts.append(text.split())
    turned = np.array([draw.chance(_WRONG) for _ in range(count)])
    labels = np.where(turned, 1 - sides, sides).astype(np.int64)
    counts = Counter(word for text in texts[:_TRAIN] for word in text)
    rare = {word for text in texts for word in text} - set(counts)
    words = sorted(counts, key=lambda word: (-counts[word], word)) + sorted(rare)
    ranks = {word: rank for rank, word in enumerate(words, start=1)}
    rows = [[ranks[word] for word in text] for text in texts]
    return StandInTexts(
        train=(rows[:_TRAIN], labels[:_TRAIN]),
        test=(rows[_TRAIN:], labels[_TRAIN:]),
        words=tuple(words),
        what="generated short reviews",
    )


class _Draw:
    """Choices from a stream of doubles in [0, 1) that never changes."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.RandomState(seed)
        self._block: list[float] = []

    def number(self) -> float:
        if not self._block:
            self._block = self._random.random_sample(4_096).tolist()
        return self._block.pop()

    def chance(self, probability: float) -> bool:
        return self.number() < probability

    def one(self, options: Sequence[str]) -> str:
        """One of `options`, the first ones more often, as words are in a language."""
        number = self.number()
        return options[int(len(options) * number * (1 + number) / 2)]


def _listed(text: str) -> tuple[str, ...]:
    lines = (line for line in text.split("\n") if line.strip())
    return tuple(part.strip() for line in lines for part in line.split("|"))


_SUBJECT_LIST = _listed(_SUBJECTS)
_INTENSIFIER_LIST = _listed(_INTENSIFIERS)
_FILLER_LIST = _listed(_FILLERS)
_ADJECTIVE_LISTS = {side: _listed(text) for side, text in _ADJECTIVES.items()}
_NOUN_LISTS = {side: _listed(text) for side, text in _NOUNS.items()}
_VERDICT_LISTS = {side: _listed(text) for side, text in _VERDICTS.items()}
_VERB_LISTS = {side: _listed(text) for side, text in _VERBS.items()}
_BLANKS = {
    "PLACE": _listed(_PLACES),
    "PERSON": _listed(_PEOPLE),
    "DEED": _listed(_DEEDS),
    "DAY": _listed(_DAYS),
    "SOMEBODY": _listed(_SOMEBODY),
    "NUMBER": _listed(_NUMBERS),
    "YEAR": _listed(_YEARS),
    "DECADE": _listed(_DECADES),
}


def _review(draw: _Draw, side: int) -> list[str]:
    """One review that is on the whole for (1) or against (0) its film, as words."""
    length = 15 + int(80 * draw.number())
    words: list[str] = []
    while len(words) < length:
        if draw.chance(_FILLER):
            words += _filler(draw)
        else:
            words += _opinion(draw, side if draw.chance(_AGREES) else 1 - side)
    if draw.chance(0.3):
        verdict = side if draw.chance(_AGREES) else 1 - side
        words += draw.one(_VERDICT_LISTS[verdict]).split()
    return words


def _filler(draw: _Draw) -> list[str]:
    """A sentence that takes no side."""
    words: list[str] = []
    for word in draw.one(_FILLER_LIST).split():
        words += draw.one(_BLANKS[word]).split() if word in _BLANKS else [word]
    return words


def _opinion(draw: _Draw, side: int) -> list[str]:
    """A sentence that takes a side, perhaps after it has granted the other one."""
    if not draw.chance(_CONTRAST):
        return _clause(draw, side)
    granted, meant = _clause(draw, 1 - side), _clause(draw, side)
    form = draw.number()
    if form < 0.55:
        return [*granted, "but", *meant]
    if form < 0.85:
        return ["although", *granted, *meant]
    return [*meant, "even", "though", *granted]


def _clause(draw: _Draw, side: int) -> list[str]:
    """One statement for or against, said outright or by denying its opposite."""
    negated = draw.chance(_NEGATED)
    said = 1 - side if negated else side
    subject = draw.one(_SUBJECT_LIST)
    kind = draw.number()
    if kind < 0.14:
        base, past = draw.one(_VERB_LISTS[said]).split(":")
        verb = draw.one((f"did not {base}", f"never {past}")) if negated else past
        text = f"i {verb} {subject}"
    elif kind < 0.28:
        noun = draw.one(_NOUN_LISTS[said])
        text = f"{subject} is {draw.one(_ARTICLES[negated])} {noun}"
    else:
        quality = draw.one(_ADJECTIVE_LISTS[said])
        if draw.chance(0.4):
            quality = f"{draw.one(_INTENSIFIER_LIST)} {quality}"
        if kind < 0.38:
            text = f"{draw.one(_JUDGEMENTS[negated])} {subject} {quality}"
        else:
            text = f"{subject} {draw.one(_LINKS[negated])} {quality}"
    return text.split()


_ARTICLES = {False: ("a",), True: ("not a", "hardly a", "no", "anything but a")}
_JUDGEMENTS = {
    False: ("i found", "everybody called"),
    True: ("i did not find", "nobody could call"),
}
_LINKS = {
    False: ("is", "was", "felt", "seems", "is always", "remains"),
    True: ("is not", "was never", "is hardly", "is far from", "is never", "was not"),
}
