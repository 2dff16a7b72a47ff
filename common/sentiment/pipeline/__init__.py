"""The training pipeline: six stages with one job each, restartable at any moment.

    python -m common.sentiment.pipeline --config common/sentiment/sentiment.toml

    ingest → validate → featurise → train → evaluate → export

Each stage reads the results of earlier ones and writes its own into a folder of the
run folder. Beside them stands stage.json: what they were made from (settings, inputs,
code, software, each as a hash) and the hash of every file. A stage whose record still
holds is skipped; else it runs, and says why. A folder gets its name by a rename when
all of it is written, so that a kill leaves a stage done or not begun; training goes
on from its last whole epoch.

    stages/      what each stage does, one file a stage, and the table of them
    stage        what a stage is, and what it is given
    runner       a run, and the plan of one
    records      stage.json and manifest.json
    provenance   the hashes of code, software, settings and files
    command      the command line
"""

from common.sentiment.pipeline.command import SETTINGS, main, plan_as_text, summary
from common.sentiment.pipeline.runner import plan, run
from common.sentiment.pipeline.stage import SERVED, Context, PipelineError, Stage
from common.sentiment.pipeline.stages import STAGES

__all__ = [
    "SERVED",
    "SETTINGS",
    "STAGES",
    "Context",
    "PipelineError",
    "Stage",
    "main",
    "plan",
    "plan_as_text",
    "run",
    "summary",
]
