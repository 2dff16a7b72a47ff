"""Checks, hints and solutions of Day 34."""

import base64
import inspect
import math

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
    whole_number,
)

SETUP = """
import math
import re
from collections import Counter

import numpy as np

ten_classes = ...
"""


def check_reruns(reruns):
    cases = ((0.3, 0.95, 9), (0.5, 0.75, 2), (0.01, 0.5, 69), (0.2, 0.99, 21),
             (0.9, 0.5, 1))  # fmt: skip
    for p, certainty, expected in cases:
        got = whole_number(reruns(p, certainty), "The number of runs")
        if got == expected:
            continue
        shown = f"For p = {p} and a certainty of {certainty}"
        if got == expected - 1:
            raise Wrong(f"{shown} one run fewer is not enough: round up.")
        if got == math.ceil(certainty / p):
            raise Wrong(
                f"{shown}: probabilities of several runs do not add up. Multiply the "
                "probabilities that each run passes."
            )
        if got == math.ceil(math.log(certainty) / math.log(1 - p)):
            raise Wrong(
                f"{shown}: all n runs pass with probability (1 - p)ⁿ, and that must be "
                "at most 1 - certainty."
            )
        raise Wrong(f"{shown} the answer is not {got}: when does (1 - p)ⁿ get small?")
    return "A test that fails once in a hundred needs 69 runs for an even chance."


def check_least_mean(answer):
    expect_number(
        answer,
        30 + 0.8 * 120 + 0.8 * 0.6 * 5,
        {
            5 + 0.99 * 30 + 0.99 * 0.8 * 120: "That is the cheapest gate first. Divide "
            "each cost by its probability.",
            120 + 0.6 * 30 + 0.6 * 0.8 * 5: "That is the strongest gate first. Divide "
            "each cost by its probability.",
            155: "All three are asked only if the first two let the change pass.",
            30 + 0.2 * 120 + 0.2 * 0.4 * 5: "A gate is reached if those before it did "
            "not stop the change: 1 - p.",
        },
        rtol=0.001,
        digits=3,
        otherwise="Sort by cost over probability, then add each cost times the "
        "probability that its gate is reached.",
    )
    return "The ratios are 150, 300 and 500: the cheapest gate comes last."


def check_wrong_with(answer):
    expect_causes(
        answer,
        {
            "A": "cannot fail",
            "B": "stale cache",
            "C": "injection",
            "D": "hides a fault",
            "E": "too many rights",
        },
        {
            "A": "What happens to the AssertionError?",
            "B": "When does this key change, and when does it have to?",
            "C": "Who writes the text, and when does the runner paste it in?",
            "D": "A service that is late in four cases of five: what does this say?",
            "E": "What may a job do with the key that it is given?",
        },
        "faults",
    )
    return "Each of them looks green, tidy, or fast."


def check_starting_losses(answer):
    ten, biased = expect_parts(answer, 2, "Give two numbers: (ten classes, the bias).")
    expect_number(
        ten,
        math.log(10),
        {
            math.log(2): "That is for two classes; each of ten gets a tenth.",
            0.1: "That is the probability; the loss is minus its logarithm.",
            1.0: "The natural logarithm is asked for: nats.",
            math.log2(10): "That is in bits; the natural logarithm gives nats.",
        },
        rtol=0.003,
        digits=3,
        otherwise="Each class gets the same probability: which loss has a tenth?",
    )
    positive, negative = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
    expect_number(
        biased,
        (positive + negative) / 2,
        {
            positive: "That is the loss of a review with label 1; half of them have 0.",
            negative: "That is the loss of a review with label 0; half of them have 1.",
            math.log(2): "The logit is not 0 now, it is 2.",
            positive + negative: "That is the sum of the two; the mean is asked for.",
        },
        rtol=0.003,
        digits=3,
        otherwise="The logit is 2 for each review: ln(1 + e²) - 2y, for y = 0 and 1.",
    )
    return (
        "A starting loss tells how many classes there are, and whether a bias is odd."
    )


