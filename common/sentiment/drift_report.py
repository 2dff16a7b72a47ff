"""Evidently's drift report, behind one function: offline, without telemetry.

    p_values = drift_report.write(reference, window, page, risk=0.05)

The one module of the product that knows Evidently. Whoever replaces the tool replaces
this file; the monitor needs neither.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd


def write(
    reference: Mapping[str, np.ndarray],
    window: Mapping[str, np.ndarray],
    page: Path,
    *,
    risk: float = 0.05,
) -> dict[str, float]:
    """Compare numbers column by column with Kolmogorov-Smirnov, and write a page.

    Args:
        reference, window: (n,) and (m,) numbers by statistic, as `drift.describe`
            gives them; the same names in both.
        page: the HTML file to write; it needs no network to be read.
        risk: of a false alarm, shared out evenly over the statistics (Bonferroni).

    Returns:
        The p-value of each statistic, as the page shows it.

    Raises:
        ValueError: the two do not hold the same statistics.
    """
    if list(reference) != list(window) or not reference:
        raise ValueError("Reference and window hold different statistics.")
    os.environ["DO_NOT_TRACK"] = "1"  # read when Evidently is imported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

        columns = list(reference)
        definition = DataDefinition(numerical_columns=columns)
        now, before = (
            Dataset.from_pandas(pd.DataFrame(dict(part)), data_definition=definition)
            for part in (window, reference)
        )
        metrics = [
            ValueDrift(column=name, method="ks", threshold=risk / len(columns))
            for name in columns
        ]
        found = Report(metrics).run(now, before)  # the window first
        found.save_html(str(page))
    values = [float(one["value"]) for one in found.dict()["metrics"]]
    return dict(zip(columns, values, strict=True))
