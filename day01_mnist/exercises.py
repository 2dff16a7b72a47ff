"""Checks, hints and solutions of Day 1."""

import math
import re

import keras
import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    expect_close,
    expect_number,
    expect_parts,
    whole_number,
)

SETUP = '''
import numpy as np

def reloaded(images):
    """Stands in for the trained network: reads the first row that holds ink."""
    rows = (images[..., 0] > 0.5).any(axis=2)
    return 10.0 * np.eye(10)[np.minimum(rows.argmax(axis=1) // 2, 9)]

def logits_of(model, images):
    return model(images)

def softmax_np(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

x_valid = np.zeros((3, 28, 28, 1), "float32")
x_valid[:, 4:22, 12:16] = 1.0
y_valid = np.array([2, 2, 2])
'''


def check_untrained_loss(answer):
    expect_number(
        answer,
        math.log(10),
        {
            0.1: "That is the probability itself; the loss is minus its logarithm.",
            1.0: "That is the logarithm to base 10; nats use the natural logarithm.",
            math.log2(10): "That is in bits (base 2); nats use the natural logarithm.",
            -math.log(10): "The sign is lost: the loss is *minus* the logarithm.",
            0.9: "That is the error rate of guessing. Put p = 0.1 into -log p.",
            0.0: "Zero is the loss of being certain and right.",
        },
        rtol=5e-3,
        otherwise="Give each of ten digits the same probability, then take -log p.",
    )
    return "ln 10 = 2.303 nats: the loss of knowing nothing."


_IN_PLACE = (
    " (It overwrites its argument, which is fine as long as nobody reads it again.)"
)


def check_smoothed_gradient(smoothed_gradient_np):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), size=3)
    labels, eps = np.array([2, 0, 3]), 0.2
    truth = np.eye(4)[labels]
    target = (1 - eps) * truth + eps / 4
    argument = p.copy()
    try:
        got = smoothed_gradient_np(argument, labels, eps)
    except ValueError as error:
        if "broadcast" not in str(error):
            raise
        raise Wrong(
            "The labels are class numbers, (n,): turn them into one-hot rows of "
            "K = probabilities.shape[1] numbers first."
        ) from None
    known = [
        (
            p - target,
            "The loss is a mean over the batch: divide by the number of rows.",
        ),
        ((p - truth) / 3, "That ignores epsilon: the target is not one-hot any more."),
        (
            (p - (1 - eps) * truth) / 3,
            "The doubt is missing: every class also gets epsilon / K.",
        ),
        (
            (p - (1 - eps) * truth - eps) / 3,
            "Epsilon is shared out over the K classes: add epsilon / K to each.",
        ),
        ((target - p) / 3, "The sign is turned round: it is probability minus target."),
        ((p - target) / 12, "Divide by the number of rows only, not of all entries."),
        ((p - target) / 4, "Divide by the number of rows, not of classes."),
        (
            (p - np.where(truth == 1, 1 - eps, eps / 4)) / 3,
            "The right class gets epsilon / K as well: 1 - epsilon + epsilon / K.",
        ),
        (
            (p - np.where(truth == 1, 1 - eps, eps / 3)) / 3,
            "Epsilon is shared over all K classes, the right one included.",
        ),
        ((p - truth - eps / 4) / 3, "The 1 has to shrink to 1 - epsilon."),
        (
            -target / p / 3,
            "That is the gradient for the probabilities; asked is the logits'.",
        ),
        ((p - target).mean(axis=0), "Keep one row an image: divide by n, do not sum."),
    ]
    expect_close(got, (p - target) / 3, "the gradient", known)
    praise = "Probability minus target, whatever the target is."
    return praise + (_IN_PLACE if not np.array_equal(p, argument) else "")