def check_looks_secret(looks_secret):
    code = getattr(inspect.unwrap(looks_secret), "__code__", None)
    if code and "kind_of_secret" in code.co_names:
        raise Wrong("That is the course's scanner; write one of your own.")
    rng = np.random.default_rng(11)

    def token(size):
        return base64.urlsafe_b64encode(rng.bytes(size)).decode().rstrip("=")

    def letters(alphabet, count):
        return "".join(rng.choice(list(alphabet), count))

    capitals = [*map(chr, (*range(48, 58), *range(65, 91)))]
    alphabet = [*capitals, *map(chr, range(97, 123))]
    kinds = {
        "a cloud key": lambda: f"aws_id = AK{'IA'}{letters(capitals, 16)}",
        "a token of GitHub": lambda: (
            f"git clone https://gh{'p_'}{letters(alphabet, 36)}@github.com/a/b"
        ),
        "a random key": lambda: f'send(model, "{token(30)}")',
        "the head of a private key": lambda: "-----BEGIN RSA PRIVATE" + " KEY-----",
        "a password": lambda: f"db_password = '{letters('abcdefghij', 5)}-film-77'",
        "an API key in hexadecimal digits": lambda: (
            f'api_key = "{rng.bytes(20).hex()}"'
        ),
    }
    innocent = [
        "def test_the_words_of_a_long_review_are_counted_from_its_end(candidate):",
        f"commit {rng.bytes(20).hex()}",
        f'"sha256": "{rng.bytes(32).hex()}"',
        "from common.sentiment.pipeline.stages.shared import start_keras",
        "https://docs.example.org/en/latest/reference/index.html#SentimentPipeline2",
        "password = os.environ['DATABASE_PASSWORD']",
        "token = tokenizer.encode(text)[1]",
        "api_key: SecretStr | None = None",
        "x = keras.layers.GlobalAveragePooling1D(name='mean')(x)",
        "",
        "A film to remember, and the best performance of the year by far.",
    ]
    found = [
        name for name, make in kinds.items() if all(_yes(looks_secret, make(), name)
                                                    for _ in range(5))
    ]  # fmt: skip
    alarms = [line for line in innocent if _yes(looks_secret, line, "ordinary code")]
    if len(alarms) > 1:
        raise Wrong(
            f"{len(alarms)} ordinary lines raise an alarm, among them: {alarms[0]!r}"
        )
    if len(found) < 5:
        missed = next(name for name in kinds if name not in found)
        raise Wrong(
            f"{len(found)} of 6 kinds are found each time. One that slips through: "
            f"{missed}."
        )
    return f"{len(found)} of 6 kinds, {len(alarms)} false alarms."


def _yes(looks_secret, line, what):
    got = looks_secret(line)
    if got is None or np.asarray(got).size != 1:
        raise Wrong(f"Return True or False, also for {what}.")
    return bool(np.asarray(got).item())


