"""The ML Test Score of this repository, from evidence that is searched for.

    python -m common.sentiment.readiness

Source of the 28 tests and of the scale: E. Breck, S. Cai, E. Nielsen, M. Salib,
D. Sculley, "The ML test score: a rubric for ML production readiness and technical
debt reduction", IEEE Big Data 2017. Each test earns one point where the check runs by
itself, half a point where a person can run or read it, and none where nothing was
found. Each section's points are added; the score is the *smallest* of the four sums.

Evidence is a name: of a test function, in a module that mentions `common.sentiment`,
that the continuous integration runs (one point); of a definition in common/, of a
recorded metric, or of a file (half a point). Prose never counts. A name does not prove
that a test is good: the score says where to look, not that all is well.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import ROOT

SECTIONS = ("data", "model", "infrastructure", "monitoring")


@dataclass(frozen=True)
class Item:
    """One of the 28 tests, and the names that count as evidence for it."""

    section: str
    claim: str
    """What has to hold, in the paper's words, shortened."""
    automated: str
    """A regular expression over "path name" of test functions."""
    by_hand: str
    """The same over "definition path name", "metric day name" and "file path"."""
    day: int
    """The day of the course that builds it, or builds more of it."""


@dataclass(frozen=True)
class Scored:
    """An item with its points (0, 0.5 or 1) and the first name found, if any."""

    item: Item
    points: float
    evidence: str


_NEVER = r"(?!)"
_TESTS = {
    "data": (
        ("feature expectations are captured in a schema",
         r"schema|another_form", r"definition .*schema", 29),
        ("all features are beneficial",
         r"feature_is_beneficial|ablation", r"metric .*words_\w+_valid_accuracy", 19),
        ("no feature costs too much",
         r"cost_of_(a_)?feature", r"metric .*onnx_(bilstm_)?seconds", 30),
        ("features adhere to meta-level requirements",
         r"meta_(level_)?requirement|allowed_source", r"definition .*allowed_source",
         36),
        ("the data pipeline has privacy controls",
         r"log_has.*no_text|not_repeat_what_the_user|privacy",
         r"definition .*(anonymi|redact)", 30),
        ("new features can be added quickly",
         r"new_feature", r"definition .* FeatureConfig$", 29),
        ("all input feature code is tested",
         r"text_becomes_words|bigrams_know", _NEVER, 19),
    ),
    "model": (
        ("model specifications are reviewed and submitted",
         r"review_is_required|codeowners",
         r"file .*(pull_request_template|sentiment\.toml)", 37),
        ("offline and online metrics correlate",
         r"online_metric|a_b_test|shadow", r"metric .*online_", 40),
        ("all hyperparameters have been tuned",
         r"hyperparameter|tuned_model", r"(definition|metric) .*(tune|optuna|trial)",
         38),
        ("the impact of model staleness is known",
         r"model_(age|stale)|stale_model", r"metric .*(model_age|staleness)", 33),
        ("a simpler model is not better",
         r"beats_the_baseline|worse_than_the_baseline",
         r"metric day(19|24)\S* baseline_", 24),
        ("quality is sufficient on important slices",
         r"slice\w*(gate|refus|worse)|(gate|refus)\w*slice",
         r"metric .*slice_\w+_accuracy", 28),
        ("the model is tested for considerations of inclusion",
         r"fairness|inclusion|identity_term", r"metric .*(fairness|identity_term)", 36),
    ),
    "infrastructure": (
        ("training is reproducible",
         r"same_weights|same_bytes", r"metric .*differing_weights", 29),
        ("model specifications are unit tested",
         r"training_step|learns_a_batch", _NEVER, 29),
        ("the pipeline is integration tested",
         r"finished_run|what_was_exported", r"file .*dvc\.yaml", 29),
        ("model quality is validated before serving",
         r"not_good_enough|challenger\w*refus|gate_",
         r"definition .* (\w+_)?gate(_|$)", 28),
        ("the model can be debugged step by step on one example",
         r"contribution|explains_a_", r"definition .*(contribution|explain)", 35),
        ("models are canaried before serving",
         r"canary", r"(definition|file) .*canary", 32),
        ("serving models can be rolled back",
         r"roll(ed)?_?back", r"definition .*roll_?back", 28),
    ),
    "monitoring": (
        ("dependency changes result in a notification",
         r"another_version_counts", r"file .*(dependabot|renovate)", 34),
        ("data invariants hold for inputs",
         r"finds_its_poison|contract", r"definition .*(contract|invariant)", 29),
        ("training and serving are not skewed",
         r"same_numbers_in_training_and_serving", r"metric .*skewed_texts", 29),
        ("models are not too stale",
         r"model\w*too_old|retrain\w*trigger", r"definition .*(too_old|retrain)", 33),
        ("models are numerically stable",
         r"any_string_gets_a_probability|finite", r"metric .*parity_difference", 30),
        ("computing performance has not regressed",
         r"(latency|speed)\w*(target|regress|slower)", r"metric .*latency_p99", 34),
        ("prediction quality has not regressed on served data",
         r"live_accuracy|prediction_drift|quality_of_served",
         r"definition .*(live_accuracy|prediction_drift)", 33),
    ),
}  # fmt: skip
RUBRIC = tuple(Item(section, *rest) for section in SECTIONS for rest in _TESTS[section])
"""The 28 tests: what holds, and where the search looks for it."""

