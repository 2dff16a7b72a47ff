"""Checks, hints and solutions of Day 32."""

import copy
import math

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_number,
    expect_parts,
)
from common.exercises.answers import expect_causes, whole_number
from common.exercises.judge import refuse_blank

# What the notebook's cells before exercise 32.3 define, for the solution's code
SETUP = """
import math


def p_value(failed_new, sent_new, failed_old, sent_old):
    failed, total = failed_new + failed_old, sent_new + sent_old
    ways = sum(math.comb(sent_new, i) * math.comb(sent_old, failed - i)
               for i in range(failed_new, min(failed, sent_new) + 1))
    return ways / math.comb(total, failed)
"""


def check_grace(answer):
    left, smallest = expect_parts(
        answer, 2, "Answer with two numbers: the seconds left, the smallest value."
    )
    refuse_blank(left)
    refuse_blank(smallest)
    expect_number(
        left,
        5,
        {
            10: "The clock of terminationGracePeriodSeconds starts before preStop: "
            "what it sleeps is gone.",
            8: "That is what the process wants. What does it get?",
            15: "preStop's seconds come out of the grace period, not on top of it.",
        },
        otherwise="Begin with 10 seconds; take away what has passed before SIGTERM.",
    )
    expect_number(
        smallest,
        13,
        {
            8: "Before SIGTERM comes, preStop has slept.",
            10: "With 10 the process has 5 seconds, and it needs 8.",
            18: "Count each second once: preStop, then the request.",
            15: "15 would do, and something smaller does too.",
        },
        otherwise="preStop's seconds and the longest request, one after the other.",
    )
    return "The manifest in deploy/ follows the same sum: 5 for preStop, 10 to finish."


_DESIRED = (7, 4, 2, 10)


def check_desired(answer):
    parts = expect_parts(answer, 4, "Answer with four numbers, for (a) to (d).")
    for part in parts:
        refuse_blank(part)
    reasons = (
        "(a) 4 × 80 / 50 is 6.4. Which whole number is enough?",
        "(b) 54 / 50 is 1.08. What happens so close to 1?",
        "(c) The rule says 1. What does the minimum say?",
        "(d) The rule says 15. What does the maximum say?",
    )
    for part, want, reason in zip(parts, _DESIRED, reasons, strict=True):
        if whole_number(part, "A number of instances") != want:
            raise Wrong(reason)
    return "Four instances at 80 % become seven: the load is shared out to the target."


def _p_value(failed_new, sent_new, failed_old, sent_old):
    failed, total = failed_new + failed_old, sent_new + sent_old
    ways = sum(
        math.comb(sent_new, i) * math.comb(sent_old, failed - i)
        for i in range(failed_new, min(failed, sent_new) + 1)
    )
    return ways / math.comb(total, failed)


def _smallest(sent_new, sent_old, failed_old, level, *, at_most=False):
    for failed in range(sent_new + 1):
        p = _p_value(failed, sent_new, failed_old, sent_old)
        if p < level or (at_most and p <= level):
            return failed
    return None


_CANARIES = (
    (40, 160, 0, 0.001),
    (40, 160, 0, 0.01),
    (400, 1600, 8, 0.001),
    (400, 1600, 80, 0.001),
    (3, 160, 0, 1e-7),
    (10, 90, 2, 0.05),
    (1, 1, 0, 0.5),
    (0, 50, 2, 0.01),
)


def check_smallest_alarm(smallest_alarm):
    refuse_blank(smallest_alarm(*_CANARIES[0]))
    for case in _CANARIES:
        sent_new, sent_old, failed_old, level = case
        got, want = smallest_alarm(*case), _smallest(*case)
        where = (
            f"{sent_new} requests to the new version, {sent_old} to the old with "
            f"{failed_old} failures, level {level:g}"
        )
        if got is None and want is None:
            continue
        if got is None and want is not None:
            raise Wrong(f"{where}: there is such a number. Is it returned?")
        if isinstance(got, bool):
            raise Wrong("Return how many failures, not whether.")
        got = whole_number(got, "The number of failures")
        if got == want:
            continue
        if got == _smallest(*case, at_most=True):
            raise Wrong(f"{where}: a p-value equal to the level is not below it.")
        if want is None:
            raise Wrong(f"{where}: not even {sent_new} failures are enough; None.")
        if got == want - 1:
            raise Wrong(
                f"{where}: with {got} the p-value is still "
                f"{_p_value(got, sent_new, failed_old, sent_old):.4f}. Return the "
                "first number that is below the level, not the last that is not."
            )
        if failed_old and got == _smallest(sent_new, sent_old, 0, level):
            raise Wrong(f"{where}: the old version's failures count, too.")
        if got > want:
            raise Wrong(f"{where}: fewer are enough. Count upwards, and stop at once.")
        raise Wrong(f"{where}: {got} failures are not enough yet.")
    return "Know it before the release: so many users pay for the alarm."


