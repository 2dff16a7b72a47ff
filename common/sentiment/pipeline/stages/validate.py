"""Validate: stop the run when the data are not fit to learn from."""

from common.sentiment import data
from common.sentiment.pipeline.provenance import write_json
from common.sentiment.pipeline.stage import Context


def validate(context: Context) -> str:
    """Stop the run when something is wrong with the corpus that ingest left."""
    checks = data.validate(data.read(context.inputs["ingest"]))
    data.stop_on_problems(checks)
    sentences = {check.name: check.sentence for check in checks}
    write_json(context.target / "checks.json", sentences)
    return f"{len(checks)} checks passed"
