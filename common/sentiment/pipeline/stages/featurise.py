"""Featurise: fit the tokeniser on the training texts; turn all texts into numbers."""

import numpy as np

from common.sentiment import data
from common.sentiment.features import Tokenizer
from common.sentiment.pipeline.stage import Context


def featurise(context: Context) -> str:
    """Write the tokeniser, and of each split x (n, length) int32 and y (n,) int64."""
    settings = context.settings["features"]
    corpus = data.read(context.inputs["ingest"])
    tokenizer = Tokenizer.fit(
        corpus.train.texts,
        vocabulary_size=settings.vocabulary_size,
        max_tokens=settings.max_tokens,
        bigram_buckets=settings.bigram_buckets,
    )
    tokenizer.save(context.target / "tokenizer.json")
    for name in data.SPLITS:
        split = getattr(corpus, name)
        np.save(context.target / f"x_{name}.npy", tokenizer.batch(split.texts))
        np.save(context.target / f"y_{name}.npy", split.labels)
    return f"{len(tokenizer.words):,} words, {tokenizer.size:,} numbers"
