"""What a user has set elsewhere: set aside, said in one line, and no file changed."""

import json
import os
import subprocess
import sys
import types
import urllib.request

import matplotlib
import pytest

from common import ROOT, plots, surroundings


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """Write a keras.json as a user might have it; nothing asks for a backend."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def write(content) -> str:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "keras.json").write_text(text, encoding="utf-8")
        return text

    return write


@pytest.fixture
def kernel(monkeypatch):
    """Let the course believe that a notebook's kernel runs it."""
    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    asked = []
    monkeypatch.setattr(matplotlib, "use", asked.append)
    return asked


def test_where_nothing_is_set_nothing_is_said(keras_home, kernel, monkeypatch):
    for backend in (None, surroundings.INLINE, "module://ipympl.backend_nbagg"):
        monkeypatch.delenv("MPLBACKEND", raising=False)
        if backend:
            monkeypatch.setenv("MPLBACKEND", backend)
        assert surroundings.settle() == ""
        assert os.environ.get("MPLBACKEND") == backend
    keras_home(surroundings.KERAS | {"backend": "tensorflow", "other": [1]})
    assert surroundings.settle() == ""
    keras_home("{broken")
    assert surroundings.settle() == ""
    assert kernel == []


@pytest.mark.parametrize("backend", ["TkAgg", "Agg", "pdf"])
def test_in_a_kernel_figures_are_drawn_inline(kernel, keras_home, monkeypatch, backend):
    monkeypatch.setenv("MPLBACKEND", backend)
    said = surroundings.settle()
    assert said == f"Set aside in this notebook: MPLBACKEND={backend}."
    assert os.environ["MPLBACKEND"] == surroundings.INLINE
    assert kernel == [surroundings.INLINE]
    assert surroundings.settle() == ""


def test_outside_a_kernel_a_shells_backend_is_left_alone(keras_home, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    assert surroundings.settle() == ""
    assert os.environ["MPLBACKEND"] == "Agg"


def test_what_a_keras_json_changes_is_named_in_one_line(keras_home, tmp_path):
    text = keras_home(
        {
            "floatx": "float16",
            "image_data_format": "channels_first",
            "epsilon": 1e-7,
            "backend": "theano",
        }
    )
    said = surroundings.settle()
    path = tmp_path / "keras.json"
    assert said == (
        f"Set aside in this notebook: the backend theano of {path}; "
        f"floatx float16 and image_data_format channels_first of {path}."
    )
    assert os.environ.pop("KERAS_BACKEND") == "tensorflow"
    assert path.read_text(encoding="utf-8") == text


def test_the_file_is_named_from_home(keras_home, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"floatx": "float64"}')
    assert surroundings.settle().endswith("floatx float64 of ~/.keras/keras.json.")


@pytest.mark.parametrize(
    "content",
    [
        {"floatx": "float8"},
        {"floatx": None},
        {"image_data_format": ["channels_last"]},
        {"epsilon": 0},
        [],
        "7",
    ],
)
def test_a_keras_json_that_keras_refuses_is_one_sentence(keras_home, content):
    keras_home(content)
    with pytest.raises(RuntimeError, match=r"keras\.json: correct the file"):
        surroundings.settle()


def test_a_backend_that_is_asked_for_and_missing_is_one_sentence(
    keras_home, monkeypatch
):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(RuntimeError, match=r"KERAS_BACKEND is 'theano'.* unset"):
        surroundings.settle()


STARTED = """
from common import quiet
quiet.start()
import keras
print(keras.backend.backend(), keras.config.floatx(), keras.config.epsilon(),
      keras.config.image_data_format(), keras.config.dtype_policy().name)
"""


def test_keras_starts_with_the_lessons_settings(keras_home):
    keras_home(
        {
            "floatx": "float16",
            "image_data_format": "channels_first",
            "epsilon": 0.5,
            "backend": "theano",
        }
    )
    ran = subprocess.run(
        [sys.executable, "-c", STARTED],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.stderr == ""
    assert ran.stdout.split() == [
        "tensorflow",
        "float32",
        "1e-07",
        "channels_last",
        "float32",
    ]


def test_a_matplotlibrc_does_not_reach_the_courses_figures():
    with matplotlib.rc_context({"text.usetex": True, "figure.figsize": (40, 1)}):
        plots.use_style()
        assert not matplotlib.rcParams["text.usetex"]
        first = dict(matplotlib.rcParams)
    with matplotlib.rc_context():
        plots.use_style()
        assert dict(matplotlib.rcParams) == first


@pytest.mark.parametrize("already", ["", "localhost", "intra.example, localhost"])
def test_no_proxy_is_asked_for_this_machine(keras_home, monkeypatch, already):
    import httpx
    import requests

    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", already)
    monkeypatch.setenv("no_proxy", already)
    assert surroundings.settle() == surroundings.settle() == ""
    client = httpx.Client()
    for host in ("127.0.0.1", "localhost", "[::1]"):
        url = f"http://{host}:8000/ready"
        transport = client._transport_for_url(httpx.URL(url))
        assert transport is client._transport, f"{host} goes through the proxy"
        assert not requests.utils.get_environ_proxies(url)
        if ":" not in host:  # urllib compares no IPv6 address with its brackets
            assert urllib.request.proxy_bypass_environment(f"{host}:8000")
    outside = client._transport_for_url(httpx.URL("http://example.org"))
    assert outside is not client._transport, "the user's proxy is lost"
    for host in filter(None, already.split(", ")):
        assert host in os.environ["NO_PROXY"].split(",")


def test_a_user_without_proxies_anywhere_stays_so(keras_home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    surroundings.settle()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "*"
