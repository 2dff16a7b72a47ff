"""common/results: names, numbers, the file, the choice of a record, the code's hash."""

import json
import os
import re
import shutil
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import miniature
import numpy as np
import pytest

import common
from common import results
from common.results import names

SHA, OTHER_SHA = "a" * 64, "b" * 64
HASHES, OTHER_HASHES = ({"full": sha, "quick": sha} for sha in (SHA, OTHER_SHA))


@dataclass
class Data:
    """What record() reads of a data set."""

    title: str = "MNIST, 60,000 + 10,000"
    source: str = "official"


def one_record(**changed):
    """Return a valid record, with some fields changed."""
    return {
        "budget": "full",
        "data": "MNIST, 60,000 + 10,000",
        "source": "official",
        "metrics": {"test_accuracy": {"mean": 0.98312, "std": 0.0006, "seeds": 3}},
        "seconds": 84.1,
        "device": "CPU, 2 cores",
        "backend": "tensorflow",
        "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        "date": "2026-11-22",
        "code_sha256": SHA,
    } | changed


def results_of(*records, benchmarks=()):
    """Return the content of results.json."""
    return {"day": 1, "records": list(records), "benchmarks": list(benchmarks)}


ONE_BENCHMARK = {
    "name": "scratch_epoch_over_keras_epoch",
    "ratio": 0.4,
    "unit": "1",
    "device": "CPU, 2 cores",
    "date": "2026-11-22",
}


# --- Names and numbers ---------------------------------------------------------------


def test_an_unknown_metric_is_refused_with_the_close_names():
    with pytest.raises(results.ResultsError, match=r"test_acuracy.*test_accuracy"):
        results.summarise("test_acuracy", 0.9)


def test_an_unknown_benchmark_is_refused_with_the_close_names():
    with pytest.raises(results.ResultsError, match="scratch_epoch_over_keras_epoch"):
        results.known_benchmark("scratch_over_keras_epoch")


def test_every_metric_has_words_of_its_own_and_a_known_kind():
    kinds = {"fraction", "nats", "seconds", "ratio", "count", "difference", "flops"}
    kinds.add("bytes")
    words = [metric.description for metric in results.METRICS.values()]
    assert len(set(words)) == len(words)
    assert {metric.kind for metric in results.METRICS.values()} <= kinds
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in results.METRICS)


def test_no_name_is_lost_between_the_parts():
    """Each name of a part is in the course's list, from one part only."""
    for table in ("METRICS", "BENCHMARKS", "MODELS"):
        parts = [getattr(part, table) for part in names.PARTS]
        whole = getattr(results, table)
        assert sum(map(len, parts)) == len({name for part in parts for name in part})
        assert all(whole[name] == part[name] for part in parts for name in part)


def test_what_most_days_say_of_a_model_needs_one_line_a_model():
    assert results.MODELS["lenet"] == "LeNet"
    for suffix, kind in {
        "valid_accuracy": "fraction",
        "train_seconds": "seconds",
        "parameters": "count",
        "flops": "flops",
    }.items():
        metric = results.known_metric(f"lenet_{suffix}")
        assert metric.kind == kind
        assert "LeNet" in metric.description
    assert "MNIST" in results.known_metric("lenet_accuracy").description, "own words"
    for name in ("train_seconds", "parameters", "flops"):
        assert "the day's model" in results.known_metric(name).description
    with pytest.raises(results.ResultsError, match="lenet_flops"):
        results.known_metric("lente_flops")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("lenet_flops", -1, "negative"),
        ("test_accuracy", 98.3, "fraction"),
        ("test_accuracy", [0.9, float("nan")], "nothing to record"),
        ("test_accuracy", [], "no value"),
        ("sigmoid_epochs_to_loss", -1, "negative"),
    ],
)
def test_an_impossible_number_is_refused(name, value, reason):
    with pytest.raises(results.ResultsError, match=reason):
        results.summarise(name, value)