_VERDICTS = (
    (0, "a research project rather than a system for production"),
    (1, "not untested, but serious holes in reliability must be expected"),
    (2, "a first pass at basic readiness; more investment may be needed"),
    (3, "reasonably tested; more of the tests could run by themselves"),
    (5, "strong automated testing and monitoring, fit for critical systems"),
    (7, "exceptional levels of automated testing and monitoring"),
)
_OWN = ("readiness.py", "test_readiness.py")
"""The search must not find itself."""


def score(root: Path = ROOT) -> tuple[Scored, ...]:
    """Look for the evidence of every item in a checkout of the course.

    Args:
        root: of the checkout; days, tests or workflows may be missing in it.

    Returns:
        28 results, in the order of `RUBRIC`.
    """
    tests = sorted(test_names(root))
    others = sorted([*definitions(root), *metrics(root), *files(root)])
    full = 1.0 if tests_run_by_themselves(root) else 0.5
    scored = []
    for item in RUBRIC:
        test = _first(item.automated, tests)
        other = _first(item.by_hand, others)
        points = full if test else 0.5 if other else 0.0
        scored.append(Scored(item, points, test or other))
    return tuple(scored)


def section_points(scored: Sequence[Scored]) -> dict[str, float]:
    """Add up the points of each section, in [0, 7]."""
    return {
        section: sum(one.points for one in scored if one.item.section == section)
        for section in SECTIONS
    }


def verdict(final: float) -> str:
    """Say in the paper's words what a final score means."""
    return next(words for limit, words in _VERDICTS if final <= limit)


def tests_run_by_themselves(root: Path) -> bool:
    """Whether a workflow of this checkout calls the tests."""
    workflows = (root / ".github" / "workflows").glob("*.y*ml")
    return any(re.search(r"make test|pytest", _text(path)) for path in workflows)


def test_names(root: Path) -> Iterator[str]:
    """Yield "path name" of the test functions in tests/ that are about the product."""
    for path in _python(root / "tests"):
        if path.name.startswith("test_") and "common.sentiment" in _text(path):
            for name in _defined(path):
                if name.startswith("test_"):
                    yield f"{_relative(path, root)} {name}"


def definitions(root: Path) -> Iterator[str]:
    """Yield "definition path name" of every function and class in common/."""
    for path in _python(root / "common"):
        for name in _defined(path):
            yield f"definition {_relative(path, root)} {name}"


def metrics(root: Path) -> Iterator[str]:
    """Yield "metric day name" of everything that a day has recorded."""
    for path in sorted(root.glob("day*/results.json")):
        try:
            records = json.loads(_text(path))["records"]
            names = {name for record in records for name in record["metrics"]}
        except (ValueError, KeyError, TypeError):
            continue  # a file that cannot be read is no evidence
        for name in sorted(names):
            yield f"metric {path.parent.name} {name}"


def files(root: Path) -> Iterator[str]:
    """Yield "file path" of .github/, of the product, and of each day's own folder."""
    for pattern in (".github/**/*", "common/sentiment/**/*", "day*/*"):
        for path in sorted(root.glob(pattern)):
            if path.is_file() and path.name not in _OWN:
                yield f"file {_relative(path, root)}"


def _first(pattern: str, names: Sequence[str]) -> str:
    """The first name that the pattern is found in, or ""."""
    return next((name for name in names if re.search(pattern, name)), "")


def _python(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*.py")) if p.name not in _OWN]


def _defined(path: Path) -> list[str]:
    """The names of a module's functions and classes; none if it cannot be parsed."""
    try:
        tree = ast.parse(_text(path))
    except (SyntaxError, ValueError):
        return []
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node.name for node in ast.walk(tree) if isinstance(node, kinds)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def main() -> int:
    """Print the score with its evidence; the exit status is 0."""
    scored = score()
    for one in scored:
        found = one.evidence or f"nothing yet, see Day {one.item.day}"
        print(f"{one.points:3.1f}  {one.item.section:14}  {one.item.claim}: {found}")
    points = section_points(scored)
    print(", ".join(f"{section} {total:g}" for section, total in points.items()))
    final = min(points.values())
    print(f"ML Test Score {final:g} of 7: {verdict(final)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
