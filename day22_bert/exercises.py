"""Checks, hints and solutions of Day 22."""

import numpy as np

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_close,
    expect_number,
    refuse_blank,
)

SETUP = "import numpy as np"


def check_lora_numbers(answer):
    expect_number(
        answer,
        1_179_648,
        {
            589_824: "A and B both count: 768 · 16 numbers each.",
            294_912: "That is one matrix in each block; there are four.",
            98_304: "That is one block; there are twelve.",
            24_576: "That is one A and one B; count the matrices and the blocks.",
            28_311_552: "Those are the frozen matrices themselves.",
            884_736: "Queries, keys, values *and* the output matrix make four.",
            73_728: "That is MiniLM with rank 8 on two matrices; read the task again.",
        },
        rtol=1e-4,
        digits=3,
        otherwise="One change has an A of 768 × 16 and a B of 16 × 768; there are four "
        "in each of the 12 blocks.",
    )
    return "About one per cent of BERT-base's 110 million."


def check_differing_places(answer):
    expect_number(
        answer,
        17.28,
        {
            19.2: "Those are all asked places; one in ten of them is shown as it is.",
            15.36: "Those are the hidden ones; a random word differs too.",
            1.92: "Those are the random words alone.",
            115.2: "Only 15 % of the places are asked.",
            102.4: "Only 15 % of the places are asked.",
            0.135: "Almost: that is the share; the span has 128 places.",
        },
        rtol=1e-3,
        otherwise="128 places, a share of them asked, and of those all but the ones "
        "that are shown as they are.",
    )
    return "The network has to answer at the unchanged places too."


def check_masked_loss(masked_loss_np):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(3, 5, 7)) * 3
    labels = np.full((3, 5), -100)
    labels[0, 1], labels[0, 4], labels[1, 2], labels[2, 0] = 3, 0, 6, 2
    got = masked_loss_np(scores.copy(), labels.copy())
    refuse_blank(got)
    asked = labels != -100
    shifted = scores - scores.max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    chosen = np.take_along_axis(logs, np.where(asked, labels, 0)[..., None], -1)[..., 0]
    losses = -chosen * asked
    everywhere = -np.take_along_axis(logs, (labels % 7)[..., None], -1)[..., 0]
    per_text = np.mean([losses[i].sum() / asked[i].sum() for i in range(3)])
    raw = -np.take_along_axis(scores, np.where(asked, labels, 0)[..., None], -1)[..., 0]
    known = [
        (losses.mean(), "Divided by all places: divide by the number of asked ones."),
        (losses.sum(), "That is the sum; the mean over the asked places is wanted."),
        (-losses.sum() / asked.sum(), "The sign: a loss is minus the logarithm."),
        (everywhere.mean(), "-100 was used as a word (Python counts it from the end): "
         "leave those places out."),
        (-chosen.mean(), "The places that are not asked were scored as word 0."),
        (per_text, "A mean of each text's mean weights texts with few gaps more: take "
         "one mean over all asked places."),
        (losses.sum() / 3, "Divided by the number of texts: divide by the asked "
         "places."),
        ((raw * asked).sum() / asked.sum(), "The scores are no logarithms of "
         "probabilities yet: a softmax over the words is missing."),
        (losses.sum() / asked.sum() / np.log(2), "That is in bits: take the natural "
         "logarithm."),
    ]  # fmt: skip
    expect_close(got, losses.sum() / asked.sum(), "the loss", known)
    large = masked_loss_np(1e4 * scores, labels.copy())
    if not np.isfinite(np.asarray(large, dtype=float)).all():
        raise Wrong("Large scores overflow: subtract the largest score of each place "
                    "before the exponential.")  # fmt: skip
    nothing = masked_loss_np(scores.copy(), np.full((3, 5), -100))
    if not np.allclose(np.asarray(nothing, dtype=float), 0):
        raise Wrong("With nothing asked the loss is 0, not a division by zero.")
    return "This is what ignore_index=-100 does in PyTorch."