def test_the_standard_deviation_is_the_sample_one():
    values = [0.981, 0.983, 0.986]
    summary = results.summarise("test_accuracy", np.array(values, dtype="float64"))
    assert summary["mean"] == pytest.approx(np.mean(values), abs=1e-6)
    assert summary["std"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert summary["seeds"] == 3


@pytest.mark.parametrize("value", [0.9256, np.float32(0.9256), [0.9256]])
def test_a_single_value_has_no_spread(value):
    summary = results.summarise("baseline_nearest_mean_accuracy", value)
    assert summary["mean"] == pytest.approx(0.9256)
    assert (summary["std"], summary["seeds"]) == (0.0, 1)


@pytest.mark.parametrize(
    ("name", "mean", "std", "seeds", "words"),
    [
        ("test_accuracy", 0.98312, 0.0006, 3, "98.31 % ± 0.06"),
        ("test_accuracy", 0.98312, 0.0011, 3, "98.3 % ± 0.1"),
        ("test_accuracy", 0.98312, 0.00096, 3, "98.3 % ± 0.1"),
        ("test_accuracy", 0.98312, 0.0432, 3, "98.3 % ± 4.3"),
        ("test_accuracy", 0.98312, 0.000004, 3, "98.31 % ± 0.00"),
        ("test_accuracy", 0.98312, 0.0, 1, "98.3 %"),
        ("cross_entropy_gap_none", 0.41237, 0.0213, 3, "0.41 ± 0.02"),
        ("cross_entropy_gap_none", -0.0512, 0.0, 1, "-0.051"),
        ("sigmoid_epochs_to_loss", 12.0, 0.0, 1, "12"),
        ("sigmoid_epochs_to_loss", 12.333, 0.577, 3, "12.3 ± 0.6"),
        ("sigmoid_epochs_to_loss", 1012.0, 0.0, 3, "1,012 ± 0"),
        ("parameters", 394634.0, 0.0, 1, "394,634"),
        ("flops", 840.0, 0.0, 1, "840"),
        ("flops", 24_613_000.0, 0.0, 1, "24.6 M"),
        ("flops", 1.2e9, 0.0, 1, "1.2 G"),
        ("parity_difference", 0.0, 0.0, 1, "0"),
        ("parity_difference", 2.6e-7, 0.0, 1, "2.6e-07"),
        ("parity_difference", 2.6e-3, 4e-4, 3, "2.6e-03 ± 4.0e-04"),
    ],
)
def test_digits_follow_the_spread_over_seeds(name, mean, std, seeds, words):
    value = {"mean": mean, "std": std, "seeds": seeds}
    assert results.format_metric(name, value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.00182, "1.8 ms"), (0.0000182, "18.2 µs"), (2.04, "2.0 s"), (0, "0.0 s")],
)
def test_times_are_shown_in_a_unit_that_fits(monkeypatch, seconds, words):
    monkeypatch.setitem(results.METRICS, "x_seconds", results.Metric("x", "seconds"))
    value = {"mean": seconds, "std": 0.0, "seeds": 1}
    assert results.format_metric("x_seconds", value) == words


def test_bytes_are_shown_in_megabytes(monkeypatch):
    monkeypatch.setitem(results.METRICS, "x_bytes", results.Metric("x", "bytes"))
    value = {"mean": 287_519_000.0, "std": 0.0, "seeds": 1}
    assert results.format_metric("x_bytes", value) == "288 MB"


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.4, "0.40×"), (0.0123, "0.012×"), (5.04, "5.0×"), (131.2, "130×")],
)
def test_a_ratio_has_two_digits(ratio, words):
    assert results.format_ratio(ratio) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.3, "1 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (252, "4 min 12 s"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
    ],
)
def test_a_running_time_reads_like_one(seconds, words):
    assert results.format_duration(seconds) == words


# --- The file ------------------------------------------------------------------------


def day_folder(tmp_path: Path, content: str | None) -> Path:
    folder = tmp_path / "day01_mnist"
    folder.mkdir()
    if content is not None:
        (folder / "results.json").write_text(content, encoding="utf-8")
    return folder


def test_no_file_means_no_records(tmp_path):
    assert results.load(day_folder(tmp_path, None)) == results_of()


def test_a_written_file_is_read_back(tmp_path):
    content = results_of(one_record(), benchmarks=[ONE_BENCHMARK])
    folder = day_folder(tmp_path, results.dump(content))
    assert results.load(folder) == content


