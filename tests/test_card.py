"""The model card: numbers from their sources, and a linter that finds every fault."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import served_model
from scipy import stats

from common import ROOT, artifacts
from common.sentiment import api_reference, card, card_lint, claims
from common.sentiment.claims import Claim, ClaimError

WRITTEN = "2026-11-26"
SHARE = {"right": 27, "n": 30, "of": "reviews"}
POINTS = {"value": 0.002, "low": -0.001, "high": 0.005, "n": 9, "of": "names",
          "unit": "points"}  # fmt: skip
RANGE = {"low": 1, "high": 20, "unit": "Wh", "of": "assumptions"}


def evidence(folder, model):
    """Small files of the form that Day 36 writes."""
    names = {
        "bound": {**POINTS, "of": "points"},
        "gender": {"in_templates": POINTS, "in_reviews": POINTS},
        "origin": {"in_templates": POINTS, "in_reviews": POINTS},
        "turned": SHARE,
        "known": {"women": "9 of 9", "men": "8 of 9"},
    }
    files = {
        "evaluation": {
            "model": model, "learned": SHARE, "all": SHARE, "unseen": SHARE,
            "calibration_error": POINTS, "slices": {"short": SHARE, "horror": SHARE},
            "worst": "none", "names": names,
        },
        "data": {
            **dict.fromkeys(("title", "sha256"), "reviews"),
            **dict.fromkeys(("train", "test", "words_most", "in_both_parts",
                             "repeats_train", "repeats_test", "both_labels"), 1234),
            **dict.fromkeys(("positive", "told", "rule", "spoilers", "foreign"), SHARE),
            "words_median": 173, "era": "2006",
        },
        "cost": {
            "cpu_seconds": {**POINTS, "unit": "seconds"}, "energy": RANGE,
            "electricity": RANGE, "machine": RANGE, "assumed": {"power": RANGE},
        },
        "registry": {"version": 1, "run_id": "0a1b"},
        "mistakes": {"kinds": {"not measured": "nobody has read them yet"}},
    }  # fmt: skip
    folder.mkdir()
    for name, content in files.items():
        text = json.dumps({"date": "2026-11-25", **content})
        (folder / f"{name}.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of sources that no test changes."""
    folder = tmp_path_factory.mktemp("card")
    served = served_model.write(folder / "served")
    manifest = json.loads((served / "manifest.json").read_text())
    assert manifest["created"]
    data = {"title": "a toy", "source": "toy"}
    text = json.dumps(
        manifest | {"data": data, "created": "2026-11-25T10:00:00Z"}, indent=1
    )
    (served / "manifest.json").write_text(text)
    model = claims.file_hash(served / "manifest.json")
    evidence(folder / "evidence", model)
    return folder


@pytest.fixture
def places(made, tmp_path):
    for name in ("served", "evidence"):
        shutil.copytree(made / name, tmp_path / name)
    found = {name: tmp_path / name for name in ("served", "evidence")}
    return {"course": tmp_path / "course", **found}  # no day has recorded anything


@pytest.fixture
def text(places):
    return card.render(card.collect("Model card", places, WRITTEN))


def rules(text, places):
    return sorted({fault.rule for fault in card_lint.lint(text, places)})