def check_tanh_backward(tanh_backward_np):
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
    z = x @ w
    h, d_h = np.tanh(z), rng.normal(size=(5, 4))
    slope = 1 - h**2

    def grads(d_z):
        return x.T @ d_z, d_z.sum(axis=0)

    given = x.copy(), h.copy(), d_h.copy()
    got = expect_parts(
        tanh_backward_np(*given),
        2,
        "Return two arrays: the gradient of W1 and the gradient of b1.",
    )
    want_w, want_b = grads(d_h * slope)
    expect_close(
        got[0],
        want_w,
        "the gradient of W1",
        [
            (grads(d_h)[0], "The slope of tanh is missing: multiply by 1 - h²."),
            (
                grads(d_h * (1 - np.tanh(h) ** 2))[0],
                "h already is tanh(z): the slope is 1 - h², without another tanh.",
            ),
            (grads(d_h * (h > 0))[0], "That is the slope of ReLU; tanh has 1 - h²."),
            (want_w.T, "That is transposed: the gradient has the shape of W1."),
            (want_w / 5, "The batch is already divided out in d_h: do it once only."),
            (grads(slope)[0], "The chain rule multiplies the slope by d_h."),
            (grads(d_h * (1 - h) ** 2)[0], "The slope is 1 - h², only h is squared."),
            (grads(d_h * (1 - h))[0], "The slope is 1 - h², with h squared."),
            (-want_w, "The sign is turned round."),
            (want_b, "The order is (gradient of W1, gradient of b1)."),
        ],
    )
    expect_close(
        got[1],
        want_b,
        "the gradient of b1",
        [
            (
                (d_h * slope).mean(axis=0),
                "Sum over the batch: the division by n is already in d_h.",
            ),
            (
                (d_h * slope).sum(axis=1),
                "Sum over the images (axis 0), so that one number a neuron remains.",
            ),
            (d_h.sum(axis=0), "b1 sits in front of the tanh too: use its slope."),
        ],
    )
    praise = "The same formulas; only the slope of the bend has changed."
    kept = all(map(np.array_equal, given, (x, h, d_h)))
    return praise + ("" if kept else _IN_PLACE)


def check_nonzero_gradients(answer):
    if isinstance(answer, str):
        answer = set(re.findall(r"\w+", answer))
    try:
        names = {str(name).strip().upper() for name in answer}
    except TypeError:
        raise Wrong('Answer with a set of names, for example {"W1", "b1"}.') from None
    if not names <= {"W1", "B1", "W2", "B2"}:
        raise Wrong('The names to choose from are "W1", "b1", "W2" and "b2".')
    if "W2" in names:
        raise Wrong(
            "The gradient of W2 is H transposed times something, and H = max(0, 0) = 0."
        )
    if names & {"W1", "B1"}:
        raise Wrong(
            "What reaches the first layer is multiplied by W2 transposed, and W2 = 0."
        )
    if "B2" not in names:
        raise Wrong(
            "One does: the gradient of b2 sums P - Y, and p = 0.1 meets labels that "
            "are not equally frequent."
        )
    return "The biases learn how frequent each digit is, and nothing ever follows."


def check_smallest_loss(answer):
    right = -math.log(math.e / (math.e + 9))
    expect_number(
        answer,
        right,
        {
            0.0: "That would need a softmax output of 1, but it is softened once more.",
            math.log(10): "That is the loss of ten equal logits; these are 1 and 0s.",
            math.log(1 + math.e): "Nine zeros remain in the sum, not one: e¹ + 9 e⁰.",
            -right: "The sign is lost: the loss is *minus* the logarithm.",
            -math.log(1 / 9): "A logit of 0 still counts e⁰ = 1, and a 1 counts e¹.",
            math.log(math.e + 9): (
                "That is the logarithm of the sum; subtract the right digit's logit, 1."
            ),
            math.e / (math.e + 9): "That is the probability; the loss is -log of it.",
            right / math.log(10): "That is to base 10; nats use the natural logarithm.",
            right / math.log(2): "That is in bits; nats use the natural logarithm.",
        },
        rtol=5e-3,
        otherwise="Take softmax of (1, 0, …, 0), ten logits, then minus the logarithm.",
    )
    return "Even a perfect answer costs 1.46 nats; a log that stops there has a cause."


