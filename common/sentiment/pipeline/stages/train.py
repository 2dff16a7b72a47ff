"""Train: fit the network, epoch by epoch, across kills."""

import numpy as np

from common.sentiment.features import Tokenizer
from common.sentiment.pipeline.provenance import write_json
from common.sentiment.pipeline.stage import Context, PipelineError
from common.sentiment.pipeline.stages.shared import read_split, start_keras


def train(context: Context) -> str:
    """Train the network, from its last whole epoch where there is one."""
    start_keras()
    from common.sentiment import training

    settings, features = context.settings["training"], context.inputs["featurise"]

    def report(entry: dict) -> None:
        context.say(
            f"epoch {entry['epoch']}/{settings.epochs}   loss {entry['loss']:.4f}   "
            f"accuracy {entry['accuracy']:.3f}   "
            f"validation {entry['valid_accuracy']:.3f}"
        )
        context.epoch_ends(entry)

    try:
        trained = training.train(
            context.settings["model"],
            settings,
            Tokenizer.load(features / "tokenizer.json").size,
            *read_split(features, "train"),
            validation=read_split(features, "valid"),
            checkpoints=context.checkpoints,
            key=context.fingerprint,
            report=report,
        )
    except training.DivergedError as reason:
        raise PipelineError(str(reason)) from None
    np.savez(context.target / "weights.npz", *trained.model.get_weights())
    digest = training.weights_digest(trained.model)
    write_json(
        context.target / "training.json",
        {"weights_sha256": digest, "history": trained.history},
    )
    resumed = f", {trained.resumed_at} of them before a restart"
    epochs = f"{settings.epochs} epoch{'s' if settings.epochs > 1 else ''}"
    return f"{epochs}{resumed if trained.resumed_at else ''}"
