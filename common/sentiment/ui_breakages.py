"""The page, broken on purpose: each breakage is something that somebody has done.

for name, (meant, changes) in breakages(words).items():
    failure(meant, words, folder, changes)   # must not be ""
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from common.sentiment import (
    ui,
    ui_client,
    ui_files,
    ui_jobs,
    ui_many,
    ui_pretend,
)
from common.sentiment import ui_situations as must
from common.sentiment.ui_client import Api, Trouble
from common.sentiment.ui_jobs import Job
from common.sentiment.ui_words import Words

Breakage = tuple[must.Situation, list[tuple[Any, str, Any]]]


class _SharedState(dict):
    """What a module's global would be: one for all sessions."""

    def __missing__(self, key: str) -> Any:
        return st.session_state[key]


class _SharedStreamlit:
    """Streamlit, with a state that all sessions share."""

    def __init__(self) -> None:
        self.session_state = _SharedState()

    def __getattr__(self, name: str) -> Any:
        return getattr(st, name)


def breakages(words: Words) -> dict[str, Breakage]:
    """Return all, by name: the situation meant to see it, and what is changed.

    Made anew for each round, since one of them keeps what visitors leave.
    """
    step, put, predict = Job.step, Api._ask, Api.predict
    button, box = st.form_submit_button, st.text_area

    def always_pressed(*given: Any, **named: Any) -> bool:
        return button(*given, **named) or bool(st.session_state.get("text"))

    def stop_at_error(api: Api) -> Any:
        try:
            return api.version()
        except Trouble as trouble:
            st.error(str(trouble))
            st.stop()

    def forgetful(job: Job, api: Api) -> str:
        try:
            return step(job, api)
        except Trouble:
            job.labels[:] = [""] * len(job.labels)
            raise

    def first_version(api: Api, texts: Any) -> Any:
        return replace(predict(api, texts), digest=words.digest)

    def again_when_slow(api: Api, *question: Any) -> Any:
        for left in (2, 1, 0):
            try:
                return put(api, *question)
            except Trouble as trouble:
                if trouble.kind != "slow" or not left:
                    raise
        return None

    def with_key(trouble: Trouble) -> str:
        return f"{trouble.args[0]} (X-API-Key: {ui_pretend.KEY})"

    def unlabelled(label: str, **named: Any) -> str:
        return box("", label_visibility="collapsed", **named)

    shared = _SharedStreamlit()
    return {
        "users' words drawn as Markdown": (
            must.keeps_users_words_as_words,
            [(st, "text", st.markdown)],
        ),
        "formulas in the download": (
            must.hands_back_a_safe_file,
            [(ui_files, "safe_cell", lambda cell: cell)],
        ),
        "every run asks again": (
            must.asks_once_for_a_click,
            [(st, "form_submit_button", always_pressed)],
        ),
        "state in a module": (
            must.keeps_visitors_apart,
            [(ui, "st", shared), (ui_many, "st", shared)],
        ),
        "key in an error": (must.never_shows_the_key, [(Trouble, "__str__", with_key)]),
        "stop at the first error": (
            must.keeps_the_text_when_the_api_is_down,
            [(ui, "open_with", stop_at_error)],
        ),
        "answers kept at the end only": (
            must.keeps_what_was_answered,
            [(Job, "step", forgetful)],
        ),
        "version looked up once": (
            must.names_the_model_that_answers,
            [(Api, "predict", first_version)],
        ),
        "uploads of any size": (
            must.refuses_a_huge_file,
            [(ui_files, "MOST_TEXTS", 10**9)],
        ),
        "another try after a time-out": (
            must.asks_a_slow_server_once,
            [(Api, "_ask", again_when_slow)],
        ),
        "no try after a 503": (
            must.asks_a_busy_server_again,
            [(ui_client, "TRIES", 1)],
        ),
        "words of whatever model": (
            must.explains_with_no_other_model,
            [(ui, "explainer", lambda digest: words)],
        ),
        "texts of any length sent": (
            must.sends_no_text_that_is_too_long,
            [(ui_files, "why_not", lambda text, limits: "")],
        ),
        "always a verdict": (
            must.says_when_it_is_not_sure,
            [(ui_jobs, "verdict", lambda label, probability, sure: label)],
        ),
        "a box without a label": (
            must.labels_every_control,
            [(st, "text_area", unlabelled)],
        ),
    }