EXERCISES = [
    Exercise(
        id="34.r1",
        title="Better, but by luck?",
        name="gate_says",
        check=choice(
            "b",
            "The interval holds 0: an equal model would do as well now and then.",
            {
                "a": "The interval reaches below 0, so the gain may be luck.",
                "c": "The first rule is not met; no slice can make up for that.",
            },
        ),
        hints=("Where does the lower end of the interval lie?",),
        solution='gate_says = "b"',
        wrong=(
            WrongAnswer('gate_says = "a"', "may be luck"),
            WrongAnswer('gate_says = "c"', "first rule"),
        ),
    ),
    Exercise(
        id="34.r2",
        title="One tokeniser",
        name="ruled_out",
        check=choice(
            "c",
            "Both sides turn a text into the same numbers.",
            {
                "a": "Other reviews may still arrive: the numbers are right, the world "
                "has changed.",
                "b": "Overfitting is between the model and its training reviews.",
            },
        ),
        hints=("Which failure needs two versions of the same thing?",),
        solution='ruled_out = "c"',
        wrong=(
            WrongAnswer('ruled_out = "a"', "the world"),
            WrongAnswer('ruled_out = "b"', "training reviews"),
        ),
    ),
    Exercise(
        id="34.r3",
        title="Alive, but not ready",
        name="keeps_away",
        check=choice(
            "a",
            "Not ready: send nothing here, but leave the process alone.",
            {
                "b": "It lives: who sees 503 at /health starts it anew, for nothing.",
                "c": "422 says that the request is wrong, and it is not.",
            },
        ),
        hints=("Health is for the one who restarts, readiness for the one who sends.",),
        solution='keeps_away = "a"',
        wrong=(
            WrongAnswer('keeps_away = "b"', "for nothing"),
            WrongAnswer('keeps_away = "c"', "request is wrong"),
        ),
    ),
    Exercise(
        id="34.1",
        title="How many runs show a flaky test",
        name="reruns",
        check=check_reruns,
        hints=(
            "All n runs pass with probability (1 - p)ⁿ.",
            "That has to be 1 - certainty or less: take logarithms, and round up.",
        ),
        solution="""
def reruns(p, certainty):
    return math.ceil(math.log(1 - certainty) / math.log(1 - p) - 1e-9)
""",
        right=(
            "def reruns(p, certainty):\n"
            "    n = 1\n"
            "    while 1 - (1 - p)**n < certainty - 1e-12:\n"
            "        n += 1\n"
            "    return n",
        ),
        wrong=(
            WrongAnswer(
                "def reruns(p, certainty):\n"
                "    return math.floor(math.log(1 - certainty) / math.log(1 - p))",
                "round up",
            ),
            WrongAnswer(
                "def reruns(p, certainty):\n    return math.ceil(certainty / p)",
                "do not add up",
            ),
            WrongAnswer(
                "def reruns(p, certainty):\n"
                "    return math.ceil(math.log(certainty) / math.log(1 - p))",
                "at most 1 - certainty",
            ),
            WrongAnswer("def reruns(p, certainty):\n    return 20", "not 20"),
            WrongAnswer("def reruns(p, certainty):\n    return 8.4", "whole number"),
        ),
    ),
    Exercise(
        id="34.2",
        title="The best order of three gates",
        name="least_mean_seconds",
        check=check_least_mean,
        hints=(
            "Cost over probability: which of the three ratios is the smallest?",
            "The second gate is reached with 1 - p of the first, the third with the "
            "product of both.",
        ),
        solution="least_mean_seconds = 30 + 0.8 * 120 + 0.8 * 0.6 * 5",
        right=("least_mean_seconds = 128.4", 'least_mean_seconds = "128.4 "'),
        wrong=(
            WrongAnswer("least_mean_seconds = 5 + 0.99*30 + 0.99*0.8*120", "cheapest"),
            WrongAnswer("least_mean_seconds = 120 + 0.6*30 + 0.6*0.8*5", "strongest"),
            WrongAnswer("least_mean_seconds = 155", "All three"),
            WrongAnswer("least_mean_seconds = 30 + 0.2*120 + 0.2*0.4*5", "1 - p"),
            WrongAnswer("least_mean_seconds = 60", "Sort by cost"),
        ),
    ),
    Exercise(
        id="34.3",
        title="Five faults that look green",
        name="wrong_with",
        check=check_wrong_with,
        hints=(
            "For each piece: under which circumstances would it turn red?",
            "The cache key names the system only; the packages stand in a lock file.",
        ),
        solution='wrong_with = {"A": "cannot fail", "B": "stale cache", '
        '"C": "injection", "D": "hides a fault", "E": "too many rights"}',
        wrong=(
            WrongAnswer(
                'wrong_with = {"A": "hides a fault", "B": "stale cache", '
                '"C": "injection", "D": "cannot fail", "E": "too many rights"}',
                "AssertionError",
            ),
            WrongAnswer(
                'wrong_with = {"A": "cannot fail", "B": "hides a fault", '
                '"C": "injection", "D": "stale cache", "E": "too many rights"}',
                "When does this key change",
            ),
            WrongAnswer(
                'wrong_with = {"A": "cannot fail", "B": "stale cache", '
                '"C": "too many rights", "D": "hides a fault", "E": "injection"}',
                "Who writes the text",
            ),
        ),
    ),
    Exercise(
        id="34.4",
        title="Where a loss starts",
        name="biased",
        answer="(ten_classes, biased)",
        check=check_starting_losses,
        hints=(
            "Small weights: every class gets the same probability.",
            "For logit z and label y the loss is ln(1 + eᶻ) - yz; put in z = 2.",
        ),
        solution="ten_classes, biased = math.log(10), math.log(1 + math.exp(2)) - 1",
        right=("ten_classes, biased = 2.30, 1.13",),
        wrong=(
            WrongAnswer("ten_classes, biased = math.log(2), 1.13", "two classes"),
            WrongAnswer("ten_classes, biased = 0.1, 1.13", "minus its logarithm"),
            WrongAnswer("ten_classes, biased = 3.32, 1.13", "bits"),
            WrongAnswer("ten_classes, biased = 2.30, 0.127", "label 1"),
            WrongAnswer("ten_classes, biased = 2.30, 2.127", "label 0"),
            WrongAnswer("ten_classes, biased = 2.30, 0.693", "it is 2"),
            WrongAnswer("ten_classes, biased = 2.30, 5", "ln(1 + e²)"),
        ),
    ),
    Exercise(
        id="34.5",
        title="A scanner of your own",
        name="looks_secret",
        check=check_looks_secret,
        hints=(
            "Known forms first: AKIA and 16 capitals or digits; ghp_ and 36 letters.",
            "A password or an api_key is a name, then = and a text in quotation marks. "
            "A value that comes from a function or a dictionary is none.",
            "A random word has capitals, small letters, digits, and more than 4 bits.",
        ),
        solution=r"""
def looks_secret(line):
    if re.search(r"AKIA[0-9A-Z]{16}|gh[a-z]_[A-Za-z0-9]{36}|PRIVATE KEY-----", line):
        return True
    if re.search(r"(?i)(password|api_key|token)\s*=\s*['\"][^'\"]{8,}['\"]", line):
        return True
    for word in re.findall(r"[A-Za-z0-9_-]{20,}", line):
        mixed = all(re.search(part, word) for part in ("[a-z]", "[A-Z]", "[0-9]"))
        shares = [count / len(word) for count in Counter(word).values()]
        if mixed and -sum(s * math.log2(s) for s in shares) > 4:
            return True
    return False
""",
        wrong=(
            WrongAnswer("def looks_secret(line):\n    return True", "ordinary lines"),
            WrongAnswer("def looks_secret(line):\n    return False", "slips through"),
            WrongAnswer(
                "def looks_secret(line):\n"
                "    return bool(re.search(r'[A-Za-z0-9]{20,}', line))",
                "ordinary lines",
            ),
            WrongAnswer(
                "def looks_secret(line):\n    return 'password' in line",
                "slips through",
            ),
            WrongAnswer("def looks_secret(line):\n    pass", "True or False"),
            WrongAnswer(
                "def looks_secret(line):\n    return bool(kind_of_secret(line))",
                "of your own",
            ),
        ),
    ),
]