_FAULTS = {
    "A": "SIGTERM ignored",
    "B": "bad version",
    "C": "readiness is liveness",
    "D": "no drain",
}


def check_diagnosis(answer):
    expect_causes(
        answer,
        _FAULTS,
        {
            "B": "B: the failures begin with the first new instance, grow with each, "
            "and do not end. Who fails them?",
            "C": "C: the bursts begin when a new instance joins, and end by "
            "themselves. What was it not, although it lived?",
            "D": "D: the bursts begin when an old instance is told to end. Who still "
            "sent requests to it?",
            "A": "A: look at the time between the dotted line and the solid one, and "
            "at what comes at its end.",
        },
        "faults",
    )
    return "When failures begin, and when they end, says who got the requests."


_SECRET = ("KEY", "TOKEN", "PASSWORD", "SECRET")


def _broken_rules(deployment):
    """The rules that a Deployment breaks."""
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    broken = set()
    if spec.get("replicas", 1) < 2:
        broken.add("one replica")
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    if "@" not in container["image"] and tag in ("", "latest"):
        broken.add("no tag")

    def path(probe):
        return container.get(probe, {}).get("httpGet", {}).get("path")

    if "readinessProbe" not in container:
        broken.add("no readiness")
    elif path("livenessProbe") and path("livenessProbe") == path("readinessProbe"):
        broken.add("same probe")
    if "memory" not in container.get("resources", {}).get("limits", {}):
        broken.add("no memory limit")
    # The container's own settings come last: they override the pod's
    security = pod.get("securityContext", {}) | container.get("securityContext", {})
    if security.get("runAsNonRoot") is not True:
        broken.add("may be root")
    for one in container.get("env", []):
        if "value" in one and any(word in one["name"].upper() for word in _SECRET):
            broken.add("plain secret")
    hook = container.get("lifecycle", {}).get("preStop", {})
    sleeps = hook.get("sleep", {}).get("seconds", 0)
    grace = pod.get("terminationGracePeriodSeconds", 30)
    if grace <= sleeps:
        broken.add("short grace")
    return broken


_GOOD = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "sentiment"},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "terminationGracePeriodSeconds": 15,
                "securityContext": {"runAsNonRoot": True},
                "containers": [
                    {
                        "name": "api",
                        "image": "registry:5000/sentiment:1.0.0",
                        "env": [
                            {"name": "LOG_LEVEL", "value": "warning"},
                            {
                                "name": "API_KEY",
                                "valueFrom": {
                                    "secretKeyRef": {"name": "s", "key": "k"}
                                },
                            },
                        ],
                        "resources": {"limits": {"memory": "512Mi"}},
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8000}},
                        "livenessProbe": {"httpGet": {"path": "/health", "port": 8000}},
                        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                    }
                ],
            }
        },
    },
}


def _variant(change):
    deployment = copy.deepcopy(_GOOD)
    pod = deployment["spec"]["template"]["spec"]
    change(deployment["spec"], pod, pod["containers"][0])
    return deployment


def _put(place, **fields):
    place.update(fields)