# --- Claims ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 30, 1000, 25_000])
def test_wilsons_interval_is_scipys(n):
    for right in {0, 1, n // 3, n - 1, n}:
        theirs = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
        np.testing.assert_allclose(claims.wilson(right, n), theirs, atol=1e-12)


@pytest.mark.parametrize(("right", "n"), [(1, 0), (-1, 3), (4, 3)])
def test_a_share_of_nothing_is_refused(right, n):
    with pytest.raises(ClaimError, match="no share"):
        claims.wilson(right, n)


def test_the_interval_over_seeds_is_students():
    values = np.array([0.90, 0.91, 0.93])
    theirs = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    ours = claims.of_seeds(values.mean(), values.std(ddof=1), 3)
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize(
    ("node", "unit", "words"),
    [
        (SHARE, "", ("90.0 %", "74.4 % to 96.5 %", "30 reviews")),
        (POINTS, "", ("+0.20 points", "-0.10 points to +0.50 points", "9 names")),
        (RANGE, "", ("–", "1 Wh to 20 Wh", "assumptions")),
        ({"mean": 0.9, "std": 0.0, "seeds": 1}, "fraction",
         ("90.0 %", "none: one run", "1 seed")),
        ({"mean": 0.00189, "std": 0.0, "seeds": 1}, "seconds",
         ("1.89 ms", "none: one run", "1 seed")),
        ({"said": "short", "because": "Holm, 5 %", "of": "14 slices"}, "",
         ("short", "none: Holm, 5 %", "14 slices")),
        (22_500, "", ("22,500", "exact", "–")),
        (0.8303, "", ("0.83", "exact", "–")),
        ("bigrams", "", ("bigrams", "exact", "–")),
    ],
)  # fmt: skip
def test_a_node_is_said_in_words(node, unit, words):
    assert claims.in_words(node, unit) == words


@pytest.mark.parametrize("node", [None, True, [1], {}, {"right": 3}, {"value": 3}])
def test_a_node_of_another_form_is_refused(node):
    with pytest.raises(ClaimError):
        claims.in_words(node)


def test_a_claim_is_read_back_from_its_row(places):
    claim = claims.read("Accuracy", "evidence/evaluation.json#all", places)
    assert claims.parse_row(claims.row(claim)) == claim
    assert claim.date == "2026-11-25"
    source = claims.parse_source(claim.source)
    assert source[:2] == ("evidence/evaluation.json", "all")
    assert claims.parse_row(claims.HEADER) is claims.parse_row(claims.RULE) is None
    assert claims.parse_row("| for | not |") is None


@pytest.mark.parametrize(
    "source",
    [
        "nowhere/evaluation.json#all", "evidence/none.json#all", "evidence/#all",
        "evidence/evaluation.json#names.none", "evidence/../served/manifest.json#kind",
        "evidence/evaluation.json#all.right.more", "evidence/broken.json#a",
    ],
)  # fmt: skip
def test_what_cannot_be_read_needs_an_excuse(places, source):
    (places["evidence"] / "broken.json").write_text("{")
    with pytest.raises(ClaimError):
        claims.read("It", source, places)
    excused = claims.read("It", source, places, "nobody looked")
    assert excused == Claim("It", "not measured: nobody looked")


def test_a_days_record_is_the_full_one_where_there_is_one(tmp_path):
    def record(budget, mean):
        value = {"mean": mean, "std": 0.01, "seeds": 3}
        return {"budget": budget, "date": WRITTEN, "metrics": {"test_accuracy": value}}

    file = tmp_path / "results.json"
    for records, said in (
        ([record("quick", 0.8)], "80.0 %"),
        ([record("quick", 0.8), record("full", 0.9)], "90.0 %"),
    ):
        file.write_text(json.dumps({"records": records}))
        claim = claims.read("It", "here/results.json#test_accuracy", {"here": tmp_path})
        assert (claim.value, claim.of) == (said, "3 seeds")


# --- The card -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", card_lint.SECTIONS)
def test_a_generated_document_has_no_fault(places, kind):
    text = card.render(card.collect(kind, places, WRITTEN))
    assert card_lint.lint(text, places) == []
    assert list(card_lint.parse(text).sections) == list(card_lint.SECTIONS[kind])


def test_every_number_has_a_source_and_an_interval_or_a_reason(places):
    for kind in card_lint.SECTIONS:
        document = card.collect(kind, places, WRITTEN)
        assert document.claims
        for claim in document.claims:
            if not claim.value.startswith("not measured: "):
                assert claims.parse_source(claim.source).sha256, claim
                assert re.search(r" to |exact|none: .", claim.interval), claim


def test_a_day_without_a_record_is_not_measured_with_its_reason(text):
    assert "| not measured: Day 33 has no record in this copy |" in text
    assert "| not measured: nobody has read them yet |" in text
    assert "| not measured: the data do not tell who wrote them |" in text


def test_the_records_of_the_course_itself_can_be_read(places):
    names = [one for section in card.read_words()["Model card"].values()
             if isinstance(section, dict) for one in section.get("claims", [])
             if one.get("source", "").startswith("course/")]  # fmt: skip
    assert names
    for one in names:
        claim = claims.read(
            one["name"], one["source"], places | {"course": ROOT}, one["otherwise"]
        )
        assert claim.value


# --- The linter: each fault has a sentence of its own ---------------------------------

ACCURACY = r"(?m)^\| Accuracy \| .*$"
FAULTS = {
    "about another version": (r"(About \S+ )\w{4}", r"\g<1>0000", "another version"),
    "section missing": (r"(?s)## Factors.*?(?=## )", "", "Factors is missing"),
    "section empty": (r"(?s)(## Factors\n).*?(?=## )", r"\1\n", "Factors is empty"),
    "section unwritten": (r"(?s)(## Factors\n).*?(?=## )", r"\1\nTBD\n", "not written"),
    "use without a limit": (r"\| English \| [^|]*\|", "| English |  |", "'English'"),
    "not measured, no reason": (r": Day 33 has [^|]*", " ", "nobody says why"),
    "source missing": (r"evaluation\.json#all`", "evaluation.json#al`", "is missing"),
    "no source": (r"`evidence/evaluation\.json#all` \w+", "–", "names no source"),
    "source changed": (r"(json#all` )\w{4}", r"\g<1>0000", "another state"),
    "other number": (r"(\| Accuracy \| )90\.0", r"\g<1>91.0", "91.0 % here and 90.0 %"),
    "no interval": (r"(\| Accuracy \| [^|]*\| )[^|]*", r"\1– ", "has no interval"),
    "other interval": (r"(\| Accuracy \| [^|]*\| )74\.4", r"\g<1>84.4", "gives 74.4"),
    "other count": (r"(\| Accuracy \| [^|]*\|[^|]*\| )30", r"\g<1>300", "stands on 30"),
    "other date": (r"(\| Accuracy \|.*)2026-11-25", r"\g<1>2026-11-24", "measured on"),
    "later than the card": (r"written 2026-11-26", "written 2026-11-01", "later than"),
    "number without a source": (r"(## Factors\n\n)", r"\1It reaches 97 %. ", "97 %"),
    "number in a name": (r"\| Accuracy \|", "| Accuracy, 97 % |", "97 %"),
    "boast": (r"(## Factors\n\n)", r"\1It is unbiased. ", "'unbiased'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found_with_its_own_sentence(text, places, fault):
    pattern, new, words = FAULTS[fault]
    broken, count = re.subn(pattern, new, text)
    assert count, "the fault was not planted"
    found = card_lint.lint(broken, places)
    assert any(words in one.sentence for one in found), found
    assert len({one.rule for one in found}) == 1, found


def test_every_rule_was_seen_to_fail(text, places):
    seen = {
        rule
        for pattern, new, _ in FAULTS.values()
        for rule in rules(re.sub(pattern, new, text), places)
    }
    assert seen == set(card_lint.RULES)


def test_a_source_that_changed_after_the_card_is_found(text, places):
    file = places["evidence"] / "evaluation.json"
    content = json.loads(file.read_text())
    content["all"]["right"] = 26
    file.write_text(json.dumps(content))
    assert rules(text, places) == ["interval", "other number", "source changed"]
    file.unlink()
    assert "source missing" in rules(text, places)


def test_a_card_of_another_model_is_found(text, places):
    served_model.write(places["served"], threshold=0.7)
    assert "about another version" in rules(text, places)


def test_an_empty_document_is_no_card(places):
    assert {"about another version", "section missing"} <= set(rules("", places))


# --- The command ----------------------------------------------------------------------


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    for name, folder in ((card.SERVED, "served"), (card.EVIDENCE, "evidence")):
        artifacts.save(
            name,
            lambda to, folder=folder: shutil.copytree(
                made / folder, to, dirs_exist_ok=True
            ),
            budget="quick",
        )
    return tmp_path / "home" / "artifacts"


def test_make_card_writes_both_documents_and_lints_them(home, capsys):
    assert card.main([]) == 0
    folder = home / card.ARTIFACT / "quick"
    assert {file.name for file in folder.glob("*.md")} == set(card.FILES.values())
    assert capsys.readouterr().out.count("0 faults") == 2
    file = folder / "MODEL_CARD.md"
    file.write_text(file.read_text().replace("| English |", "| Every language |"))
    assert card.main(["--check"]) == 0  # a word is nobody's measurement
    file.write_text(file.read_text().replace("| 90.0 % |", "| 99.0 % |"))
    assert card.main(["--check"]) == 1
    assert "99.0 % here and 90.0 % in its source" in capsys.readouterr().out


def test_what_is_checked_is_what_was_written(home, capsys):
    (home / card.SERVED / "quick").rename(home / card.SERVED / "small")
    file = home / card.ARTIFACT / "quick" / "MODEL_CARD.md"
    assert card.main([]) == 0
    file.write_text(file.read_text().replace("| 90.0 % |", "| 99.0 % |"))
    assert card.main(["--check"]) == 1
    assert card.main([]) == card.main(["--check"]) == 0


def test_evidence_of_another_model_makes_no_card(home, capsys):
    served_model.write(home / card.SERVED / "quick", threshold=0.7)
    assert card.main([]) == 1
    assert "of another model" in capsys.readouterr().err


def test_without_a_model_there_is_no_card(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    assert card.main([]) == 1
    assert "sentiment_served is not there" in capsys.readouterr().err


# --- The reference of the service -----------------------------------------------------


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    folder = served_model.write(tmp_path_factory.mktemp("model") / "served")
    with api_reference.Live(folder) as live:
        yield live


@pytest.fixture(scope="module")
def reference(ask):
    return api_reference.write(ask.schema, ask)


def test_every_example_of_the_reference_holds(ask, reference):
    examples = api_reference.read(reference)
    assert [api_reference.problem(one, ask) for one in examples] == [""] * len(examples)
    assert reference.count("```http") == len(examples)
    for path in ask.schema["paths"]:
        assert any(one.path == path for one in examples), path
    assert {one.status for one in examples} >= {200, 400, 404, 415, 422}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("POST /predict", "POST /predicts", "answered 404"),
        ("`200`", "`201`", "promised 201, answered 200"),
        ('"label": "positive"', '"label": "negative"', "promised 'negative'"),
        ('"probability": 0.', '"probability": 0.1', "promised 0.1"),
        ('"manifest_sha256"', '"manifest"', "other keys: manifest, manifest_sha256"),
        ("application/json\n", "text/plain\n", "answered 415"),
        ('"error": "not_found"', '"error": "lost"', "promised 'lost'"),
    ],
)
def test_a_wrong_example_is_found(ask, reference, old, new, words):
    assert old in reference
    examples = api_reference.read(reference.replace(old, new))
    found = [api_reference.problem(one, ask) for one in examples]
    assert any(words in one for one in found), found


def test_the_reference_of_another_model_does_not_hold(reference, tmp_path):
    folder = served_model.write(tmp_path / "served", sign=-1.0)
    with api_reference.Live(folder) as other:
        examples = api_reference.read(reference)
        assert any(api_reference.problem(one, other) for one in examples)


def test_a_folder_without_a_model_cannot_be_asked(tmp_path):
    with pytest.raises(RuntimeError, match="No model"):
        api_reference.Live(tmp_path)


def test_the_reference_tells_every_field_of_every_form(ask, reference):
    for name, form in ask.schema["components"]["schemas"].items():
        for field in form.get("properties", {}):
            section = reference.partition(f"### {name}\n")[2].partition("###")[0]
            assert f"| `{field}` |" in section, (name, field)


# --- The files of Day 36 --------------------------------------------------------------

DAY = ROOT / "day36_model_cards"


@pytest.mark.skipif(not DAY.is_dir(), reason="the day was deleted")
def test_the_bad_card_has_ten_faults_of_ten_kinds():
    text = (DAY / "bad_card" / "CARD.md").read_text(encoding="utf-8")
    found = card_lint.lint(text, {"bad_card": DAY / "bad_card"})
    assert len(found) == len({fault.rule for fault in found}) == 10, found


@pytest.mark.skipif(not DAY.is_dir(), reason="the day was deleted")
def test_every_read_mistake_is_of_a_kind_that_has_a_rule():
    read = json.loads((DAY / "read_mistakes.json").read_text(encoding="utf-8"))
    assert len(read["read"]) >= 30
    assert set(read["read"].values()) == set(read["rule"])
    assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in read["read"])
