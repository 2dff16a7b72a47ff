"""The sentiment product's parts: settings, tokeniser, training, evaluation, folders."""

import json
import shutil
import subprocess
import sys
import textwrap
import time
import unicodedata
from pathlib import Path

import keras
import numpy as np
import pytest

from common import ROOT
from common.sentiment import bundle, evaluation, export, features
from common.sentiment.bundle import BundleError
from common.sentiment.config import Config, ConfigError, ModelConfig, TrainingConfig
from common.sentiment.features import (
    FIRST_WORD,
    START,
    UNKNOWN,
    FeatureError,
    Tokenizer,
    bigram_numbers,
    tokenise,
)
from common.sentiment.model import build_model, compile_model
from common.sentiment.predictor import Predictor
from common.sentiment.training import DivergedError, seed_epoch, train, weights_digest

WORDS = ("the", "film", "is", "not", "good", "bad", "don't")


# ------------------------------------------------------------------------- settings


def settings(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "run.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return Config.load(path)


def test_an_empty_file_gives_the_defaults(tmp_path):
    assert settings(tmp_path, "") == Config()
    assert Config().training.epochs == 4


def test_a_file_changes_what_it_names_and_the_digest(tmp_path):
    config = settings(tmp_path, "[training]\nepochs = 3")
    assert (config.training.epochs, config.training.batch_size) == (3, 256)
    assert config.digest != Config().digest
    assert config.digest == settings(tmp_path, "training = {epochs = 3}").digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[training]\nepoch = 3", r"\[training\] epoch does not exist, .*epochs"),
        ("[trainings]\nepochs = 3", "trainings does not exist, choose among data"),
        ("[training]\nepochs = 0", r"\[training\] epochs = 0: .*greater"),
        ("[training]\nepochs = '3'", r"\[training\] epochs = '3': .*integer"),
        ("[training]\nepochs = 3.5", r"\[training\] epochs = 3.5: .*integer"),
        ("[model]\nkind = 'transformer'", r"\[model\] kind = .*'bigrams' or 'bilstm'"),
        ("[model]\ndropout = 1", r"\[model\] dropout = 1: .*less than 1"),
        ("[model\n", "run.toml cannot be read"),
        ("training = 5", "training = 5"),
        ("[training]\nlearning_rate = inf", r"learning_rate = inf: .*finite"),
        ("[training]\nlearning_rate = nan", r"learning_rate = nan: .*finite"),
        ("[training]\nlearning_rate = 1e30", r"learning_rate = 1e\+30: .*less than"),
        (f"[training]\nepochs = {10**22}", r"epochs = 1000+: .*less than"),
        (f"[training]\nbatch_size = 0x{'f' * 5_000}", "batch_size = a huge int: "),
        (f"[training]\nepochs = {'9' * 5_000}", "run.toml cannot be read: .*digits"),
        (f"[model]\nkind = '{'x' * 500}'", r"kind = 'x{59}…: "),
        (f"deep = {'[' * 5_000}{']' * 5_000}", "nested too deeply"),
        ("[evaluation]\nfalse_positive_cost = 1e308", "less than or equal"),
        ("[data]\nlimit = 99999999999", "limit = 99999999999: .*less than"),
    ],
)
def test_a_setting_that_cannot_be_is_named_in_one_sentence(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as raised:
        settings(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_byte_order_mark_is_no_part_of_the_settings(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xef\xbb\xbf[training]\nepochs = 3\n")
    assert Config.load(path).training.epochs == 3


def test_every_mistake_of_a_file_is_named_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r"vocabulary_size.*epochs"):
        settings(tmp_path, "[training]\nepochs=-1\n[features]\nvocabulary_size=0")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no settings file .*nowhere"):
        Config.load(tmp_path / "nowhere.toml")


def test_settings_cannot_be_changed_in_a_run():
    with pytest.raises(ValueError, match="frozen"):
        Config().training.epochs = 3


# ------------------------------------------------------------------------ tokeniser


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \t\n ...!? ", []),
        ("Not a BAD film!", ["not", "a", "bad", "film"]),
        ("I don't, it's 'fine'", ["i", "don't", "it's", "fine"]),
        ("don’t", ["don't"]),
        ("don´t don`t don‘t donʼt don＇t don｀t", ["don't"] * 6),
        ("one<br /><br/>two<BR>three", ["one", "two", "three"]),
        ("ﬁlm ＦＩＬＭ", ["film", "film"]),
        ("10/10, 2nd", ["10", "10", "2nd"]),
        ("snake_case well-made", ["snake", "case", "well", "made"]),
        ("映画 кино café", ["映画", "кино", "café"]),
        (unicodedata.normalize("NFD", "café"), ["café"]),
        ("\ud800 lone \udfff", ["lone"]),
        ("a\x00b", ["a", "b"]),
        ("👍 great 👍", ["great"]),
        ("हिन्दी फ़िल्म, अच्छी!", ["हिन्दी", "फ़िल्म", "अच्छी"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("דָּבָר ภาพยนตร์", ["דָּבָר", "ภาพยนตร์"]),
        ("\u0301 alone", ["alone"]),
        ("ﾊﾞﾊﾞ", ["ババ"]),
    ],
)
def test_a_text_becomes_words(text, words):
    assert tokenise(text) == words


def test_every_mark_of_unicode_is_known():
    """Also what becomes one by NFKC: else a run of it escapes the bound."""
    points = (i for i in range(sys.maxunicode + 1) if not 0xD800 <= i < 0xE000)
    marks = {
        character
        for character in map(chr, points)
        if unicodedata.category(character).startswith("M")
        or unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
    }
    assert marks == features._MARKS


@pytest.mark.parametrize(
    "text",
    [
        "\u0345" * 10_000 + "\u0334" * 10_000,
        "e" + "\u0345" * 10_000 + "\u0334" * 10_000,
        ("\uff9e" * 300 + "\u0334" * 30) * 60,
        ("\u0345" * 29 + "\u0334") * 600,
    ],
)
def test_no_text_takes_quadratic_time(text):
    """NFKC alone took up to two seconds for each of the first two."""
    clock = time.perf_counter()
    assert len(tokenise(text)) <= 1
    assert time.perf_counter() - clock < 0.3


def test_of_a_run_of_marks_thirty_count():
    accents = "\u0301" * 28
    assert tokenise("x" + accents) == ["x" + accents]
    assert tokenise("x" + "\u0301" * 31) == tokenise("x" + "\u0301" * 5_000)
    assert len(tokenise("x" + "\u0301" * 5_000)[0]) == 31


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"], float("nan")])
def test_what_is_not_a_text_is_refused(text):
    with pytest.raises(FeatureError, match="must be a string, not"):
        tokenise(text)


def test_numbers_are_start_words_and_bigrams():
    tokenizer = Tokenizer(WORDS, max_tokens=3, bigram_buckets=10)
    assert tokenizer.encode("").tolist() == [START]
    ids = tokenizer.encode("Well, the film is superb")
    film, is_ = (FIRST_WORD + WORDS.index(word) for word in ("film", "is"))
    assert ids[:4].tolist() == [START, film, is_, UNKNOWN]
    assert len(ids) == 4 + 3 and ids.dtype == np.int32
    assert (ids[4:] >= FIRST_WORD + len(WORDS)).all() and ids.max() < tokenizer.size
    assert tokenizer.encode("a b c d e f").size == tokenizer.max_length == 7
    assert Tokenizer(WORDS, 3).max_length == 4


def test_bigrams_know_the_order_and_spread_evenly():
    first = bigram_numbers(np.array([5, 6]), 2**19)
    assert first != bigram_numbers(np.array([6, 5]), 2**19)
    pairs = np.stack(np.meshgrid(np.arange(300), np.arange(300)), -1).reshape(-1, 2)
    numbers = np.array([bigram_numbers(pair, 1_000)[0] for pair in pairs[::9]])
    counts = np.bincount(numbers, minlength=1_000)
    assert counts.max() < 30 and counts.var() < 2 * counts.mean()


def test_a_batch_is_padded_at_the_end_and_like_its_rows():
    tokenizer = Tokenizer(WORDS, max_tokens=5, bigram_buckets=4)
    texts = ["", "the film", "the film is not good but long"]
    batch = tokenizer.batch(texts)
    assert batch.shape == (3, tokenizer.max_length)
    for row, text in zip(batch, texts, strict=True):
        ids = tokenizer.encode(text)
        assert row[: len(ids)].tolist() == ids.tolist() and not row[len(ids) :].any()
    assert tokenizer.batch([]).shape == (0, 1)
    with pytest.raises(FeatureError, match="a text has 11 numbers, a row only 4"):
        tokenizer.batch(texts, 4)


def test_the_vocabulary_is_the_most_frequent_words_in_a_fixed_order():
    texts = ["b a a", "c b a", "d"]
    sizes = {"vocabulary_size": 3, "max_tokens": 9}
    tokenizer = Tokenizer.fit(texts, **sizes)
    assert tokenizer.words == ("a", "b", "c")
    assert Tokenizer.fit(texts[::-1], **sizes).digest == tokenizer.digest
    with pytest.raises(FeatureError, match="no word in the training texts"):
        Tokenizer.fit(["", "!!"], **sizes)


def test_a_tokenizer_comes_back_as_it_was_saved(tmp_path):
    tokenizer = Tokenizer((*WORDS, "café", "映画"), 7, 12)
    tokenizer.save(tmp_path / "t.json")
    again = Tokenizer.load(tmp_path / "t.json")
    assert again.digest == tokenizer.digest
    text = "The café is not a 映画"
    assert again.encode(text).tobytes() == tokenizer.encode(text).tobytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no t.json"),
        ("{", "cannot be read"),
        ("[]", "not a tokeniser of this version"),
        ('{"format": "forty-days tokenizer 1"}', "not a tokeniser of this version"),
        ('{"format": "forty-days tokenizer 2"}', "no list of words"),
        ('{"format": "forty-days tokenizer 2", "words": []}', "no whole numbers"),
        (
            '{"format": "forty-days tokenizer 2", "words": ["a", "a"], '
            '"max_tokens": 1, "bigram_buckets": 0}',
            "a word twice",
        ),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "t.json").write_text(content)
    with pytest.raises(FeatureError, match=said):
        Tokenizer.load(tmp_path / "t.json")


def test_features_need_no_keras():
    code = (
        "import sys; import common.sentiment.features, common.sentiment.bundle, "
        "common.sentiment.predictor; "
        "print({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


# ------------------------------------------------------------------------- training


def toy(count: int = 160) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    x = random.randint(1, 50, (count, 12)).astype(np.int32)
    return x, (x[:, :6] > 25).sum(1) // 4


@pytest.mark.parametrize("kind", ["bigrams", "bilstm"])
def test_a_run_that_stopped_ends_at_the_same_weights(tmp_path, kind):
    x, y = toy()
    model = ModelConfig(kind=kind, units=4, embedding_dim=4, dropout=0.5)
    config = TrainingConfig(epochs=3, batch_size=32)
    whole = train(model, config, 50, x, y, validation=(x, y))
    assert whole.history[-1]["loss"] < whole.history[0]["loss"]

    class Stop(Exception):
        pass

    def stop(entry):
        if entry["epoch"] == 2:
            raise Stop

    keep = {"validation": (x, y), "checkpoints": tmp_path / "kept", "key": "k"}
    with pytest.raises(Stop):
        train(model, config, 50, x, y, report=stop, **keep)
    (tmp_path / "kept" / ".part-1").mkdir()  # as of a process that was killed
    keras.utils.set_random_seed(99)  # whatever another run left behind
    resumed = train(model, config, 50, x, y, **keep)
    assert resumed.resumed_at == 2 and resumed.history == whole.history
    assert weights_digest(resumed.model) == weights_digest(whole.model)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["epoch-0003"]
    other = train(model, config, 50, x, y, **keep | {"key": "another"})
    assert other.resumed_at == 0


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends trace otherwise"
)
def test_the_training_step_is_traced_once(monkeypatch):
    traced, step = [], keras.Model.train_step
    monkeypatch.setattr(
        keras.Model,
        "train_step",
        lambda self, data: traced.append(1) or step(self, data),
    )
    model = build_model(ModelConfig(embedding_dim=2), 20)
    compile_model(model, TrainingConfig(), 1)
    model.fit(np.ones((8, 5), "int32"), np.ones(8), batch_size=4, verbose=0)
    assert len(traced) == 1


def test_a_training_whose_loss_is_no_number_stops_and_says_so(tmp_path):
    x, y = toy()
    with pytest.raises(DivergedError, match=r"after epoch 1: .* below 0\.03\.$"):
        train(
            ModelConfig(embedding_dim=2),
            TrainingConfig(epochs=2),
            50,
            x,
            np.full(len(y), np.inf, np.float32),
            checkpoints=tmp_path / "kept",
        )
    assert not (tmp_path / "kept").exists()


def test_a_broken_checkpoint_is_not_taken_up(tmp_path):
    x, y = toy()
    config = TrainingConfig(epochs=1)
    model = ModelConfig(embedding_dim=2)
    train(model, config, 50, x, y, checkpoints=tmp_path, key="k")
    file = tmp_path / "epoch-0001" / "model.keras"
    file.write_bytes(file.read_bytes()[:500])
    assert train(model, config, 50, x, y, checkpoints=tmp_path, key="k").resumed_at == 0


def test_seeds_differ_by_epoch_and_by_run():
    model = build_model(ModelConfig(kind="bilstm", units=2, embedding_dim=2), 9)
    dropout = model.get_layer("dropout").seed_generator.state
    states = set()
    for seed, epoch in [(0, 0), (0, 1), (1, 0)]:
        seed_epoch(model, seed, epoch)
        states.add(tuple(keras.ops.convert_to_numpy(dropout).tolist()))
    assert len(states) == 3


# ----------------------------------------------------------------------- evaluation


def test_sigmoid_holds_at_the_ends():
    with np.errstate(all="raise"):
        got = evaluation.sigmoid(np.array([-700.0, 0.0, 700.0]))
    assert got[0] < 1e-300 and got[1] == 0.5 and got[2] == 1


def test_temperature_undoes_an_overconfident_model():
    random = np.random.RandomState(0)
    z = random.normal(0, 2, 20_000)
    y = (random.random_sample(20_000) < evaluation.sigmoid(z)).astype(int)
    assert evaluation.fit_temperature(3 * z, y) == pytest.approx(3, rel=0.05)
    raw, scaled = evaluation.sigmoid(3 * z), evaluation.sigmoid(z)
    error = evaluation.expected_calibration_error
    assert error(y, scaled) < 0.01 < error(y, raw)
    assert evaluation.cross_entropy(y, scaled) < evaluation.cross_entropy(y, raw)
    assert evaluation.fit_temperature(np.zeros(0), np.zeros(0)) == 1
    assert evaluation.fit_temperature(np.zeros(4), np.array([0, 1, 1, 1])) == 1


def test_calibration_error_by_hand():
    y, p = np.array([0, 1, 1, 1]), np.array([0.1, 0.1, 0.9, 1.0])
    # one bin holds both 0.1 and half of them are positive, the other is 0.05 short
    expected = 0.5 * abs(0.1 - 0.5) + 0.5 * abs(0.95 - 1)
    got = evaluation.expected_calibration_error(y, p, bins=2)
    assert got == pytest.approx(expected)


def test_the_threshold_from_the_costs_is_the_cheapest():
    random = np.random.RandomState(1)
    p = random.random_sample(200_000)
    y = (random.random_sample(200_000) < p).astype(int)
    grid = np.linspace(0.05, 0.95, 19)
    costs = [evaluation.expected_cost(y, p, t, 5, 1) for t in grid]
    best = evaluation.best_threshold(5, 1)
    assert best == pytest.approx(5 / 6)
    assert abs(grid[int(np.argmin(costs))] - best) < 0.06
    assert evaluation.best_threshold(1e308, 1e308) == 0.5


def test_slices_are_quarters_by_words():
    texts = ["fine", "a b c d e f g h", "not bad " * 3, "good but no " * 5]
    parts = evaluation.slices(texts)
    assert parts["short"].tolist() == [True, False, False, False]
    assert parts["long"].tolist() == [False, False, False, True]
    assert parts["many_negations"].tolist() == [False, False, True, False]
    assert parts["many_contrasts"].tolist() == [False, False, False, True]
    assert evaluation.slices([]) == {}
    evaluation.slices([""])  # no word, no division by zero


# --------------------------------------------------------------------- model folders


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> tuple[Path, Path]:
    """A Keras folder and the folder for serving that was made from it."""
    keras.utils.set_random_seed(3)
    tokenizer = Tokenizer(WORDS, max_tokens=20, bigram_buckets=16)
    model = build_model(ModelConfig(embedding_dim=4), tokenizer.size)
    model.set_weights([8 * weight for weight in model.get_weights()])
    source = tmp_path_factory.mktemp("keras")
    export.save_keras(
        source,
        model,
        tokenizer,
        kind="bigrams",
        temperature=2.0,
        threshold=0.4,
        metrics={"accuracy": 0.5},
    )
    target = tmp_path_factory.mktemp("served")
    export.export(source, target)
    return source, target


TEXTS = ["", "The film is not good.", "bad " * 50, "don't", "映画", "\ud800", "good"]


def test_a_keras_folder_gives_the_same_answers_after_a_reload(exported):
    loaded = export.load_keras(exported[0])
    p = loaded.probabilities(TEXTS)
    assert p.shape == (len(TEXTS),) and p.std() > 0.01
    x = loaded.tokenizer.batch(TEXTS)
    z = keras.ops.convert_to_numpy(loaded.model(x))[:, 0].astype(float)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-z / 2.0)), atol=1e-6)


