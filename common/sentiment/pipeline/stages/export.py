"""Export: the folder that a server loads."""

from common.sentiment.features import Tokenizer
from common.sentiment.pipeline.provenance import read_json
from common.sentiment.pipeline.stage import SERVED, Context, PipelineError
from common.sentiment.pipeline.stages.shared import headline, trained_model


def export(context: Context) -> str:
    """Write the model that a server loads, unless it is not good enough."""
    evaluation = read_json(context.inputs["evaluate"] / "evaluation.json")
    accuracy = evaluation["valid"]["accuracy"]
    least = context.settings["evaluation"].minimum_accuracy
    if accuracy < least:
        raise PipelineError(
            f"The model is not exported: its validation accuracy is {accuracy:.1%}, "
            f"and [evaluation] minimum_accuracy asks for {least:.1%}."
        )
    model = trained_model(context)
    from common.sentiment import export as exporting

    corpus = read_json(context.inputs["ingest"] / "corpus.json")
    kept, served = context.target / "model", context.target / SERVED.name
    kept.mkdir()
    exporting.save_keras(
        kept,
        model,
        Tokenizer.load(context.inputs["featurise"] / "tokenizer.json"),
        kind=context.settings["model"].kind,
        temperature=evaluation["temperature"],
        threshold=evaluation["threshold"],
        metrics=headline(evaluation),
        data={key: corpus[key] for key in ("title", "source", "sha256", "dropped")},
        config={
            name: section.model_dump(mode="json")
            for name, section in context.settings.items()
        },
        code_sha256=context.code_sha256,
        created="",  # no date: equal runs export equal bytes
    )
    exporting.export(kept, served)
    size = sum(path.stat().st_size for path in served.iterdir())
    return f"{size / 2**20:.1f} MiB to serve, equal to the trained model"