_DEPLOYMENTS = {
    "a good one": _GOOD,
    "one replica": _variant(lambda s, p, c: _put(s, replicas=1)),
    "no replicas": _variant(lambda s, p, c: s.pop("replicas")),
    "the tag latest": _variant(lambda s, p, c: _put(c, image="sentiment:latest")),
    "a registry's port and no tag": _variant(
        lambda s, p, c: _put(c, image="registry:5000/sentiment")
    ),
    "a digest": _variant(lambda s, p, c: _put(c, image="sentiment@sha256:" + "0" * 64)),
    "no readinessProbe": _variant(lambda s, p, c: c.pop("readinessProbe")),
    "liveness asks /ready": _variant(
        lambda s, p, c: _put(c, livenessProbe={"httpGet": {"path": "/ready"}})
    ),
    "no livenessProbe": _variant(lambda s, p, c: c.pop("livenessProbe")),
    "no resources": _variant(lambda s, p, c: c.pop("resources")),
    "a limit on the CPU alone": _variant(
        lambda s, p, c: _put(c, resources={"limits": {"cpu": "1"}})
    ),
    "nothing about root": _variant(lambda s, p, c: p.pop("securityContext")),
    "runAsNonRoot: false": _variant(
        lambda s, p, c: _put(p, securityContext={"runAsNonRoot": False})
    ),
    "runAsNonRoot for the container": _variant(
        lambda s, p, c: (
            p.pop("securityContext"),
            _put(c, securityContext={"runAsNonRoot": True}),
        )
    ),
    "false for the container, true for the pod": _variant(
        lambda s, p, c: _put(c, securityContext={"runAsNonRoot": False})
    ),
    "a securityContext of the container about something else": _variant(
        lambda s, p, c: _put(c, securityContext={"readOnlyRootFilesystem": True})
    ),
    "a password as a value": _variant(
        lambda s, p, c: c["env"].append({"name": "db_password", "value": "x"})
    ),
    "no env": _variant(lambda s, p, c: c.pop("env")),
    "a grace period of preStop's length": _variant(
        lambda s, p, c: _put(p, terminationGracePeriodSeconds=5)
    ),
    "no grace period, preStop of 20 s": _variant(
        lambda s, p, c: (
            p.pop("terminationGracePeriodSeconds"),
            _put(c, lifecycle={"preStop": {"sleep": {"seconds": 20}}}),
        )
    ),
    "no lifecycle": _variant(lambda s, p, c: c.pop("lifecycle")),
}
_RULES = (
    "one replica",
    "no tag",
    "no readiness",
    "same probe",
    "no memory limit",
    "may be root",
    "plain secret",
    "short grace",
)


def check_objections(objections):
    refuse_blank(objections(copy.deepcopy(_GOOD)))
    for what, deployment in _DEPLOYMENTS.items():
        got = objections(copy.deepcopy(deployment))
        if got is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        if isinstance(got, str) or not hasattr(got, "__iter__"):
            raise Wrong("Return a set of names, an empty one for a good Deployment.")
        got, want = set(got), _broken_rules(deployment)
        if got == want:
            continue
        if strange := got - set(_RULES):
            raise Wrong(f"{min(map(str, strange))!r} is none of the eight names.")
        if what == "runAsNonRoot for the container":
            raise Wrong("runAsNonRoot may stand at the pod or at the container.")
        if what == "false for the container, true for the pod":
            raise Wrong("The container's own runAsNonRoot overrides the pod's.")
        if what.startswith("a securityContext of the container"):
            raise Wrong("What the container leaves open, the pod's setting decides.")
        if what == "a password as a value":
            raise Wrong(
                "The variable db_password has a value: a secret, in capitals or not."
            )
        if what == "a registry's port and no tag":
            raise Wrong("In registry:5000/sentiment the colon belongs to the port.")
        if what.startswith("no grace period"):
            raise Wrong("Without terminationGracePeriodSeconds Kubernetes takes 30.")
        if what.startswith("a grace period"):
            raise Wrong("With 5 of 5 seconds slept, none is left for the process.")
        if missed := want - got:
            raise Wrong(f"{what!r} breaks the rule {min(missed)!r}.")
        raise Wrong(f"{what!r} does not break the rule {min(got - want)!r}.")
    return f"{len(_DEPLOYMENTS)} Deployments judged, as an admission controller would."


_GATEKEEPER = """
def objections(deployment):
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    box = pod["containers"][0]
    ready, live = (box.get(kind, {}).get("httpGet", {}).get("path")
                   for kind in ("readinessProbe", "livenessProbe"))
    image = box["image"].split("/")[-1]
    security = {**pod.get("securityContext", {}), **box.get("securityContext", {})}
    sleeps = box.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    broken = {
        "one replica": spec.get("replicas", 1) < 2,
        "no tag": "@" not in image and (":" not in image or image.endswith(":latest")),
        "no readiness": "readinessProbe" not in box,
        "same probe": ready is not None and ready == live,
        "no memory limit": "memory" not in box.get("resources", {}).get("limits", {}),
        "may be root": security.get("runAsNonRoot") is not True,
        "plain secret": any("value" in one and word in one["name"].upper()
                            for one in box.get("env", [])
                            for word in ("KEY", "TOKEN", "PASSWORD", "SECRET")),
        "short grace": (pod.get("terminationGracePeriodSeconds", 30)
                        <= sleeps.get("seconds", 0)),
    }
    return {name for name, is_broken in broken.items() if is_broken}
"""
_SECURITY = '{**pod.get("securityContext", {}), **box.get("securityContext", {})}'

