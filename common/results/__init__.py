"""What the recorded runs measured: names, files, and the words they are shown in.

Near its end a notebook hands its numbers over, once:

    results.record(
        {"test_accuracy": accuracies,          # one value a seed
         "baseline_nearest_mean_accuracy": 0.82},
        data,
        benchmarks={"scratch_epoch_over_keras_epoch": 0.4},
    )

In a learner's run this writes nothing: it shows the run's numbers beside the recorded
ones. In a run started by `make record` it also hands them to tools/record.py, which
keeps them in the day's results.json. Every table and number in a README is rendered
from that file by `results.words`, so that no figure is typed.

A record carries the hash of the code that made it (`code_sha256`). Once that code has
changed, the record is shown as "recorded for an earlier version".

    names       what may be recorded, one list, and in part1 to part4 its entries
    notebook    record(), which a notebook calls
    files       results.json: read, check, add, choose the best record
    code        the hash of the code behind a notebook
    others      what other days recorded
    words       numbers and tables as a reader sees them
    comparison  several days in one table
"""

from common.results.code import code_hashes, code_sha256
from common.results.comparison import Compared, render_comparison
from common.results.files import (
    NOT_RECORDED,
    RECORDED_BUDGETS,
    SOURCES,
    STALE,
    Best,
    add,
    benchmark,
    best_record,
    day_number,
    device_kind,
    dump,
    load,
    notebook_path,
    validate,
    write_atomically,
)
from common.results.names import (
    BENCHMARKS,
    METRICS,
    MODELS,
    Metric,
    ResultsError,
    known_benchmark,
    known_metric,
)
from common.results.notebook import (
    loaded_stand_in,
    peak_memory,
    record,
    refuse_stand_in,
    summarise,
)
from common.results.others import DayResult, of_days
from common.results.words import (
    format_duration,
    format_memory,
    format_metric,
    format_ratio,
    headline,
    missed_targets,
    render_expected,
    render_table,
    render_value,
)

__all__ = [
    "BENCHMARKS",
    "METRICS",
    "MODELS",
    "NOT_RECORDED",
    "RECORDED_BUDGETS",
    "SOURCES",
    "STALE",
    "Best",
    "Compared",
    "DayResult",
    "Metric",
    "ResultsError",
    "add",
    "benchmark",
    "best_record",
    "code_hashes",
    "code_sha256",
    "day_number",
    "device_kind",
    "dump",
    "format_duration",
    "format_memory",
    "format_metric",
    "format_ratio",
    "headline",
    "known_benchmark",
    "known_metric",
    "load",
    "loaded_stand_in",
    "missed_targets",
    "notebook_path",
    "of_days",
    "peak_memory",
    "record",
    "refuse_stand_in",
    "render_comparison",
    "render_expected",
    "render_table",
    "render_value",
    "summarise",
    "validate",
    "write_atomically",
]
