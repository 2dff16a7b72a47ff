"""Evaluate: temperature, threshold, and how good the model is."""

import numpy as np

from common.sentiment import data
from common.sentiment.pipeline.provenance import write_json
from common.sentiment.pipeline.stage import Context
from common.sentiment.pipeline.stages.shared import read_split, trained_model


def evaluate(context: Context) -> str:
    """Fit the temperature on validation, take the threshold from the costs, measure."""
    model = trained_model(context)
    from common.sentiment import evaluation

    corpus = data.read(context.inputs["ingest"])
    logits, measured = {}, {}
    for name in ("valid", "test"):
        x, _ = read_split(context.inputs["featurise"], name)
        logits[name] = evaluation.logits(model, x)
        np.save(context.target / f"logits_{name}.npy", logits[name])
    temperature = evaluation.fit_temperature(logits["valid"], corpus.valid.labels)
    threshold = evaluation.shipped_threshold(context.settings["evaluation"])
    for name, z in logits.items():
        texts, labels = getattr(corpus, name)
        p = evaluation.sigmoid(z / temperature)
        measured[name] = evaluation.evaluate(texts, labels, p, threshold)
    write_json(
        context.target / "evaluation.json",
        {"temperature": temperature, "threshold": threshold, **measured},
    )
    return f"validation accuracy {measured['valid']['accuracy']:.1%}"