VALUE = {"mean": 0.9, "std": 0.0, "seeds": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "not an object"),
        ({"day": 1, "records": []}, "lacks benchmarks"),
        (results_of() | {"note": "x"}, "unknown field note"),
        (results_of() | {"day": 2}, "day 2"),
        (results_of(one_record(budget="smoke")), "record 1 has the budget 'smoke'"),
        (results_of(one_record(source="stand_in")), "source 'stand_in'"),
        (results_of(one_record(code_sha256="x")), "SHA-256"),
        (results_of(one_record(date="yesterday")), "date"),
        (results_of(one_record(seconds="84")), "seconds of record 1"),
        (results_of(one_record(metrics={})), "no metric"),
        (results_of(one_record(memory_bytes=2.4)), "memory_bytes of record 1"),
        (results_of(one_record(metrics={"test_acc": VALUE})), "'test_acc'"),
        (
            results_of(one_record(metrics={"test_accuracy": VALUE | {"mean": 98.3}})),
            "fraction",
        ),
        (
            results_of(one_record(metrics={"test_accuracy": VALUE | {"std": 0.1}})),
            "std",
        ),
        (results_of(one_record(), one_record()), "second full cpu record"),
        (results_of(benchmarks=[ONE_BENCHMARK | {"name": "fast"}]), "'fast'"),
        (results_of(benchmarks=[ONE_BENCHMARK | {"ratio": -1}]), "negative"),
    ],
)
def test_a_broken_file_is_named_in_one_sentence(tmp_path, content, reason):
    folder = day_folder(tmp_path, json.dumps(content))
    with pytest.raises(results.ResultsError, match=reason) as caught:
        results.load(folder)
    assert str(caught.value).startswith("day01_mnist/results.json")
    assert "\n" not in str(caught.value)


