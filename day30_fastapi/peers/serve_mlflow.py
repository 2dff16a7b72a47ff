"""Day 30's model behind MLflow's own server: `python serve_mlflow.py PORT FOLDER`.

MLflow wraps any object with a `predict` as a "pyfunc" model, and `mlflow models serve`
puts HTTP in front of it. `--env-manager local` uses this Python environment instead of
building one. Asked: POST /invocations, {"inputs": {"text": ["…"]}}.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
COURSE = Path(__file__).resolve().parents[2]

SCORE = f"""
import mlflow, sys
sys.path.append({str(COURSE)!r})
from common.sentiment.predictor import Predictor

class Sentiment(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.predictor = Predictor.load(context.artifacts["served"])

    def predict(self, context, model_input, params=None):
        return self.predictor.probabilities(list(model_input["text"])).tolist()

mlflow.models.set_model(Sentiment())
"""


def main(port: str, served: str) -> None:
    """Save the wrapped model into the working folder, and serve it."""
    here = Path.cwd()
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{here / f'mlflow-{port}.db'}"
    import mlflow

    sys.path.append(str(COURSE))
    program, model = here / f"score-{port}.py", here / f"model-{port}"
    program.write_text(SCORE, encoding="utf-8")
    shutil.rmtree(model, ignore_errors=True)  # of an earlier start
    mlflow.pyfunc.save_model(
        model,
        python_model=str(program),
        artifacts={"served": served},
        pip_requirements=["mlflow"],
    )
    # It starts the program `uvicorn`, which lies beside this Python
    beside = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([beside, os.environ["PATH"]])
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", port]
    serve = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model)]
    subprocess.run([*serve, *options])


if __name__ == "__main__":
    main(*sys.argv[1:])