def test_the_served_model_is_the_trained_one(exported):
    loaded, served = export.load_keras(exported[0]), Predictor.load(exported[1])
    p = served.probabilities(TEXTS)
    np.testing.assert_allclose(p, loaded.probabilities(TEXTS), atol=1e-6)
    alone = [served.probabilities([text])[0] for text in TEXTS]
    np.testing.assert_allclose(alone, p, atol=1e-6)
    many = served.probabilities(TEXTS * 30)
    np.testing.assert_allclose(many, np.tile(p, 30), atol=1e-6)
    assert served.probabilities([]).shape == (0,)
    assert served.label(0.4) == "positive" and served.label(0.39) == "negative"
    assert served.manifest.metrics == {"accuracy": 0.5}
    assert set(served.manifest.files) == {"model.onnx", "tokenizer.json"}
    assert served.digest == bundle.read_manifest(exported[1])[1]


def spoil(folder: Path, how: str) -> None:
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    manifest = json.loads((folder / "manifest.json").read_text())
    if how == "no manifest":
        (folder / "manifest.json").unlink()
        return
    if how == "no model":
        model.unlink()
    elif how == "cut off":
        model.write_bytes(model.read_bytes()[:-10])
    elif how == "another tokenizer":
        Tokenizer(WORDS[::-1], 20, 16).save(tokenizer)
    elif how == "not ONNX, listed":
        model.write_bytes(b"not a model")
        manifest["files"]["model.onnx"] = bundle.file_sha256(model)
    elif how == "outside":
        manifest["files"]["../secret"] = "0" * 64
    elif how.startswith("a number: "):
        name, value = how.removeprefix("a number: ").split()
        manifest[name] = json.loads(value)
    elif how == "another format":
        manifest["format"] = "forty-days sentiment model 9"
    elif how == "no temperature":
        del manifest["temperature"]
    elif how == "keras only":
        del manifest["files"]["model.onnx"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    bundle.write_checksum(folder)
    if how == "no checksum":
        (folder / "manifest.json.sha256").unlink()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no manifest", "holds no manifest.json"),
        ("no model", "model.onnx is missing"),
        ("cut off", "model.onnx is not the file that manifest.json names"),
        ("another tokenizer", "tokenizer.json is not the file"),
        ("not ONNX, listed", "ONNX Runtime cannot run model.onnx"),
        ("outside", "names a file outside its folder"),
        ("another format", "is not one of this version of the course .format"),
        ("no temperature", "is not one of this version of the course .temperature"),
        ("keras only", "names no model.onnx"),
        ("no checksum", "holds no manifest.json.sha256"),
        ("a number: temperature Infinity", "temperature: "),
        ("a number: temperature NaN", "temperature: "),
        ("a number: temperature 1e-320", "temperature: .*greater than"),
        ("a number: temperature 1e300", "temperature: .*less than"),
        ('a number: temperature "1.0"', "temperature: .*valid number"),
        ("a number: temperature true", "temperature: .*valid number"),
        ('a number: threshold "0.5"', "threshold: .*valid number"),
        ("a number: threshold 1.01", "threshold: .*less than"),
        ("a number: threshold NaN", "threshold: "),
        ("a number: kind 3", "kind: .*valid string"),
        ('a number: files {"tokenizer.json":"0"}', "files.tokenizer.json: "),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(exported, tmp_path, how, said):
    for file in exported[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Predictor.load(tmp_path)
    spoil(tmp_path, how)
    with pytest.raises(BundleError, match=said) as raised:
        Predictor.load(tmp_path)
    assert "\n" not in str(raised.value) and str(tmp_path) not in str(raised.value)


def test_one_flipped_bit_of_the_manifest_is_refused(exported, tmp_path):
    """Also where it leaves a manifest that is whole, typed and within its bounds."""
    shutil.copytree(exported[1], tmp_path / "model")
    path = tmp_path / "model" / "manifest.json"
    content = path.read_bytes()
    assert b'"temperature": 2.0' in content
    path.write_bytes(content.replace(b'"temperature": 2.0', b'"temperature": 3.0'))
    with pytest.raises(
        BundleError, match=r"is not the one that manifest\.json\.sha256"
    ):
        Predictor.load(tmp_path / "model")


def test_what_is_saved_is_as_strict_as_what_is_read(exported, tmp_path):
    shutil.copy(exported[1] / "model.onnx", tmp_path)
    tokenizer = Tokenizer(WORDS, 3)
    for field, value in (("temperature", 0.0), ("threshold", np.nan), ("kinds", "x")):
        with pytest.raises(BundleError, match=f"cannot be saved: {field}: "):
            bundle.write(
                tmp_path, tokenizer=tokenizer, **{"kind": "bigrams", field: value}
            )
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_another_model_copied_in_while_one_is_read_is_not_mixed_with_it(
    exported, tmp_path, monkeypatch, name
):
    """Weights of one model never serve under the tokeniser or the name of another."""
    for file in exported[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    read_tokenizer = bundle.read_tokenizer

    def and_then_the_copy_goes_on(folder, manifest):
        tokenizer = read_tokenizer(folder, manifest)
        content = (folder / name).read_bytes()
        other = (
            content.replace(b'"bigrams"', b'"bilstm"') if name != "model.onnx" else b""
        )
        assert other != content
        (folder / name).write_bytes(other)
        bundle.write_checksum(folder)
        return tokenizer

    monkeypatch.setattr(bundle, "read_tokenizer", and_then_the_copy_goes_on)
    with pytest.raises(BundleError, match="changed while it was read"):
        Predictor.load(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BundleError, match="does not exist"):
        Predictor.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"neither model.keras nor model.onnx"):
        bundle.write(tmp_path, kind="bigrams", tokenizer=Tokenizer(WORDS, 3))


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_model_that_cannot_be_converted_says_why(tmp_path, monkeypatch, backend):
    """In this process, or in one of its own where Keras runs on another backend."""
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    (tmp_path / "model.keras").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"cannot be converted to ONNX: .*"):
        export.to_onnx(tmp_path / "model.keras", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("kind", ["bigrams", "bilstm"])
def test_equal_models_export_equal_bytes(tmp_path, monkeypatch, kind):
    """Counters of the process and the order of Python's sets leave no trace."""
    model = build_model(ModelConfig(kind=kind, embedding_dim=4, units=3), 20)
    model.save(tmp_path / "model.keras")
    exported = []
    for place, backend in (("here", "tensorflow"), ("elsewhere", "jax")):
        monkeypatch.setattr("keras.backend.backend", lambda backend=backend: backend)
        export.to_onnx(tmp_path / "model.keras", tmp_path / f"{place}.onnx")
        exported.append((tmp_path / f"{place}.onnx").read_bytes())
    assert exported[0] == exported[1]
