"""What the page must do, situation by situation; each a function that asserts.

    held = {one.__name__: failure(one, words, folder) for one in SITUATIONS}

The name says what is claimed. `failure` gives the reason why one does not hold, on the
page as it is or on one that `ui_breakages` has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from common.sentiment import ui
from common.sentiment.ui_pretend import (
    KEY,
    ask,
    load,
    open_page,
    stage,
    visit,
    words_on,
)
from common.sentiment.ui_words import Words

TEXT = "A good film with a bad ending, but a good one."
TOO_LONG = "long " * 5_000
Situation = Callable[[Words], None]


def answers_with_its_words(words: Words) -> None:
    """The verdict, and the words that made it."""
    at, _ = visit(words)
    ask(at, TEXT)
    p = words.of(TEXT).probability
    assert not at.exception and ui.percent(max(p, 1 - p)) in words_on(at, "text")
    assert "speaks for positive" in words_on(at, "text")


def asks_once_for_a_click(words: Words) -> None:
    """A run without a click shows the answer and asks nobody."""
    at, api = visit(words, p=0.93)
    ask(at, TEXT).run()
    assert "Positive" in words_on(at.run(), "header"), "the answer is lost"
    assert len(api.questions) == 1, "a run without a click asked again"


def says_when_it_is_not_sure(words: Words) -> None:
    """Below the level for a verdict there is none."""
    at, _ = visit(words, p=0.6)
    assert "Not sure" in words_on(ask(at, TEXT), "header")


def keeps_the_text_when_the_api_is_down(words: Words) -> None:
    """From the opening on; and it works when the API is back."""
    at, api = visit(words, "down")
    assert at.warning and not at.exception
    ask(at, TEXT)
    assert at.error and at.text_area(key="text").value == TEXT
    api.moods = ["well"]
    assert words_on(at.button(key="ask").click().run(), "header")


def asks_a_slow_server_once(words: Words) -> None:
    """After a time-out another request only adds to the load."""
    at, api = visit(words)
    api.moods = ["slow"]
    assert "stopped waiting" in words_on(ask(at, TEXT), "error")
    assert len(api.questions) == 1, "a slow server was asked again"


def asks_a_busy_server_again(words: Words) -> None:
    """Once it may be asked again, by its own word."""
    at, api = visit(words, "busy", "well")
    assert words_on(ask(at, TEXT), "header") and len(api.questions) == 2


def never_shows_the_key(words: Words) -> None:
    """Whatever goes wrong."""
    at, api = visit(words)
    for mood in ("key", "down", "error", "slow"):
        api.moods = [mood]
        assert words_on(ask(at, TEXT), "error"), f"{mood}: nothing is said"
        assert KEY not in words_on(at), f"{mood}: the key is on the page"


def sends_no_text_that_is_too_long(words: Words) -> None:
    """It is told how long it may be, and the text stays."""
    at, api = visit(words)
    ask(at, TOO_LONG)
    assert not api.questions and "too long" in words_on(at, "warning")
    assert at.text_area(key="text").value == TOO_LONG


def names_the_model_that_answers(words: Words) -> None:
    """Also when it was replaced while the page was open."""
    at, api = visit(words, p=0.93)
    api.digest = "b" * 64
    ask(at, TEXT)
    assert "Answered by model bbbb" in words_on(at) and "replaced" in words_on(
        at, "info"
    )


def explains_with_no_other_model(words: Words) -> None:
    """Words of another model are no explanation."""
    at, api = visit(words, p=0.93)
    api.digest = "b" * 64
    ask(at, TEXT)
    assert "speaks for positive" not in words_on(at)


def keeps_users_words_as_words(words: Words) -> None:
    """No markup of theirs is drawn."""
    at, _ = visit(words, p=0.6)
    markup = "<b id=x>![](http://away.test/a.png)</b>"
    ask(at, markup)
    ask(at, "   ")  # is not sent, so the answer above is for the text before
    assert markup in words_on(at, "text")
    drawn = words_on(at, "markdown", "html", "caption", "warning", "error", "info")
    assert "id=x" not in drawn and "away.test" not in drawn


def keeps_what_was_answered(words: Words) -> None:
    """A file breaks off in the middle, and goes on where it broke off."""
    at, api = visit(words)
    api.moods, lines = ["well", "well", "down"], [f"Film {i}." for i in range(40)]
    load(at, lines)
    assert "32 of 40" in words_on(at, "text") and "kept" in words_on(at, "error")
    api.moods = ["well"]
    at.button(key="go_on").click().run()
    assert "40 of 40" in words_on(at, "text") and not at.error
    answered = [*api.questions[0], *api.questions[1], *api.questions[-1]]
    assert answered == lines, "a text was asked twice, or not at all"


def notes_texts_that_were_not_sent(words: Words) -> None:
    """An odd one costs the others nothing."""
    at, api = visit(words)
    load(at, ["id,text", "1,good", "2,", f"3,{TOO_LONG}"], "a.csv")
    assert "2 texts were not sent" in words_on(at, "warning")
    assert api.questions == [["good"]]


def refuses_a_huge_file(words: Words) -> None:
    """And says what to do."""
    at, api = visit(words)
    load(at, ["good"] * 5_001)
    assert "split it" in words_on(at, "warning") and not api.questions


def hands_back_a_safe_file(words: Words) -> None:
    """No cell of it is a formula."""
    at, _ = visit(words, p=0.9)
    load(at, ["=1+1", "@SUM(A1)"])
    assert at.get("download_button")
    home = at.session_state["job"].as_csv(0.8)
    assert b",'=1+1" in home and b",'@SUM" in home


def keeps_visitors_apart(words: Words) -> None:
    """Nothing of the first is on the page of the second."""
    first, _ = visit(words, p=0.6)
    load(ask(first, "My secret."), ["Also secret."])
    assert first.header and first.dataframe
    second = open_page()
    assert not second.header and not second.dataframe
    assert "secret" not in words_on(second)


def labels_every_control(words: Words) -> None:
    """For those who hear the page."""
    at, _ = visit(words)
    controls = [*at.text_area, *at.file_uploader, *at.button]
    assert controls and all(one.label.strip() for one in controls)


SITUATIONS: tuple[Situation, ...] = (
    answers_with_its_words,
    asks_once_for_a_click,
    says_when_it_is_not_sure,
    keeps_the_text_when_the_api_is_down,
    asks_a_slow_server_once,
    asks_a_busy_server_again,
    never_shows_the_key,
    sends_no_text_that_is_too_long,
    names_the_model_that_answers,
    explains_with_no_other_model,
    keeps_users_words_as_words,
    keeps_what_was_answered,
    notes_texts_that_were_not_sent,
    refuses_a_huge_file,
    hands_back_a_safe_file,
    keeps_visitors_apart,
    labels_every_control,
)


def name_of(situation: Situation) -> str:
    """Return what a situation claims, in words."""
    return situation.__name__.replace("_", " ")


def failure(
    situation: Situation,
    words: Words,
    folder: Path,
    changes: Iterable[tuple[Any, str, Any]] = (),
) -> str:
    """Return why a situation does not hold, or "".

    Args:
        situation: one of SITUATIONS.
        words: the model that the pretended API answers with.
        folder: where it lies, for the page.
        changes: of the page: an object, the name of an attribute, another value.
    """
    with ExitStack() as stack:
        stack.enter_context(
            mock.patch.dict(os.environ, {"SENTIMENT_MODEL": str(folder)})
        )
        stack.enter_context(stage())
        for place, name, value in changes:
            stack.enter_context(mock.patch.object(place, name, value))
        try:
            situation(words)
        except Exception as error:  # whatever a broken page raises
            return f"{type(error).__name__}: {str(error).strip()[:80]}"
    return ""