EXERCISES = [
    Exercise(
        id="32.r1",
        title="Recall: exit code 137",
        name="recall_1",
        check=choice(
            "c",
            "128 + 9: somebody had to send SIGKILL.",
            {
                "a": "An error in Python ends with code 1.",
                "b": "Then it would be 0, or 143 = 128 + 15.",
            },
        ),
        hints=("A shell writes 128 + n for signal n.",),
        solution='recall_1 = "c"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "code 1"),
            WrongAnswer('recall_1 = "b"', "143"),
        ),
    ),
    Exercise(
        id="32.r2",
        title="Recall: a closed loop",
        name="recall_2",
        check=choice(
            "a",
            "While the server stalls, it sends nothing that could be slow.",
            {
                "b": "Which requests are missing from its list, fast or slow ones?",
                "c": "A longer run leaves out more of them.",
            },
        ),
        hints=("What does the tester do while the server stalls for a second?",),
        solution='recall_2 = "a"',
        wrong=(
            WrongAnswer('recall_2 = "b"', "missing"),
            WrongAnswer('recall_2 = "c"', "longer run"),
        ),
    ),
    Exercise(
        id="32.r3",
        title="Recall: taking a promotion back",
        name="recall_3",
        check=choice(
            "b",
            "An alias is a name that points at a version; the old one is still there.",
            {
                "a": "The old version lies in the registry, as it was.",
                "c": "Nobody needs it gone, and you want to look into it.",
            },
        ),
        hints=("What did the promotion change?",),
        solution='recall_3 = "b"',
        wrong=(
            WrongAnswer('recall_3 = "a"', "as it was"),
            WrongAnswer('recall_3 = "c"', "look into it"),
        ),
    ),
    Exercise(
        id="32.1",
        title="Seconds of grace",
        name="grace",
        check=check_grace,
        hints=(
            "Draw a line of 10 seconds. Where on it does SIGTERM come?",
            "The second answer: preStop and the longest request, end to end.",
        ),
        solution="grace = 10 - 5, 5 + 8",
        wrong=(
            WrongAnswer("grace = 10, 13", "starts before preStop"),
            WrongAnswer("grace = 8, 13", "wants"),
            WrongAnswer("grace = 15, 13", "out of the grace"),
            WrongAnswer("grace = 5, 8", "has slept"),
            WrongAnswer("grace = 5, 10", "needs 8"),
            WrongAnswer("grace = 5, 18", "each second once"),
            WrongAnswer("grace = 1, 13", "take away"),
        ),
    ),
    Exercise(
        id="32.2",
        title="What the autoscaler wants",
        name="desired",
        check=check_desired,
        hints=(
            "Rule first, then the exception near 1, then minimum and maximum.",
            "ceil rounds up: 6.4 becomes 7.",
        ),
        solution="""
import math
desired = math.ceil(4 * 80 / 50), 4, max(2, math.ceil(2 * 10 / 50)), 10
""",
        wrong=(
            WrongAnswer("desired = 6, 4, 2, 10", "6.4"),
            WrongAnswer("desired = 7, 5, 2, 10", "so close to 1"),
            WrongAnswer("desired = 7, 4, 1, 10", "minimum"),
            WrongAnswer("desired = 7, 4, 2, 15", "maximum"),
            WrongAnswer("desired = 7", "four numbers"),
        ),
    ),
    Exercise(
        id="32.3",
        title="How many failures are too many",
        name="smallest_alarm",
        check=check_smallest_alarm,
        hints=(
            "Try 0, 1, 2, ... failures of the new version, up to all its requests.",
            "Return the first for which p_value(failed, sent_new, failed_old, "
            "sent_old) is below the level; after the loop, None.",
        ),
        solution="""
def smallest_alarm(sent_new, sent_old, failed_old, level):
    for failed in range(sent_new + 1):
        if p_value(failed, sent_new, failed_old, sent_old) < level:
            return failed
    return None
""",
        wrong=(
            WrongAnswer(
                "def smallest_alarm(sent_new, sent_old, failed_old, level):\n"
                "    for failed in range(sent_new + 1):\n"
                "        if p_value(failed, sent_new, failed_old, sent_old) <= level:\n"
                "            return failed",
                "not below it",
            ),
            WrongAnswer(
                "def smallest_alarm(sent_new, sent_old, failed_old, level):\n"
                "    for failed in range(sent_new + 1):\n"
                "        if p_value(failed, sent_new, failed_old, sent_old) < level:\n"
                "            return failed - 1",
                "first",
            ),
            WrongAnswer(
                "def smallest_alarm(sent_new, sent_old, failed_old, level):\n"
                "    for failed in range(sent_new + 1):\n"
                "        if p_value(failed, sent_new, 0, sent_old) < level:\n"
                "            return failed",
                "count, too",
            ),
            WrongAnswer(
                "def smallest_alarm(sent_new, sent_old, failed_old, level):\n"
                "    return p_value(sent_new, sent_new, failed_old, sent_old) < level",
                "not whether",
            ),
            WrongAnswer(
                "def smallest_alarm(sent_new, sent_old, failed_old, level):\n"
                "    return sent_new",
                "fewer are enough",
            ),
            WrongAnswer(
                "def smallest_alarm(sent_new, sent_old, failed_old, level):\n"
                "    for failed in range(sent_new + 1):\n"
                "        if p_value(failed, sent_new, failed_old, sent_old) < level:\n"
                "            return failed\n"
                "    return sent_new",
                "not even",
            ),
        ),
    ),
    Exercise(
        id="32.4",
        title="Four updates with a fault each",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Do the failures follow the black line, the dotted one or the solid one?",
            "One trace has failures that never end; one has very few, and long pauses.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer(
                "diagnosis = {'A': 'SIGTERM ignored', 'B': 'no drain', "
                "'C': 'readiness is liveness', 'D': 'bad version'}",
                "do not end",
            ),
            WrongAnswer(
                "diagnosis = {'A': 'SIGTERM ignored', 'B': 'bad version', "
                "'C': 'no drain', 'D': 'readiness is liveness'}",
                "joins",
            ),
            WrongAnswer(
                "diagnosis = {'A': 'no drain', 'B': 'bad version', "
                "'C': 'readiness is liveness', 'D': 'SIGTERM ignored'}",
                "told to end",
            ),
        ),
    ),
    Exercise(
        id="32.5",
        title="Be the gatekeeper",
        name="objections",
        check=check_objections,
        hints=(
            "Name the three places first: spec, the pod (spec.template.spec), and its "
            "one container. Most rules are one line; `.get(name, {})` walks on where "
            "something is missing.",
            "A tag is what follows the colon after the last slash; a digest has an @.",
            "preStop sleeps lifecycle.preStop.sleep.seconds, or not at all.",
        ),
        solution=_GATEKEEPER,
        wrong=(
            WrongAnswer(
                "def objections(deployment):\n    return set()", "breaks the rule"
            ),
            WrongAnswer(
                "def objections(deployment):\n    return None", "return statement"
            ),
            WrongAnswer(
                "def objections(deployment):\n    return 'no tag'", "set of names"
            ),
            WrongAnswer(
                "def objections(deployment):\n    return {'bad'}", "none of the eight"
            ),
            WrongAnswer(
                "def objections(deployment):\n    return {'one replica'}",
                "does not break",
            ),
            WrongAnswer(
                _GATEKEEPER.replace(
                    'security.get("runAsNonRoot") is not True',
                    'not any(place.get("securityContext", {}).get("runAsNonRoot")\n'
                    "                               for place in (pod, box))",
                ),
                "overrides the pod's",
            ),
            WrongAnswer(
                _GATEKEEPER.replace(
                    _SECURITY,
                    'box.get("securityContext", pod.get("securityContext", {}))',
                ),
                "leaves open",
            ),
            WrongAnswer(
                _GATEKEEPER.replace('one["name"].upper()', 'one["name"]'),
                "capitals or not",
            ),
        ),
    ),
]