def test_a_cut_off_file_is_named(tmp_path):
    whole = results.dump(results_of(one_record()))
    folder = day_folder(tmp_path, whole[: len(whole) // 2])
    with pytest.raises(results.ResultsError, match=r"results\.json is not JSON"):
        results.load(folder)


def test_a_folder_that_is_no_day_is_refused():
    with pytest.raises(results.ResultsError, match="not a day's folder"):
        results.day_number("datasets")


def handover(budget="full", device="CPU, 2 cores", mean=0.99, ratio=0.4):
    record = one_record(
        budget=budget, device=device, metrics={"test_accuracy": VALUE | {"mean": mean}}
    )
    for field in ("seconds", "date", "code_sha256"):
        del record[field]
    one = {"name": ONE_BENCHMARK["name"], "unit": "1", "ratio": ratio, "device": device}
    return {"record": record, "benchmarks": [one]}


def means(content):
    return {
        (one["budget"], results.device_kind(one)): one["metrics"]["test_accuracy"][
            "mean"
        ]
        for one in content["records"]
    }


def test_the_newest_record_of_a_budget_and_kind_of_device_wins():
    content = results_of()
    for made in (
        handover(mean=0.90),
        handover(budget="quick", mean=0.91),
        handover(device="GPU, Tesla T4", mean=0.92),
        handover(mean=0.93),
    ):
        content = results.add(content, made, seconds=12.34, hashes=HASHES)
        results.validate(content, 1)
    assert means(content) == {
        ("full", "cpu"): 0.93,
        ("full", "gpu"): 0.92,
        ("quick", "cpu"): 0.91,
    }
    assert len(content["benchmarks"]) == 2  # one a kind of device
    assert content["records"][0]["seconds"] == 12.3


@pytest.mark.parametrize(
    ("first", "second", "hashes", "ratios"),
    [
        ("full", "quick", HASHES, [0.4]),  # the outputs stay those of the full run
        ("full", "quick", OTHER_HASHES, [0.5]),  # whose code is not the present one
        ("full", "full", HASHES, [0.5]),
        ("quick", "full", HASHES, [0.5]),
        ("quick", "quick", HASHES, [0.5]),
    ],
)
def test_benchmarks_are_those_of_the_best_run(first, second, hashes, ratios):
    content = results_of()
    for budget, known, ratio in ((first, HASHES, 0.4), (second, hashes, 0.5)):
        made = handover(budget=budget, ratio=ratio)
        content = results.add(content, made, seconds=1, hashes=known)
    assert [one["ratio"] for one in content["benchmarks"]] == ratios
    gpu = handover(budget="quick", device="GPU, Tesla T4", ratio=0.6)
    content = results.add(content, gpu, seconds=1, hashes=hashes)
    assert [one["ratio"] for one in content["benchmarks"]] == [*ratios, 0.6]


def test_peak_memory_joins_a_record_where_it_is_known():
    for known, kept in ((2_400_000_000, {2_400_000_000}), (0, set())):
        content = results.add(
            results_of(), handover(), seconds=1, hashes=HASHES, memory_bytes=known
        )
        results.validate(content, 1)
        assert {one.get("memory_bytes") for one in content["records"]} - {None} == kept


def test_adding_leaves_the_old_results_alone():
    before = results_of(one_record())
    kept = json.dumps(before)
    results.add(before, handover(), seconds=1, hashes=HASHES)
    assert json.dumps(before) == kept


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    path.write_text("old", encoding="utf-8")

    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        results.write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["results.json"]


def test_a_written_file_keeps_its_rights(tmp_path):
    path = tmp_path / "a.txt"
    results.write_atomically(path, "1")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    results.write_atomically(path, "2")
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == (
        "2",
        0o600,
    )


# --- Which record counts -------------------------------------------------------------


@pytest.mark.parametrize(
    ("full_sha", "quick_sha", "best"),
    [
        (SHA, SHA, ("full", True)),
        (OTHER_SHA, SHA, ("quick", True)),
        (SHA, OTHER_SHA, ("full", True)),
        (OTHER_SHA, OTHER_SHA, ("full", False)),
    ],
)
def test_a_current_record_comes_before_a_full_one(full_sha, quick_sha, best):
    content = results_of(
        one_record(code_sha256=full_sha),
        one_record(budget="quick", code_sha256=quick_sha),
    )
    found = results.best_record(content, HASHES)
    assert (found.record["budget"], found.current) == best


def test_of_two_kinds_of_device_the_newer_record_counts():
    older = one_record(device="GPU, Tesla T4", date="2026-11-20")
    newer = one_record(date="2026-11-22")
    for content in (results_of(older, newer), results_of(newer, older)):
        assert results.best_record(content, HASHES).record is newer


def test_without_a_record_there_is_no_best_one():
    assert results.best_record(results_of(), HASHES) is None
    assert results.best_record(results_of(one_record()), HASHES, budget="quick") is None


def test_targets_are_bounds_from_the_right_side():
    record = one_record(
        metrics={
            "test_accuracy": {"mean": 0.98, "std": 0.001, "seeds": 3},
            "plain_accuracy": {"mean": 0.98, "std": 0.001, "seeds": 3},
            "relu_epochs_to_loss": {"mean": 9.0, "std": 0.0, "seeds": 1},
        }
    )
    targets = {
        "test_accuracy": 0.982,
        "plain_accuracy": 0.98,
        "scratch_accuracy": 0.975,
        "relu_epochs_to_loss": 8,
    }
    missed = results.missed_targets(record, targets)
    assert [sentence.split()[0] for sentence in missed] == [
        "test_accuracy",
        "scratch_accuracy",
        "relu_epochs_to_loss",
    ]
    assert "at least 98.2 %" in missed[0]
    assert "not recorded" in missed[1]
    assert "at most 8" in missed[2]


# --- The tables ----------------------------------------------------------------------


def test_a_day_without_records_says_so():
    table = results.render_table(results_of())
    assert "full (not recorded yet)" in table
    assert "quick (not recorded yet)" in table
    assert results.headline(results_of(), HASHES) == "not recorded yet"
    assert results.render_value(results_of(), HASHES, "full.test_accuracy") == (
        "not recorded yet"
    )


@pytest.mark.parametrize(
    ("full", "quick", "remark"),
    [
        (SHA, SHA, None),
        (OTHER_SHA, OTHER_SHA, f"({results.STALE})"),
        (SHA, OTHER_SHA, f"(quick: {results.STALE})"),
        (OTHER_SHA, SHA, f"(quick run, CPU, 2 cores, full: {results.STALE})"),
    ],
)
def test_a_stale_record_is_marked_once_at_the_head(full, quick, remark):
    content = results_of(
        one_record(code_sha256=full), one_record(budget="quick", code_sha256=quick)
    )
    head = results.render_expected("", content, HASHES)
    assert head.count(results.STALE) == (remark is not None)
    assert (remark or "") in head
    assert results.headline(content, HASHES) in head, "the front page says it too"
    for text in (
        results.render_table(content),
        results.render_value(content, HASHES, "full.test_accuracy"),
    ):
        assert results.STALE not in text


def test_the_table_shows_every_metric_in_words_with_its_seeds():
    quick = one_record(budget="quick", metrics={"plain_accuracy": VALUE})
    content = results_of(one_record(), quick, benchmarks=[ONE_BENCHMARK])
    table = results.render_table(content)
    rows = [re.split(r" *\| *", line.strip("| ")) for line in table.splitlines()]
    first = results.METRICS["test_accuracy"].description
    assert rows[0] == ["full", "quick"]
    assert [first, "98.31 % ± 0.06 (3 seeds)", "–"] in rows
    plain = results.METRICS["plain_accuracy"].description
    assert [plain, "–", "90.0 %"] in rows
    assert any("Keras 3.15.1, TensorFlow 2.21.0" in row for row in rows)
    words = results.BENCHMARKS["scratch_epoch_over_keras_epoch"]
    assert [words, "0.40×", "CPU, 2 cores", "2026-11-22"] in rows


def test_days_side_by_side_say_which_accuracy_is_of_a_quick_run():
    full, quick = (results_of(one_record(budget=name)) for name in ("full", "quick"))

    def accuracies(*contents):
        days = [results.Compared("a day", content, HASHES) for content in contents]
        rows = results.render_comparison(days, ["parameters"]).splitlines()[2:]
        return [row.split(" | ")[1] for row in rows]

    assert accuracies(full, quick, results_of()) == [
        "98.31 % ± 0.06", "98.31 % ± 0.06 (quick run)", "not recorded yet"
    ]  # fmt: skip
    for alike in (full, quick):
        assert accuracies(alike, alike) == 2 * ["98.31 % ± 0.06"]


def test_two_kinds_of_device_have_a_column_each():
    gpu = one_record(device="GPU, Tesla T4")
    table = results.render_table(results_of(one_record(), gpu))
    assert table.splitlines()[0] == (
        "| | full, CPU | full, GPU | quick (not recorded yet) |"
    )


def test_a_quick_headline_says_what_it_stands_on():
    content = results_of(one_record(budget="quick"))
    assert results.headline(content, HASHES, words=False) == (
        "98.31 % ± 0.06 (quick run, CPU, 2 cores)"
    )


def test_a_day_without_its_first_headline_shows_the_next():
    value = {"mean": 0.9012, "std": 0.0, "seeds": 1}
    other = {"valid_accuracy": value, "minilm_accuracy": value}
    content = results_of(one_record() | {"metrics": other})
    assert results.headline(content, HASHES) == (
        "90.1 % test accuracy of fine-tuned MiniLM-L6"
    )


def test_the_header_keeps_the_rows_of_its_author():
    header = "| | |\n| --- | --- |\n| You will | read |\n| It takes | an age |"
    table = results.render_expected(header, results_of(one_record()), HASHES)
    assert table.splitlines() == [
        "| | |",
        "| --- | --- |",
        "| You will | read |",
        "| It takes | 1 min 24 s (full, CPU, 2 cores) |",
        "| Recorded result | 98.31 % ± 0.06 test accuracy of the day's model |",
    ]
    assert results.render_expected(table, results_of(one_record()), HASHES) == table


def test_peak_memory_stands_beside_the_time():
    content = results_of(
        one_record(memory_bytes=2_449_000_000), one_record(budget="quick")
    )
    assert (
        "| It takes | 1 min 24 s (quick, CPU, 2 cores) · 1 min 24 s, 2.4 GB (full"
        in (results.render_expected("", content, HASHES))
    )
    assert "in memory | 2.4 GB | |" in results.render_table(content)
    assert "in memory" not in results.render_table(results_of(one_record()))
    assert results.render_value(content, HASHES, "full.memory") == "2.4 GB"
    assert results.render_value(content, HASHES, "quick.memory") == "not recorded yet"


def test_a_process_knows_the_memory_that_it_held_at_most():
    code = (
        "from common import results\n"
        "before = results.peak_memory()\n"
        "block = b'1' * (before + 200_000_000)\n"  # the first peak may be our own
        "del block\n"
        "print(before, results.peak_memory() - before)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=common.ROOT, capture_output=True, check=True
    )
    before, grown = map(int, ran.stdout.split())
    assert 10e6 < before < 30e9
    assert 200e6 < grown < 200e6 + before


def test_without_getrusage_the_system_is_asked_through_psutil(monkeypatch):
    """As on Windows, where psutil knows the peak of the working set."""
    process = types.SimpleNamespace(
        memory_info=lambda: types.SimpleNamespace(peak_wset=7)
    )
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(
        sys.modules, "psutil", types.SimpleNamespace(Process=lambda: process)
    )
    assert results.peak_memory() == 7


def test_single_values_can_be_asked_for():
    content = results_of(one_record(), benchmarks=[ONE_BENCHMARK])
    for key, text in {
        "full.test_accuracy": "98.31 % ± 0.06",
        "best.test_accuracy": "98.31 % ± 0.06",
        "quick.test_accuracy": "not recorded yet",
        "full.plain_accuracy": "not recorded yet",
        "full.seconds": "1 min 24 s",
        "full.device": "CPU, 2 cores",
        "benchmark.scratch_epoch_over_keras_epoch": "0.40×",
        "benchmark:scratch_epoch_over_keras_epoch": "0.40×",
    }.items():
        assert results.render_value(content, HASHES, key) == text
    for wrong in ("test_accuracy", "full.accuracy", "smoke.test_accuracy"):
        with pytest.raises(results.ResultsError):
            results.render_value(content, HASHES, wrong)


# --- record(), as a notebook calls it ------------------------------------------------


@pytest.fixture
def runtime(monkeypatch):
    """A runtime that needs no Keras, for a day that does not exist."""
    stub = types.ModuleType("common.runtime")
    stub.current_day = None
    stub.active_budget = lambda: "quick"
    stub.device = lambda: "CPU, 2 cores"
    monkeypatch.setitem(sys.modules, "common.runtime", stub)
    monkeypatch.setattr(common, "runtime", stub, raising=False)
    monkeypatch.delenv("COURSE_RECORD", raising=False)
    return stub


def test_a_learners_run_writes_nothing(runtime, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = results.record({"test_accuracy": [0.97, 0.98]}, Data(source="stand_in"))
    assert list(table.columns) == ["this run"]
    assert list(table["this run"]) == ["97.5 % ± 0.7"]
    assert list(tmp_path.iterdir()) == []


def test_a_learners_run_is_shown_beside_the_record(runtime, tmp_path, monkeypatch):
    course = miniature.build(tmp_path)
    day = course.days[0]
    sha = results.code_hashes(course.notebook(day), tmp_path)["full"]
    content = results_of(one_record(code_sha256=sha), benchmarks=[ONE_BENCHMARK])
    path = course.folder(day) / "results.json"
    path.write_text(results.dump(content), encoding="utf-8")
    runtime.current_day = day.folder
    monkeypatch.setattr("common.results.notebook.ROOT", tmp_path)
    monkeypatch.setattr("common.results.code.ROOT", tmp_path)

    def shown():
        return results.record(
            {"plain_accuracy": 0.97, "test_accuracy": 0.96},
            Data(),
            {"scratch_epoch_over_keras_epoch": 0.5},
        )

    table = shown()
    assert list(table.columns) == ["this run", "recorded (full)"]
    assert list(table["this run"]) == ["96.0 %", "97.0 %", "0.50×"]
    assert list(table["recorded (full)"]) == ["98.31 % ± 0.06", "–", "0.40×"]
    content["records"][0]["code_sha256"] = OTHER_SHA
    path.write_text(results.dump(content), encoding="utf-8")
    assert list(shown().columns)[1] == f"recorded (full, {results.STALE})"
    runtime.current_day = None
    assert list(shown().columns) == ["this run"]
    monkeypatch.chdir(course.folder(day))
    assert len(shown().columns) == 2
    path.write_text("{", encoding="utf-8")
    assert list(shown().columns) == ["this run"]


def test_a_recorded_run_hands_its_numbers_over(runtime, tmp_path, monkeypatch):
    path = tmp_path / "handover.json"
    monkeypatch.setenv("COURSE_RECORD", str(path))
    results.record(
        {"test_accuracy": [0.97, 0.98]},
        [Data(), Data("IMDB", "equivalent")],
        {"scratch_epoch_over_keras_epoch": 0.41234},
    )
    made = json.loads(path.read_text(encoding="utf-8"))
    assert made["record"]["source"] == "equivalent"
    assert made["record"]["data"] == "MNIST, 60,000 + 10,000 · IMDB"
    assert made["benchmarks"][0]["ratio"] == 0.412
    results.validate(results.add(results_of(), made, seconds=1, hashes=HASHES), 1)
    with pytest.raises(results.ResultsError, match="twice"):
        results.record({"test_accuracy": 0.9}, Data())


def test_a_recorded_run_refuses_a_stand_in(runtime, tmp_path, monkeypatch):
    path = tmp_path / "handover.json"
    monkeypatch.setenv("COURSE_RECORD", str(path))
    with pytest.raises(results.ResultsError, match="stand-in"):
        results.record({"test_accuracy": 0.9}, [Data(), Data("x", "stand_in")])
    assert not path.exists()


def test_a_stand_in_among_a_notebooks_variables_is_found():
    @dataclass
    class Dataset:
        title: str
        source: str

    @dataclass
    class Weights(Dataset):
        pass

    real, other = Dataset("MNIST", "official"), Dataset("digits", "stand_in")
    assert results.loaded_stand_in({"data": real, "source": "stand_in"}) == ""
    none = Weights("a network trained on the spot", "stand_in")
    assert "stand-in" in results.loaded_stand_in({"data": real, "weights": none})
    assert "stand-in" in results.loaded_stand_in({"data": real, "other": other})


# --- What other days recorded --------------------------------------------------------


@pytest.fixture
def three_days(tmp_path):
    """A course in which Days 5 and 7 have records and Day 6 has none."""
    shutil.copy(common.ROOT / "course.toml", tmp_path)
    costs = {
        "test_accuracy": VALUE,
        "train_seconds": VALUE | {"mean": 61.5},
        "parameters": VALUE | {"mean": 25_000},
    }
    for number, folder, records in (
        (5, "day05_cnn", [one_record(metrics=costs)]),
        (7, "day07_batchnorm_dropout", [one_record(), one_record(budget="quick")]),
    ):
        (tmp_path / folder).mkdir()
        content = results_of(*records) | {"day": number}
        path = tmp_path / folder / "results.json"
        path.write_text(results.dump(content), encoding="utf-8")
    return tmp_path


def test_the_records_of_other_days_are_read_as_rows(three_days):
    first, second = results.of_days([5, 6, 7], "full", three_days)
    assert first == results.DayResult(
        5, "Convolutional networks", 0.9, 61.5, 25_000, "full", "CPU, 2 cores"
    )
    assert (second.day, second.accuracy, second.seconds) == (7, 0.98312, None)
    assert results.of_days([6], "full", three_days) == []


def test_a_row_stands_on_the_budget_that_was_asked_for_if_there_is_one(
    three_days, monkeypatch
):
    def budgets(*asked):
        return [one.budget for one in results.of_days([5, 7], *asked, root=three_days)]

    assert budgets("quick") == ["full", "quick"]
    assert budgets("full") == ["full", "full"]
    stub = types.SimpleNamespace(active_budget=lambda: "quick")
    monkeypatch.setitem(sys.modules, "common.runtime", stub)
    monkeypatch.setattr(common, "runtime", stub, raising=False)
    assert budgets() == ["full", "quick"]
