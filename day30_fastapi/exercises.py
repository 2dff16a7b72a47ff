"""Checks, hints and solutions of Day 30."""

import json

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
)

SETUP = "import json\n\nimport numpy as np"


def check_mean_milliseconds(answer):
    expect_number(
        answer,
        3.75,
        {
            2.5: "That is the waiting alone: add the service.",
            0.00375: "Give milliseconds.",
            0.0025: "Give milliseconds, and add the service to the waiting.",
            1.25: "That is the service alone. At load 0.8 there is a queue.",
            6.25: "That is s / (1 - rho), for service times that vary (M/M/1). With "
            "constant ones the waiting is half of that.",
            5.0: "The 2 in the denominator is missing: constant service halves the "
            "waiting. And the service comes on top.",
            0.8: "That is the utilisation. Put it into the formula.",
        },
        rtol=5e-3,
        otherwise="rho = 640 a second times 0.00125 s; waiting = rho s / (2 (1 - rho));"
        " then add s.",
    )
    return "Three times the service time, at a load that many call comfortable."


def check_slow_requests(answer):
    expect_number(
        answer,
        126,
        {
            1: "One is what the closed loop reports: only the stalled request itself.",
            100: "Half a second of arrivals is the first guess. But each request also "
            "waits for those before it, 1 ms each: the backlog shrinks by 4 ms from "
            "one request to the next, not by 5.",
            200: "200 arrive during the stall; the later ones wait less than 0.5 s.",
            250: "So many wait at all until the backlog is gone; half of them are "
            "slower than 0.5 s.",
            500: "Give a number of requests, not milliseconds.",
        },
        rtol=9e-3,
        digits=3,
        otherwise="The stalled request takes 1.001 s. The next one arrives 5 ms later "
        "and adds 1 ms: its latency is 4 ms less, and so on. How often until 0.5 s?",
    )
    return "126 users had a bad second; the closed loop heard of one."


def _bucket(times, rate, size, *, start=None, cap=True, take_refused=False):
    tokens, then, decisions = size if start is None else start, None, []
    for now in times:
        if then is not None:
            tokens += rate * (now - then)
        tokens = min(size, tokens) if cap else tokens
        then = now
        good = tokens >= 1
        decisions.append(good)
        tokens -= 1 if good or take_refused else 0
    return decisions


def check_allowed(allowed):
    cases = [
        ([0.0, 0.0, 0.0, 0.0], 1.0, 2),
        ([0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75], 4.0, 1),
        ([5.0, 5.0, 5.0, 105.0, 105.0, 105.0, 105.0], 0.5, 2),
        ([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 3.0, 3.0, 3.0], 2.0, 3),
        ([], 1.0, 1),
    ]
    for times, rate, size in cases:
        got = allowed(list(times), rate, size)
        if got is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        try:
            got = [bool(one) for one in got]
        except TypeError:
            raise Wrong("Return a list with one True or False a request.") from None
        want = _bucket(times, rate, size)
        if got == want:
            continue
        case = f"times {times}, rate {rate:g}, size {size}: "
        if len(got) != len(want):
            raise Wrong(f"{case}{len(got)} decisions for {len(want)} requests.")
        if got == [not one for one in want]:
            raise Wrong("Turned round: True is for a request that gets through.")
        if got == _bucket(times, rate, size, cap=False):
            raise Wrong("A pause must not fill the bucket beyond its size.")
        if got == _bucket(times, rate, size, start=0):
            raise Wrong("The bucket begins full, not empty.")
        if got == _bucket(times, rate, size, take_refused=True):
            raise Wrong("A refused request takes no token, or waiting never helps.")
        raise Wrong(f"{case}{got}; it should be {want}.")
    return "Two numbers a client: that is all a rate limit remembers."


_CAUSES = {
    "A": "bounded queue",
    "B": "closed loop",
    "C": "no limit",
    "D": "stalls",
}


