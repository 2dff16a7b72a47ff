"""The six stages, in the order in which they run."""

from common.sentiment.config import Config
from common.sentiment.pipeline.stage import Stage
from common.sentiment.pipeline.stages.evaluate import evaluate
from common.sentiment.pipeline.stages.export import export
from common.sentiment.pipeline.stages.featurise import featurise
from common.sentiment.pipeline.stages.ingest import ingest
from common.sentiment.pipeline.stages.train import train
from common.sentiment.pipeline.stages.validate import validate

STAGES = (
    Stage(
        name="ingest",
        purpose="takes the reviews in, without copies and leaks",
        needs=(),
        settings=("data",),
        software=("python",),  # whose Unicode tables decide what a word is
        function=ingest,
    ),
    Stage(
        name="validate",
        purpose="stops the run when the data are not fit to learn from",
        needs=("ingest",),
        settings=(),
        software=("python",),
        function=validate,
    ),
    Stage(
        name="featurise",
        purpose="fits the tokeniser and turns texts into numbers",
        needs=("ingest", "validate"),
        settings=("features",),
        software=("python", "numpy"),
        function=featurise,
    ),
    Stage(
        name="train",
        purpose="trains the network, epoch by epoch",
        needs=("featurise",),
        settings=("model", "training"),
        software=("python", "numpy", "keras", "backend"),
        function=train,
    ),
    Stage(
        name="evaluate",
        purpose="fits the temperature, takes the threshold from the costs, measures",
        needs=("ingest", "featurise", "train"),
        settings=("model", "evaluation"),
        software=("python", "numpy", "scipy", "keras", "backend"),
        function=evaluate,
    ),
    Stage(
        name="export",
        purpose="writes the folder that a server loads",
        needs=("ingest", "featurise", "train", "evaluate"),
        settings=tuple(Config.model_fields),  # all stand in the model's manifest
        software=("python", "numpy", "keras", "backend", "tf2onnx", "onnxruntime"),
        function=export,
    ),
)
