"""Exercises that check themselves: check, hint, solution, and the learner's progress.

A notebook starts the day's exercises in its import cell and then calls three
functions:

    check, hint, solution = exercises.start("day01_mnist")

    answer = ...
    check("1.1", answer)      # not attempted yet / not yet, and why / passed
    hint("1.1")               # one hint more at each call
    solution("1.1")           # a solution that passes, to read or to paste

The day's own `exercises.py` holds a list `EXERCISES` of `Exercise`, and may hold a
string `SETUP`, the code that solutions and wrong answers take for granted (imports).
A checker returns a sentence of praise or nothing, and raises `Wrong` with the reason
of a mistake:

    def check_softmax(softmax_np):
        got = softmax_np(np.array([[0.0, 0.0]]))
        expect_close(got, [[0.5, 0.5]], "softmax of two equal logits",
                     known=[([[1.0, 1.0]], "You forgot to divide by the sum.")])

A checker accepts whatever is right, in whatever dress: it reads answers with what
`answers.py` offers (`choice`, `expect_number`, `expect_close`, `expect_parts`, ...),
and `right` lists further answers that must pass. Recall questions are exercises too,
with ids such as "2.r1".
"""

from common.exercises.answers import (
    choice,
    expect_causes,
    expect_close,
    expect_number,
    expect_parts,
    number,
    whole_number,
    word,
)
from common.exercises.judge import (
    Exercise,
    Verdict,
    Wrong,
    WrongAnswer,
    judge,
    refuse_blank,
)
from common.exercises.session import Progress, load, start

__all__ = [
    "Exercise",
    "Progress",
    "Verdict",
    "Wrong",
    "WrongAnswer",
    "choice",
    "expect_causes",
    "expect_close",
    "expect_number",
    "expect_parts",
    "judge",
    "load",
    "number",
    "refuse_blank",
    "start",
    "whole_number",
    "word",
]