def check_diagnosis(answer):
    why = {
        "C": "C grows and grows: every request joins a queue that never gets shorter.",
        "A": "A grows at first and then stays: something keeps the queue from growing.",
        "D": "D has slopes: behind each stall a queue stands, and drains.",
        "B": "B has one slow point for each stall, then a gap: nobody was sending.",
    }
    expect_causes(answer, _CAUSES, why)
    return "A gap where a slope should be is how coordinated omission looks."


def check_read(read):
    deep = b"[" * 10_000
    cases = [
        (b'{"text": "Fine."}', (200, ["Fine."]), "one text"),
        (b'{"texts": ["a", "b"]}', (200, ["a", "b"]), "a batch"),
        ('{"text": "Schön — 映画"}'.encode(), (200, ["Schön — 映画"]), "other scripts"),
        (json.dumps({"text": "x" * 20_000}).encode(), (200, ["x" * 20_000]), "20,000"),
        (b'{"text": "x', (400, []), "JSON that is cut off"),
        (b"", (400, []), "an empty body"),
        (b'{"text": "\xff"}', (400, []), "invalid UTF-8"),
        (deep, (400, []), "ten thousand brackets"),
        (b" " * 1_000_001, (413, []), "a body of 1,000,001 bytes"),
        (b'["a"]', (422, []), "a list in place of an object"),
        (b"null", (422, []), "null"),
        (b'{"text": 7}', (422, []), "a number as text"),
        (b'{"text": ""}', (422, []), "an empty text"),
        (b'{"text": ["a"]}', (422, []), "a list under text"),
        (b'{"texts": "ab"}', (422, []), "a string under texts"),
        (b'{"texts": []}', (422, []), "an empty batch"),
        (b'{"texts": ["a", 7]}', (422, []), "a number in a batch"),
        (json.dumps({"texts": ["a"] * 65}).encode(), (422, []), "65 texts"),
        (json.dumps({"text": "x" * 20_001}).encode(), (422, []), "20,001 characters"),
        (b'{"movie": "a"}', (422, []), "another field"),
    ]
    read(cases[0][0])  # a blank shows here
    for body, want, what in cases:
        try:
            got = read(body)
        except Exception as error:
            raise Wrong(
                f"For {what} your function raised {type(error).__name__}: a server "
                "answers, whatever comes."
            ) from None
        if got is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two things: the status and the list of texts.")
        status, texts = got
        if status != want[0]:
            raise Wrong(f"For {what} the status is {status}; it should be {want[0]}.")
        if list(texts) != want[1]:
            raise Wrong(f"For {what} the texts are not right: {str(texts)[:60]}.")
    return "Twenty bodies, twenty answers. Compare yours with the Pydantic models."


