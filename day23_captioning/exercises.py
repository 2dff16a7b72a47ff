"""Checks, hints and solutions of Day 23."""

import math

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    refuse_blank,
    whole_number,
)

SETUP = "import math\n\nimport numpy as np"

_ALIKE = np.random.default_rng(4).normal(size=(10, 10)) + 0.9 * np.eye(10)


def _recall(alike, k):
    nearest = np.argsort(-alike, axis=1)[:, :k]
    return (nearest == np.arange(len(alike))[:, None]).any(axis=1).mean()


def check_bleu_2(answer):
    penalty, precisions = math.exp(1 - 8 / 6), (5 / 6, 2 / 5)
    product = math.prod(precisions)
    expect_number(
        answer,
        penalty * math.sqrt(product),
        {
            math.sqrt(product): "The candidate has 6 words and its reference 8: there "
            "is a brevity penalty.",
            penalty * product: "A geometric mean of two factors takes the square root.",
            penalty * sum(precisions) / 2: "That is the arithmetic mean of the two "
            "precisions; BLEU takes the geometric one.",
            penalty * math.sqrt(5 / 6 * 3 / 5): "One bigram too many: 'a cross' does "
            "not stand in the reference, though both words do.",
            0.75 * math.sqrt(product): "The penalty is e to the power 1 − r/c, not "
            "c/r.",
        },
        rtol=2e-3,
        otherwise="Count: 6 unigrams, of which the reference has 5; 5 bigrams, of "
        "which it has 2. Then the penalty for 6 words against 8.",
    )
    return "And the relation is wrong: BLEU counts its words like any others."


def check_recall_at_k(recall_at_k_np):
    got = recall_at_k_np(_ALIKE.copy(), 3)
    refuse_blank(got)
    known = {
        _recall(_ALIKE.T, 3): "That asks the sentences: a row is a picture, so rank "
        "within rows.",
        _recall(-_ALIKE, 3): "Those are the k least similar; sort downwards.",
        _recall(_ALIKE, 1): "That is recall@1, whatever k is.",
        _recall(_ALIKE, 2): "One too few: the own sentence may be the k-th.",
        10 * _recall(_ALIKE, 3): "A share is asked for, not a number of rows.",
        _recall(_ALIKE, 3) / 3: "That is the mean over all k places of each row; a row "
        "counts once: any(axis=1), then the mean.",
    }
    expect_number(
        got,
        _recall(_ALIKE, 3),
        known,
        otherwise="For each row: is the diagonal's entry among the row's k largest?",
    )
    expect_number(
        recall_at_k_np(_ALIKE[:4, :4].copy(), 4),
        1.0,
        otherwise="With k as large as the number of sentences every picture finds its "
        "own: recall@n is 1.",
    )
    return "With k = 1 it is the accuracy of a classifier with n classes."


def check_best_by_length(best_by_length):
    log_probs, lengths = [-2.0, -3.2, -4.5], [2, 6, 10]
    got = []
    for alpha in (0.0, 0.5, 1.0):
        one = best_by_length(np.array(log_probs), np.array(lengths), alpha)
        refuse_blank(one)
        got.append(whole_number(one, "The index"))
    if got == [0, 1, 2]:
        return "At 0 it is the plain sum, at 1 the mean per word."
    reasons = {
        (0, 0, 0): "The shortest always wins. Divide by the length to the power alpha, "
        "and take the largest. (Multiplying makes the long ones still worse.)",
        (2, 2, 2): "alpha makes no difference: at 0 the plain sums decide.",
        (2, 2, 0): "That is the worst one. Log probabilities are negative: the best "
        "is the largest.",
        (0, 2, 2): "The length *to the power* alpha, not times alpha.",
    }
    raise Wrong(
        reasons.get(
            tuple(got),
            "With log probabilities -2, -3.2, -4.5 and 2, 6, 10 words the best are "
            "number 0 for alpha = 0, number 1 for 0.5 and number 2 for 1.",
        )
    )


def check_first_loss(answer):
    expect_number(
        answer,
        math.log(128),
        {
            2 * math.log(128): "The loss is the *mean* of the two cross-entropies.",
            7.0: "Nats are asked for, the natural logarithm; that is in bits.",
            math.log(2): "Each picture chooses among the 128 sentences of the batch.",
            1 / 128: "That is the probability of the right one; the loss is minus its "
            "logarithm.",
            128.0: "That is the number of choices; the loss is a logarithm.",
            -math.log(128): "A cross-entropy is not negative.",
        },
        rtol=2e-3,
        otherwise="Equal similarities give every sentence of the batch the same "
        "probability. What is minus its logarithm?",
    )
    return "A larger batch asks a harder question: their losses do not compare."


