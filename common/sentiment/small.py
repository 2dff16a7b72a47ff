"""A small sentiment model, built in seconds, where the day that trains it was skipped.

folder = artifacts.require("sentiment_model", build=small.build_small)
"""

from __future__ import annotations

from pathlib import Path

from common import datasets
from common.sentiment import evaluation, export
from common.sentiment.config import (
    Config,
    DataConfig,
    FeatureConfig,
    ModelConfig,
    TrainingConfig,
)
from common.sentiment.features import Tokenizer
from common.sentiment.training import train

SMALL = Config(
    data=DataConfig(limit=2_000),
    features=FeatureConfig(vocabulary_size=8_000, max_tokens=200, bigram_buckets=2**14),
    model=ModelConfig(embedding_dim=8),
    training=TrainingConfig(epochs=6, batch_size=128, learning_rate=4e-2),
)
"""A tenth of the reviews and a smaller network, in more epochs at a higher rate."""


def build_small(folder: Path) -> bool:
    """Train a bigram model on two thousand reviews and save it with `save_keras`.

    Args:
        folder: an existing folder, for example the one `artifacts.require` hands in.

    Returns:
        Whether it learned from the stand-in, in place of the real reviews.
    """
    config = SMALL
    data = datasets.imdb(form="text", limit=config.data.limit)
    tokenizer = Tokenizer.fit(
        data.train[0],
        vocabulary_size=config.features.vocabulary_size,
        max_tokens=config.features.max_tokens,
        bigram_buckets=config.features.bigram_buckets,
    )
    (texts, y), (valid_texts, y_valid) = data.train, data.valid
    trained = train(
        config.model,
        config.training,
        tokenizer.size,
        tokenizer.batch(texts, tokenizer.max_length),
        y,
    )
    logits = evaluation.logits(trained.model, tokenizer.batch(valid_texts))
    temperature = evaluation.fit_temperature(logits, y_valid)
    threshold = evaluation.shipped_threshold(config.evaluation)
    p = evaluation.sigmoid(logits / temperature)
    export.save_keras(
        folder,
        trained.model,
        tokenizer,
        kind=config.model.kind,
        temperature=temperature,
        threshold=threshold,
        metrics={"valid": evaluation.evaluate(valid_texts, y_valid, p, threshold)},
        data={"title": data.title, "source": data.source},
        config=config.model_dump(mode="json"),
    )
    return data.source == "stand_in"