EXERCISES = [
    Exercise(
        id="30.r1",
        title="Recall: why the tokeniser is saved with the model",
        name="recall_1",
        check=choice(
            "b",
            "Training-serving skew begins where a text becomes numbers.",
            {
                "a": "It makes the folder larger, and is worth it.",
                "c": "Keras loads the weights without it, and is wrong in silence.",
            },
        ),
        hints=("What goes wrong if word 17 is another word tomorrow?",),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "larger"),
            WrongAnswer('recall_1 = "c"', "in silence"),
        ),
    ),
    Exercise(
        id="30.r2",
        title="Recall: a higher threshold",
        name="recall_2",
        check=choice(
            "a",
            "Precision up, recall down: the costs decide which is worth more.",
            {
                "b": "Fewer probabilities reach 0.7 than 0.5.",
                "c": "Calibration is about probabilities; the threshold leaves them.",
            },
        ),
        hints=("How many texts have a probability between 0.5 and 0.7?",),
        solution='recall_2 = "a"',
        wrong=(
            WrongAnswer('recall_2 = "b"', "Fewer"),
            WrongAnswer('recall_2 = "c"', "Calibration"),
        ),
    ),
    Exercise(
        id="30.r3",
        title="Recall: one run each",
        name="recall_3",
        check=choice(
            "c",
            "Latency varies from run to run more than accuracy does.",
            {
                "a": "Run A twice: the two runs differ as well.",
                "b": "Without the spread nobody knows whether 10 % is much.",
            },
        ),
        hints=("What do you not know after one run of each?",),
        solution='recall_3 = "c"',
        wrong=(
            WrongAnswer('recall_3 = "a"', "Run A twice"),
            WrongAnswer('recall_3 = "b"', "spread"),
        ),
    ),
    Exercise(
        id="30.1",
        title="The mean time in a queue",
        name="mean_milliseconds",
        check=check_mean_milliseconds,
        hints=(
            "The utilisation is the arrival rate times the service time.",
            "Waiting is rho s / (2 (1 - rho)); the answer comes after waiting and "
            "service.",
        ),
        solution="""
rho = 640 * 1.25e-3
mean_milliseconds = (rho / (2 * (1 - rho)) + 1) * 1.25
""",
        wrong=(
            WrongAnswer("mean_milliseconds = 2.5", "add the service"),
            WrongAnswer("mean_milliseconds = 1.25", "service alone"),
            WrongAnswer("mean_milliseconds = 6.25", "M/M/1"),
            WrongAnswer("mean_milliseconds = 5.0", "The 2"),
            WrongAnswer("mean_milliseconds = 0.00375", "milliseconds"),
            WrongAnswer("mean_milliseconds = 42", "rho = 640"),
            WrongAnswer('mean_milliseconds = "long"', "A number"),
        ),
    ),
    Exercise(
        id="30.2",
        title="Who waits behind a stall",
        name="slow_requests",
        check=check_slow_requests,
        hints=(
            "The array open_loop_np holds every latency.",
            "From one request to the next the backlog shrinks by 5 ms and grows by 1.",
        ),
        solution="slow_requests = sum(1.001 - k * 4e-3 > 0.5 for k in range(250))",
        wrong=(
            WrongAnswer("slow_requests = 1", "closed loop reports"),
            WrongAnswer("slow_requests = 100", "first guess"),
            WrongAnswer("slow_requests = 200", "during the stall"),
            WrongAnswer("slow_requests = 250", "wait at all"),
            WrongAnswer("slow_requests = 7", "1.001 s"),
        ),
    ),
    Exercise(
        id="30.3",
        title="A token bucket",
        name="allowed",
        check=check_allowed,
        hints=(
            "Two numbers are enough: the tokens left, and the time of the last look.",
            "At each request: tokens = min(size, tokens + rate * (now - then)).",
            "Then, if there is at least one token, take it and allow.",
        ),
        solution="""
def allowed(times, rate, size):
    tokens, then, decisions = size, 0.0, []
    for now in times:
        tokens = min(size, tokens + rate * (now - then))
        then = now
        decisions.append(tokens >= 1)
        tokens -= decisions[-1]
    return decisions
""",
        wrong=(
            WrongAnswer(
                "def allowed(times, rate, size):\n"
                "    tokens, then, out = size, 0.0, []\n"
                "    for now in times:\n"
                "        tokens += rate * (now - then); then = now\n"
                "        if not out: tokens = size\n"
                "        out.append(tokens >= 1); tokens -= out[-1]\n"
                "    return out",
                "beyond its size",
            ),
            WrongAnswer(
                "def allowed(times, rate, size):\n"
                "    tokens, then, out = 0, times[0] if times else 0, []\n"
                "    for now in times:\n"
                "        tokens = min(size, tokens + rate * (now - then)); then = now\n"
                "        out.append(tokens >= 1); tokens -= out[-1]\n"
                "    return out",
                "begins full",
            ),
            WrongAnswer(
                "def allowed(times, rate, size):\n"
                "    tokens, then, out = size, 0.0, []\n"
                "    for now in times:\n"
                "        tokens = min(size, tokens + rate * (now - then)); then = now\n"
                "        out.append(tokens >= 1); tokens -= 1\n"
                "    return out",
                "takes no token",
            ),
            WrongAnswer(
                "def allowed(times, rate, size):\n    return [True] * len(times)",
                "it should be",
            ),
            WrongAnswer(
                "def allowed(times, rate, size):\n    return [True]", "decisions for"
            ),
            WrongAnswer(
                "def allowed(times, rate, size):\n    return None", "return statement"
            ),
            WrongAnswer("def allowed(times, rate, size):\n    return 3", "one True"),
        ),
    ),
    Exercise(
        id="30.4",
        title="Four reports",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "First the two whose curve climbs, then the two with spikes.",
            "After a stall the requests that piled up must drain: is that to be seen?",
        ),
        solution="""
diagnosis = {"A": "bounded queue", "B": "closed loop", "C": "no limit", "D": "stalls"}
""",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "no limit", "B": "closed loop", '
                '"C": "bounded queue", "D": "stalls"}',
                "C grows and grows",
            ),
            WrongAnswer(
                'diagnosis = {"A": "bounded queue", "B": "stalls", '
                '"C": "no limit", "D": "closed loop"}',
                "D has slopes",
            ),
            WrongAnswer(
                'diagnosis = {"A": "stalls", "B": "closed loop", '
                '"C": "no limit", "D": "stalls"}',
                "keeps the queue",
            ),
            WrongAnswer(
                'diagnosis = {"A": "bounded queue", "B": "no limit", '
                '"C": "no limit", "D": "stalls"}',
                "nobody was sending",
            ),
            WrongAnswer('diagnosis = {"A": "no limit"}', "the keys"),
            WrongAnswer(
                'diagnosis = dict.fromkeys("ABCD", "bad luck")', "is not one of"
            ),
        ),
    ),
    Exercise(
        id="30.5",
        title="Be the schema",
        name="read",
        check=check_read,
        hints=(
            "The order of the questions: size, JSON, form.",
            "json.loads raises ValueError for bad JSON and bad UTF-8, and "
            "RecursionError for too many brackets.",
            'Bring {"text": t} to the form {"texts": [t]}, then check one list. A '
            "string has a length and items too: ask for the type first.",
        ),
        solution="""
def read(body):
    if len(body) > 1_000_000:
        return 413, []
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return 400, []
    if not isinstance(content, dict) or len(content) != 1:
        return 422, []
    texts = [content["text"]] if "text" in content else content.get("texts")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 64:
        return 422, []
    if not all(isinstance(t, str) and 1 <= len(t) <= 20_000 for t in texts):
        return 422, []
    return 200, texts
""",
        wrong=(
            WrongAnswer(
                "def read(body):\n    return 200, [json.loads(body)['text']]",
                "raised",
            ),
            WrongAnswer(
                "def read(body):\n"
                "    try:\n"
                "        content = json.loads(body)\n"
                "    except ValueError:\n"
                "        return 400, []\n"
                "    texts = [content['text']] if 'text' in content else "
                "content['texts']\n"
                "    return 200, texts",
                "ten thousand brackets",
            ),
            WrongAnswer(
                "def read(body):\n"
                "    try:\n"
                "        content = json.loads(body)\n"
                "    except Exception:\n"
                "        return 400, []\n"
                "    return 200, content.get('texts', [content.get('text')])",
                "1,000,001",
            ),
            WrongAnswer(
                "def read(body):\n"
                "    if len(body) > 1_000_000: return 413, []\n"
                "    try:\n"
                "        content = json.loads(body)\n"
                "    except Exception:\n"
                "        return 400, []\n"
                "    if not isinstance(content, dict): return 422, []\n"
                "    texts = content.get('texts', [content.get('text')])\n"
                "    if all(isinstance(t, str) and t for t in texts):\n"
                "        return 200, list(texts)\n"
                "    return 422, []",
                "a string under texts",
            ),
            WrongAnswer("def read(body):\n    return 200", "two things"),
            WrongAnswer("def read(body):\n    return None", "return statement"),
        ),
    ),
]