_FAULTS = {
    "A": "targets not shifted",
    "B": "wrong picture",
    "C": "never stops",
    "D": "cells shuffled",
}


def check_diagnosis(answer):
    why = {
        "A": "Led by the hand A is perfect, alone it is lost. What is easy to write "
        "when one has just read it?",
        "B": "B's sentences have the usual length and the wrong words. Where do they "
        "come from?",
        "C": "C uses the true words, and more words than it should.",
        "D": "D is nearly healthy. Which of the faults takes away something that the "
        "network can also get elsewhere?",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return (
        "None raises an error. Shuffled cells hardly hurt: a likely reason is that "
        "the features have seen 35 pixels and the padded border, and so know their "
        "place themselves."
    )


EXERCISES = [
    Exercise(
        id="23.r1",
        title="Recall: a stride of two",
        name="recall_1",
        check=choice(
            "a",
            "Every second place, in both directions: a quarter of the numbers.",
            {
                "b": "That is a stride of 1 without padding.",
                "c": "The stride decides, not the width of the filter.",
            },
        ),
        hints=(
            "'Same' padding lets the filter start at every place.",
            "A stride of 2 takes every second one.",
        ),
        solution='recall_1 = "a"',
        wrong=(
            WrongAnswer('recall_1 = "b"', "without padding"),
            WrongAnswer('recall_1 = "c"', "stride decides"),
        ),
    ),
    Exercise(
        id="23.r2",
        title="Recall: the weights of one query",
        name="recall_2",
        check=choice(
            "b",
            "A softmax shares out one whole; looking here means looking away there.",
            {
                "a": "Those would be sigmoids, one for each place.",
                "c": "Then the output would grow with the number of places.",
            },
        ),
        hints=(
            "What does a softmax do to its scores?",
            "The output is a weighted mean of the values.",
        ),
        solution='recall_2 = "b"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "sigmoids"),
            WrongAnswer('recall_2 = "c"', "would grow"),
        ),
    ),
    Exercise(
        id="23.r3",
        title="Recall: the causal mask",
        name="recall_3",
        check=choice(
            "b",
            "What comes later has not been written yet. An LSTM needs no mask for it.",
            {
                "a": "Then it would read the answer that it has to write.",
                "c": "Then it would not know what it has written before.",
            },
        ),
        hints=(
            "What will be there when it writes on its own?",
            "Everything up to the present place, and nothing after.",
        ),
        solution='recall_3 = "b"',
        wrong=(
            WrongAnswer('recall_3 = "a"', "read the answer"),
            WrongAnswer('recall_3 = "c"', "written before"),
        ),
    ),
    Exercise(
        id="23.1",
        title="BLEU by hand",
        name="bleu_2",
        check=check_bleu_2,
        hints=(
            "Unigrams of the candidate: a, red, circle, above, a, cross. Which does "
            "the reference have?",
            "Bigrams: 'a red' and 'red circle' stand in the reference. The others?",
            "c = 6, r = 8: the penalty is e to the power 1 − 8/6.",
        ),
        solution="bleu_2 = math.exp(1 - 8 / 6) * math.sqrt(5 / 6 * 2 / 5)",
        wrong=(
            WrongAnswer("bleu_2 = 0.57735", "brevity penalty"),
            WrongAnswer("bleu_2 = 0.23884", "square root"),
            WrongAnswer("bleu_2 = 0.44187", "arithmetic mean"),
            WrongAnswer("bleu_2 = 0.50666", "One bigram too many"),
            WrongAnswer("bleu_2 = 0.43301", "not c/r"),
            WrongAnswer("bleu_2 = 0.9", "Count"),
        ),
    ),
    Exercise(
        id="23.2",
        title="Recall@k",
        name="recall_at_k_np",
        check=check_recall_at_k,
        hints=(
            "np.argsort(-alike, axis=1) ranks each row's columns, the nearest first.",
            "Keep the first k columns, and compare with np.arange(n)[:, None].",
            "any(axis=1) says whether a row found its own, mean() gives the share.",
        ),
        solution="""
def recall_at_k_np(alike, k):
    nearest = np.argsort(-alike, axis=1)[:, :k]
    return (nearest == np.arange(len(alike))[:, None]).any(axis=1).mean()
""",
        wrong=tuple(
            WrongAnswer(
                "def recall_at_k_np(alike, k):\n"
                "    own = np.arange(len(alike))[:, None]\n"
                f"    return {body}",
                reason,
            )
            for body, reason in (
                (
                    "(np.argsort(-alike.T, axis=1)[:, :k] == own).any(axis=1).mean()",
                    "asks the sentences",
                ),
                (
                    "(np.argsort(alike, axis=1)[:, :k] == own).any(axis=1).mean()",
                    "least similar",
                ),
                (
                    "(np.argsort(-alike, axis=1)[:, :1] == own).any(axis=1).mean()",
                    "recall@1",
                ),
                (
                    "(np.argsort(-alike, axis=1)[:, :k - 1] == own).any(axis=1).mean()",
                    "One too few",
                ),
                (
                    "(np.argsort(-alike, axis=1)[:, :k] == own).any(axis=1).sum()",
                    "not a number of rows",
                ),
                (
                    "(np.argsort(-alike, axis=1)[:, :k] == own).mean()",
                    "counts once",
                ),
                ("0.123", "diagonal's entry"),
            )
        ),
        right=(
            "def recall_at_k_np(alike, k):\n"
            "    own = np.diag(alike)[:, None]\n"
            "    return float(np.mean((np.asarray(alike) > own).sum(axis=1) < k))",
        ),
    ),
    Exercise(
        id="23.3",
        title="Length normalisation",
        name="best_by_length",
        check=check_best_by_length,
        hints=(
            "length ** alpha is 1 for alpha = 0: then nothing changes.",
            "Divide each log probability by it.",
            "The best is the largest: np.argmax.",
        ),
        solution="""
def best_by_length(log_probs, lengths, alpha):
    return np.argmax(np.asarray(log_probs) / np.asarray(lengths) ** alpha)
""",
        wrong=tuple(
            WrongAnswer(
                f"def best_by_length(log_probs, lengths, alpha):\n    return {body}",
                reason,
            )
            for body, reason in (
                ("np.argmax(log_probs)", "shortest always wins"),
                ("np.argmax(log_probs * lengths**alpha)", "shortest always wins"),
                ("np.argmax(log_probs / lengths)", "alpha makes no difference"),
                ("np.argmin(log_probs / lengths**alpha)", "the worst"),
                (
                    "np.argmax(log_probs / np.maximum(lengths * alpha, 1e-9))",
                    "to the power",
                ),
                ("1", "number 0 for alpha = 0"),
            )
        ),
        right=(
            "def best_by_length(log_probs, lengths, alpha):\n"
            "    scores = [p / n**alpha for p, n in zip(log_probs, lengths)]\n"
            "    return scores.index(max(scores))",
        ),
    ),
    Exercise(
        id="23.4",
        title="CLIP's first loss",
        name="first_loss",
        check=check_first_loss,
        hints=(
            "How many sentences does a picture choose from?",
            "Equal logits give equal probabilities, 1/128 each.",
            "The cross-entropy is minus the logarithm of that, for rows and columns.",
        ),
        solution="first_loss = math.log(128)",
        wrong=(
            WrongAnswer("first_loss = 9.704", "mean"),
            WrongAnswer("first_loss = 7", "bits"),
            WrongAnswer("first_loss = 0.693", "among the 128"),
            WrongAnswer("first_loss = 1 / 128", "minus its"),
            WrongAnswer("first_loss = 128", "is a logarithm"),
            WrongAnswer("first_loss = -4.852", "not negative"),
            WrongAnswer("first_loss = 1.5", "same probability"),
        ),
    ),
    Exercise(
        id="23.5",
        title="Four sick captioners",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Start with the two extremes: who is perfect when led by the hand, and who "
            "talks too long?",
            "Of the other two one is nearly healthy, and one has words of some other "
            "scene.",
            "What did Day 5 say of zero padding: can a feature know where it is?",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer(
                'diagnosis = {"A": "wrong picture", "B": "targets not shifted", '
                '"C": "never stops", "D": "cells shuffled"}',
                "Look at A",
            ),
            WrongAnswer(
                'diagnosis = {"A": "targets not shifted", "B": "cells shuffled", '
                '"C": "never stops", "D": "wrong picture"}',
                "Look at B",
            ),
            WrongAnswer(
                'diagnosis = {"A": "targets not shifted", "B": "wrong picture", '
                '"C": "cells shuffled", "D": "never stops"}',
                "Look at C",
            ),
            WrongAnswer(
                'diagnosis = {"A": "targets not shifted", "B": "wrong picture", '
                '"C": "never stops", "D": "never stops"}',
                "Look at D",
            ),
            WrongAnswer(
                'diagnosis = dict.fromkeys("ABCD", "bad luck")', "not one of the faults"
            ),
            WrongAnswer('diagnosis = "wrong picture"', "dictionary"),
        ),
    ),
]