def check_rate_at(rate_at):
    steps, warmup, peak = 20, 5, 1e-3
    got = rate_at(0, steps, warmup, peak)
    refuse_blank(got)
    got = [rate_at(step, steps, warmup, peak) for step in range(steps + 1)]
    if any(one is None for one in got):
        raise Wrong("Nothing was returned for some steps: is there a return statement "
                    "on every road?")  # fmt: skip
    step = np.arange(steps + 1)
    want = peak * np.minimum(step / warmup, (steps - step) / (steps - warmup))
    up = np.minimum(step / warmup, 1)
    known = [
        (peak * np.where(step < warmup, up, (steps - step) / steps), "At the end of "
         "the warm-up the rate jumps: what is left are steps - warmup steps."),
        (peak * up, "It rises, but it has to fall again afterwards."),
        (peak * (steps - step) / steps, "The warm-up is missing."),
        (peak * np.where(step < warmup, (step + 1) / warmup,
                         (steps - step) / (steps - warmup)), "One step too early: at "
         "step 0 the rate is 0, at step warmup it is the peak."),
        (want / peak, "That is a share of the peak; multiply by it."),
        (peak * np.minimum(up, np.cos(np.pi / 2 * np.clip(
            (step - warmup) / (steps - warmup), 0, 1))), "Linearly, not as a cosine."),
    ]  # fmt: skip
    expect_close(got, want, "the rate at steps 0 to 20", known, atol=1e-9)
    try:
        flat = [rate_at(step, 10, 0, 2.0) for step in (0, 5, 10)]
    except ZeroDivisionError:
        raise Wrong("Without warm-up (warmup = 0) you divide by 0.") from None
    expect_close(flat, [2.0, 1.0, 0.0], "the rate without warm-up, steps 0, 5, 10")
    return "The same as get_linear_schedule_with_warmup."


_FAULTS = {
    "A": "another vocabulary",
    "B": "no mask",
    "C": "labels swapped",
    "D": "no [CLS]",
}


def check_diagnosis(answer):
    why = {
        "C": "C is wrong where the healthy model is right, and right where it is "
        "wrong: so it reads the text as well as the healthy one.",
        "A": "A is no better than a coin: does it see the text at all?",
        "B": "B is healthy on long reviews. What do short ones have that full ones "
        "have not?",
        "D": "D is moved on long and on short reviews, although it sees every word. "
        "What does its head read?",
    }
    expect_causes(answer, _FAULTS, why, "faults")
    return "A fault that shows in short texts only passes a test on long ones."


