"""Ingest: take the reviews in, without copies and leaks."""

from common.sentiment import data
from common.sentiment.pipeline.stage import Context


def ingest(context: Context) -> str:
    """Write the reviews that may be learnt from, one JSON line each."""
    corpus = data.ingest(context.dataset)
    data.write(context.target, corpus)
    sizes = " + ".join(f"{size:,}" for size in corpus.sizes.values())
    return f"{sizes} reviews, {corpus.num_dropped:,} dropped"