def check_adversary(answer):
    pair = "Hand in a pair: (image, the digit that you mean)."
    handed_in = expect_parts(answer, 2, pair)
    if not callable(handed_in[1]):
        raise Wrong(
            "The check needs the network too: (adversary, reloaded), adversary being "
            "the pair (image, the digit that you mean)."
        )
    adversary, network = handed_in
    if not isinstance(adversary, (tuple, list)):
        raise Wrong(pair)
    image, digit = expect_parts(adversary, 2, pair)
    if np.ndim(image) == 0:
        raise Wrong("The order is (image, digit).")
    image = np.asarray(image, dtype="float32")
    if image.shape in ((28, 28, 1), (1, 28, 28), (1, 28, 28, 1)):
        image = image.reshape(28, 28)
    if not np.isfinite(image).all():
        raise Wrong("The image holds nan or inf.")
    if image.shape != (28, 28):
        raise Wrong(f"The image has shape {image.shape}; it should be (28, 28).")
    if image.min() < 0 or image.max() > 1:
        raise Wrong("Pixels lie in [0, 1]: did you forget to divide by 255?")
    if (image > 0.5).sum() < 10:
        raise Wrong("There is hardly any ink: no person reads a digit in this image.")
    digit = whole_number(digit, "The digit that you mean")
    if not 0 <= digit <= 9:
        raise Wrong("The digit that you mean is a whole number from 0 to 9.")
    logits = keras.ops.convert_to_numpy(network(image[None, :, :, None]))[0]
    p = np.exp(logits - logits.max())
    p /= p.sum()
    if p.argmax() == digit:
        raise Wrong(f"The network reads it as {digit} too, {p.max():.0%} sure.")
    if p.max() < 0.9:
        raise Wrong(
            f"It reads {p.argmax()}, but is only {p.max():.0%} sure: 90 % needed."
        )
    return (
        f"It reads {p.argmax()}, {p.max():.0%} sure. Whether a person reads {digit}, "
        "show it to one."
    )