EXERCISES = [
    Exercise(
        id="22.r1",
        title="Recall: a frozen base",
        name="recall_1",
        check=choice(
            "b",
            "Its vectors are used, its weights are not trained.",
            {
                "a": "Then nothing would reach the head.",
                "c": "Frozen weights get no step at all.",
            },
        ),
        hints=(
            "What does the head read?",
            "And what does the optimiser change?",
        ),
        solution='recall_1 = "b"',
        wrong=(
            WrongAnswer('recall_1 = "a"', "reach the head"),
            WrongAnswer('recall_1 = "c"', "no step"),
        ),
    ),
    Exercise(
        id="22.r2",
        title="Recall: a vector in a sentence",
        name="recall_2",
        check=choice(
            "c",
            "Two senses of one word get two vectors.",
            {
                "a": "That is a row of an embedding table.",
                "b": "Frequency decides the row in the table, not its neighbours.",
            },
        ),
        hints=(
            "Think of *like* in *I like it* and in *a film like that*.",
            "What did attention mix into the vector of a place?",
        ),
        solution='recall_2 = "c"',
        wrong=(
            WrongAnswer('recall_2 = "a"', "embedding table"),
            WrongAnswer('recall_2 = "b"', "Frequency"),
        ),
    ),
    Exercise(
        id="22.r3",
        title="Recall: the padding's mask",
        name="recall_3",
        check=choice(
            "a",
            "What nobody looks at cannot change a real word's vector.",
            {
                "b": "What padding looks at is nobody's business; who looks at *it*?",
                "c": "A zero still gets a score, and a share of the softmax.",
            },
        ),
        hints=(
            "Rows look, columns are looked at.",
            "Which of the two changes the vectors of real words?",
        ),
        solution='recall_3 = "a"',
        wrong=(
            WrongAnswer('recall_3 = "b"', "nobody's business"),
            WrongAnswer('recall_3 = "c"', "softmax"),
        ),
    ),
    Exercise(
        id="22.1",
        title="Count LoRA's numbers",
        name="lora_numbers",
        check=check_lora_numbers,
        hints=(
            "One change: A is 768 × 16, B is 16 × 768.",
            "How many matrices in a block get one?",
            "12 blocks.",
        ),
        solution="lora_numbers = 12 * 4 * 2 * 768 * 16",
        wrong=(
            WrongAnswer("lora_numbers = 12 * 4 * 768 * 16", "both count"),
            WrongAnswer("lora_numbers = 12 * 2 * 768 * 16", "one matrix"),
            WrongAnswer("lora_numbers = 4 * 2 * 768 * 16", "one block"),
            WrongAnswer("lora_numbers = 2 * 768 * 16", "one A and one B"),
            WrongAnswer("lora_numbers = 12 * 4 * 768**2", "frozen matrices"),
            WrongAnswer("lora_numbers = 12 * 3 * 2 * 768 * 16", "make four"),
            WrongAnswer("lora_numbers = 6 * 2 * 2 * 384 * 8", "MiniLM"),
            WrongAnswer("lora_numbers = 1_000", "768 × 16"),
        ),
    ),
    Exercise(
        id="22.2",
        title="The loss at the asked places",
        name="masked_loss_np",
        check=check_masked_loss,
        hints=(
            "scores[labels != -100] has one row for each asked place.",
            "Subtract each row's maximum, then the logarithm of the sum of the "
            "exponentials.",
            "Pick the true word's column in each row, and take minus the mean.",
        ),
        solution="""
def masked_loss_np(scores, labels):
    asked = labels != -100
    if not asked.any():
        return 0.0
    rows, words = scores[asked], labels[asked]
    rows = rows - rows.max(axis=1, keepdims=True)
    logs = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(words)), words].mean()
""",
        wrong=tuple(
            WrongAnswer(
                "def masked_loss_np(scores, labels):\n"
                "    asked = labels != -100\n"
                "    top = scores.max(axis=-1, keepdims=True)\n"
                "    logs = scores - top\n"
                "    logs = logs - np.log(np.exp(logs).sum(axis=-1, keepdims=True))\n"
                "    word = np.where(asked, labels, 0)[..., None]\n"
                "    one = -np.take_along_axis(logs, word, -1)[..., 0]\n"
                f"    {body}",
                reason,
            )
            for body, reason in (
                ("return (one * asked).mean()", "all places"),
                ("return one[asked].sum()", "That is the sum"),
                ("return -one[asked].mean()", "The sign"),
                (
                    "word = labels[..., None] % 7\n"
                    "    return -np.take_along_axis(logs, word, -1).mean()",
                    "used as a word",
                ),
                ("return one.mean()", "word 0"),
                (
                    "means = [o[a].mean() for o, a in zip(one, asked)]\n"
                    "    return np.mean(means)",
                    "few gaps",
                ),
                ("return one[asked].sum() / len(one)", "number of texts"),
                (
                    "raw = -np.take_along_axis(scores, word, -1)[..., 0]\n"
                    "    return raw[asked].mean()",
                    "softmax",
                ),
                ("return one[asked].mean() / np.log(2)", "bits"),
                (
                    "p = np.exp(scores); p = p / p.sum(axis=-1, keepdims=True)\n"
                    "    return -np.log(np.take_along_axis(p, word, -1)[..., 0])[asked]"
                    ".mean()",
                    "overflow",
                ),
                ("return one[asked].mean()", "nothing asked"),
                ("one[asked].mean()", "return statement"),
            )
        ),
        right=(
            "def masked_loss_np(scores, labels):\n"
            "    total, count = 0.0, 0\n"
            "    for text, row in zip(scores, labels):\n"
            "        for place, word in zip(text, row):\n"
            "            if word >= 0:\n"
            "                place = place - place.max()\n"
            "                total -= place[word] - np.log(np.exp(place).sum())\n"
            "                count += 1\n"
            "    return np.float32(total / max(count, 1))",
        ),
    ),
    Exercise(
        id="22.3",
        title="Warm-up and decay",
        name="rate_at",
        check=check_rate_at,
        hints=(
            "Two cases: step < warmup, and all others.",
            "In the first the rate is peak · step / warmup.",
            "In the second, the steps that are left, over those that were left at the "
            "end of the warm-up.",
        ),
        solution="""
def rate_at(step, steps, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * (steps - step) / (steps - warmup)
""",
        wrong=tuple(
            WrongAnswer(
                f"def rate_at(step, steps, warmup, peak):\n    {body}",
                reason,
            )
            for body, reason in (
                (
                    "return peak * (step / warmup if step < warmup else "
                    "(steps - step) / steps)",
                    "jumps",
                ),
                ("return peak * min(step / warmup, 1)", "has to fall"),
                ("return peak * (steps - step) / steps", "warm-up is missing"),
                (
                    "return peak * ((step + 1) / warmup if step < warmup else "
                    "(steps - step) / (steps - warmup))",
                    "too early",
                ),
                (
                    "return min(step / warmup, (steps - step) / (steps - warmup))",
                    "share of the peak",
                ),
                (
                    "return peak * min(step / warmup, np.cos(np.pi / 2 * max(0, "
                    "(step - warmup) / (steps - warmup))))",
                    "cosine",
                ),
                (
                    "return peak * min(step / warmup, (steps - step) / (steps - "
                    "warmup))",
                    "divide by 0",
                ),
                (
                    "if step < warmup:\n        return peak * step / warmup",
                    "every road",
                ),
            )
        ),
        right=(
            "def rate_at(step, steps, warmup, peak):\n"
            "    up = step / max(1, warmup) if step < warmup else 1\n"
            "    return np.float32(peak * min(up, (steps - step) / (steps - warmup)))",
        ),
    ),
    Exercise(
        id="22.4",
        title="Four faults in serving",
        name="diagnosis",
        check=check_diagnosis,
        hints=(
            "Which one is right wherever the healthy one is wrong?",
            "Which one answers as if it had not seen the text?",
            "Of the other two, one is hurt only where there is something to fill up.",
        ),
        solution=f"diagnosis = {_FAULTS!r}",
        wrong=(
            WrongAnswer("diagnosis = {}", "keys"),
            WrongAnswer(
                "diagnosis = "
                + repr(dict(_FAULTS, A="no [CLS]", D="another vocabulary")),
                "no better than a coin",
            ),
            WrongAnswer(
                "diagnosis = " + repr(dict(_FAULTS, B="no [CLS]", D="no mask")),
                "healthy on long",
            ),
            WrongAnswer(
                "diagnosis = " + repr(dict(_FAULTS, C="no mask", B="labels swapped")),
                "reads the text as well",
            ),
            WrongAnswer("diagnosis = " + repr(dict(_FAULTS, D="no mask")), "Look at D"),
        ),
    ),
    Exercise(
        id="22.5",
        title="How many places differ",
        name="differing_places",
        check=check_differing_places,
        hints=(
            "How many places are asked?",
            "Which of the three fates leaves a place as it is?",
        ),
        solution="differing_places = 128 * 0.15 * 0.9",
        wrong=(
            WrongAnswer("differing_places = 128 * 0.15", "all asked places"),
            WrongAnswer("differing_places = 128 * 0.15 * 0.8", "hidden ones"),
            WrongAnswer("differing_places = 128 * 0.15 * 0.1", "random words alone"),
            WrongAnswer("differing_places = 128 * 0.9", "Only 15 %"),
            WrongAnswer("differing_places = 128 * 0.8", "Only 15 %"),
            WrongAnswer("differing_places = 0.15 * 0.9", "share"),
            WrongAnswer("differing_places = 30", "all but the ones"),
        ),
    ),
]