EXERCISES = [
    Exercise(
        id="1.1",
        title="The loss of a network that knows nothing",
        name="untrained_loss",
        check=check_untrained_loss,
        hints=(
            "Ten digits share the probability equally. How much does each get?",
            "The loss of one image is -log of the probability of its digit.",
            "-log(1/10) = log(10), with the natural logarithm: np.log(10).",
        ),
        solution="untrained_loss = np.log(10)",
        wrong=(
            WrongAnswer("untrained_loss = 0.1", "probability itself"),
            WrongAnswer("untrained_loss = np.log10(10)", "base 10"),
            WrongAnswer("untrained_loss = np.log2(10)", "bits"),
            WrongAnswer("untrained_loss = np.log(0.1)", "sign is lost"),
            WrongAnswer("untrained_loss = 0.9", "error rate"),
            WrongAnswer("untrained_loss = 0", "certain and right"),
            WrongAnswer("untrained_loss = 5", "same probability"),
            WrongAnswer("untrained_loss = 'much'", "A number is asked for"),
        ),
    ),
    Exercise(
        id="1.2",
        title="The gradient under label smoothing",
        name="smoothed_gradient_np",
        check=check_smoothed_gradient,
        hints=(
            "Repeat the derivation of section 4 with a target t in place of [k = y].",
            "The targets sum to 1, so the gradient is still probability minus target.",
            "Build the target with np.full(…, epsilon / K), add 1 - epsilon at the "
            "labels, subtract it from the probabilities, divide by n.",
        ),
        solution="""
def smoothed_gradient_np(probabilities, labels, epsilon):
    n, num_classes = probabilities.shape
    target = np.full((n, num_classes), epsilon / num_classes)
    target[np.arange(n), labels] += 1 - epsilon
    return (probabilities - target) / n
""",
        wrong=(
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    return p - (1 - e) * np.eye(p.shape[1])[y] - e / p.shape[1]",
                "divide by the number of rows",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    return (p - np.eye(p.shape[1])[y]) / len(p)",
                "ignores epsilon",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    return (p - (1 - e) * np.eye(p.shape[1])[y]) / len(p)",
                "doubt is missing",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    return (p - (1 - e) * np.eye(p.shape[1])[y] - e) / len(p)",
                "shared out over the K classes",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    t = (1 - e) * np.eye(p.shape[1])[y] + e / p.shape[1]\n"
                "    return (t - p) / len(p)",
                "sign is turned round",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    t = (1 - e) * np.eye(p.shape[1])[y] + e / p.shape[1]\n"
                "    return (p - t) / p.size",
                "number of rows only",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    p[..., y, ...] -= 1 - e\n"
                "    return (p - e / p.shape[1]) / len(p)",
                "stopped with IndexError",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    t = (1 - e) * np.eye(p.shape[1])[y.reshape(..., 1)]\n"
                "    return (p - t - e / p.shape[1]) / len(p)",
                "stopped with TypeError",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n    return p - y",
                "one-hot rows",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    truth = np.eye(p.shape[1])[y]\n"
                "    return (p - np.where(truth == 1, 1 - e, e / 4)) / len(p)",
                "gets epsilon / K as well",
            ),
            WrongAnswer(
                "def smoothed_gradient_np(p, y, e):\n"
                "    t = (1 - e) * np.eye(p.shape[1])[y] + e / p.shape[1]\n"
                "    return (p - t).mean(axis=0)",
                "Keep one row an image",
            ),
        ),
        right=(
            "def smoothed_gradient_np(p, y, e):\n"
            "    p -= (1 - e) * np.eye(p.shape[1])[y] + e / p.shape[1]\n"
            "    return p / len(p)",
            "def smoothed_gradient_np(p, y, e):\n"
            "    p[np.arange(len(y)), y] -= 1 - e\n"
            "    p -= e / p.shape[1]\n"
            "    p /= len(p)\n"
            "    return p",
        ),
    ),
    Exercise(
        id="1.3",
        title="The backward pass of a tanh layer",
        name="tanh_backward_np",
        check=check_tanh_backward,
        hints=(
            "Follow backward_np from d_z1 on: only the bracket [Z1 > 0] changes.",
            "d_z = d_h * (1 - h²), because h already is tanh(z).",
            "Then x.T @ d_z for the weights and d_z.sum(axis=0) for the biases.",
        ),
        solution="""
def tanh_backward_np(x, h, d_h):
    d_z = d_h * (1 - h**2)
    return x.T @ d_z, d_z.sum(axis=0)
""",
        wrong=(
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    return x.T @ d_h, d_h.sum(axis=0)",
                "slope of tanh is missing",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - np.tanh(h) ** 2)\n"
                "    return x.T @ d_z, d_z.sum(axis=0)",
                "without another tanh",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (h > 0)\n"
                "    return x.T @ d_z, d_z.sum(axis=0)",
                "slope of ReLU",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - h**2)\n"
                "    return d_z.T @ x, d_z.sum(axis=0)",
                "transposed",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - h**2) / len(x)\n"
                "    return x.T @ d_z, d_z.sum(axis=0)",
                "once only",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - h**2)\n"
                "    return x.T @ d_z, d_z.mean(axis=0)",
                "Sum over the batch",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - h**2)\n"
                "    return x.T @ d_z, d_z.sum(axis=1)",
                "axis 0",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - h**2)\n"
                "    return x.T @ d_z, d_h.sum(axis=0)",
                "in front of the tanh",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n    return x.T @ (d_h * (1 - h**2))",
                "Return two arrays",
            ),
            WrongAnswer(
                "def tanh_backward_np(x, h, d_h):\n"
                "    d_z = d_h * (1 - h**2)\n"
                "    return d_z.sum(axis=0), x.T @ d_z",
                "The order is",
            ),
        ),
        right=(
            "def tanh_backward_np(x, h, d_h):\n"
            "    d_h *= 1 - h**2\n"
            "    return x.T @ d_h, d_h.sum(axis=0, keepdims=True)",
            "def tanh_backward_np(x, h, d_h):\n"
            "    d_z = (d_h * (1 - h) * (1 + h)).astype('float32')\n"
            "    return [(x.T @ d_z).tolist(), d_z.sum(axis=0).tolist()]",
        ),
    ),
    Exercise(
        id="1.4",
        title="All weights zero",
        name="nonzero_gradients",
        check=check_nonzero_gradients,
        hints=(
            "Put zeros into the forward pass first: what is H, and what is P?",
            "Now go through the formulas of section 4; many have a factor 0.",
            "Only one of the four does not have H or W2 as a factor.",
        ),
        solution='nonzero_gradients = {"b2"}',
        wrong=(
            WrongAnswer('nonzero_gradients = {"W2", "b2"}', "H = max(0, 0) = 0"),
            WrongAnswer('nonzero_gradients = {"b1", "b2"}', "W2 = 0"),
            WrongAnswer("nonzero_gradients = set()", "One does"),
            WrongAnswer('nonzero_gradients = {"b3"}', "names to choose from"),
            WrongAnswer('nonzero_gradients = "b2, W2"', "H = max(0, 0) = 0"),
            WrongAnswer("nonzero_gradients = 1", "Answer with a set"),
        ),
        right=(
            'nonzero_gradients = "b2"',
            'nonzero_gradients = ["B2"]',
            "nonzero_gradients = \"{'b2'}\"",
        ),
    ),
    Exercise(
        id="1.5",
        title="Softmax twice",
        name="smallest_loss",
        check=check_smallest_loss,
        hints=(
            "The best softmax output is (1, 0, …, 0), the 1 at the right digit.",
            "The loss takes these ten numbers as logits and applies softmax again.",
            "softmax gives the 1 the probability e / (e + 9); take minus its log.",
        ),
        solution="smallest_loss = -np.log(np.e / (np.e + 9))",
        wrong=(
            WrongAnswer("smallest_loss = 0.0", "softened once more"),
            WrongAnswer("smallest_loss = np.log(10)", "ten equal logits"),
            WrongAnswer("smallest_loss = np.log(1 + np.e)", "Nine zeros"),
            WrongAnswer("smallest_loss = np.log(np.e / (np.e + 9))", "sign is lost"),
            WrongAnswer("smallest_loss = np.log(9)", "e⁰ = 1"),
            WrongAnswer("smallest_loss = np.log(np.e + 9)", "logarithm of the sum"),
            WrongAnswer("smallest_loss = np.e / (np.e + 9)", "That is the probability"),
            WrongAnswer("smallest_loss = 1.2", "Take softmax of"),
            WrongAnswer("smallest_loss = 1.42", "Take softmax of"),
        ),
        right=("smallest_loss = 1.5", "smallest_loss = 1.46", "smallest_loss = 1.461"),
    ),
    Exercise(
        id="1.6",
        title="Fool the network",
        name="adversary",
        answer="(adversary, reloaded)",
        check=check_adversary,
        hints=(
            "This network sees a list of pixels. What changes the list completely and "
            "the digit not at all?",
            "np.roll(image, (rows, columns), axis=(0, 1)) shifts an image.",
            "Shift 500 validation images by 5 pixels each way, predict them all, "
            "look for one misread with at least 90 %.",
        ),
        solution="""
shifted = np.roll(x_valid[:500, :, :, 0], (5, 5), axis=(1, 2))
p = softmax_np(logits_of(reloaded, shifted[..., None]))
fooled = (p.argmax(axis=1) != y_valid[:500]) & (p.max(axis=1) >= 0.9)
i = np.flatnonzero(fooled)[0]
adversary = (shifted[i], y_valid[i])
""",
        wrong=(
            WrongAnswer("adversary = x_valid[0]", "Hand in a pair"),
            WrongAnswer("adversary = (x_valid, 2)", "should be (28, 28)"),
            WrongAnswer("adversary = (x_valid[0, :, :, 0] * 255, 2)", "divide by 255"),
            WrongAnswer("adversary = (np.zeros((28, 28)), 2)", "hardly any ink"),
            WrongAnswer("adversary = (x_valid[0, :, :, 0], 'two')", "whole number"),
            WrongAnswer("adversary = (2, x_valid[0, :, :, 0])", "The order is"),
            WrongAnswer("adversary = (np.full((28, 28), np.nan), 2)", "nan or inf"),
            WrongAnswer("adversary = (x_valid[0, :, :, 0], 2)", "reads it as 2 too"),
            WrongAnswer("adversary = (x_valid[0], 2.5)", "whole number"),
            WrongAnswer("adversary = (x_valid[0], 12)", "from 0 to 9"),
            WrongAnswer("adversary = (x_valid[0, :14], 2)", "should be (28, 28)"),
            WrongAnswer(
                "adversary, reloaded = x_valid[0], 2", "check needs the network too"
            ),
        ),
        right=(
            "adversary = (x_valid[0], 8)",
            "adversary = [x_valid[:1].tolist(), '8']",
            "adversary = (x_valid[:1, :, :, 0], np.float32(8))",
        ),
    ),
]
