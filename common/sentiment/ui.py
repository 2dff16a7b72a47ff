"""The page of the sentiment model: one text, or a file of them. Streamlit runs it.

    make ui                                    # starts the API and this page
    streamlit run common/sentiment/ui.py       # this page alone

    SENTIMENT_UI_API     where the API is, http://127.0.0.1:8000 if unset
    SENTIMENT_API_KEY    the API's key; it stays in this process
    SENTIMENT_UI_SURE    below this probability of its own label: "not sure", 0.8

Streamlit runs `main` anew at every click. What has to outlive a run is in the session's
state, one for each open page; what all sessions share is the connection to the API and
the read-only model that explains. Words of a user are shown by `st.text`, `st.html`
after escaping, and `st.dataframe`: the other elements read their text as Markdown.
"""

from __future__ import annotations

import gc
import os
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    _HERE = Path(__file__).resolve().parent
    # Streamlit puts this folder on the path, where data.py and config.py would stand
    # in the way of other packages
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != _HERE]
    runpy.run_path(str(_HERE.parent / "notebook.py"))["bind"]("common")

import streamlit as st

from common.sentiment import settings, ui_files, ui_jobs, ui_many
from common.sentiment.bundle import BundleError, read_manifest
from common.sentiment.ui_client import Answer, Api, Limits, Trouble, Version
from common.sentiment.ui_words import NotAdditive, Words

TITLE = "Is this review positive?"
_STRONGEST = 8


@st.cache_resource(show_spinner=False)
def connect() -> Api:
    """Return the connection that all sessions share; it holds no word of a user."""
    address = os.environ.get("SENTIMENT_UI_API") or "http://127.0.0.1:8000"
    # Streamlit collects garbage after every run; what is loaded by now stays anyway
    gc.collect()
    gc.freeze()
    return Api(address, os.environ.get("SENTIMENT_API_KEY") or None)


def sure_from() -> float:
    """Return the probability from which on a verdict is given, in [0.5, 1)."""
    try:
        sure = float(os.environ.get("SENTIMENT_UI_SURE") or 0.8)
    except ValueError:
        return 0.8
    return sure if 0.5 <= sure < 1 else 0.8


@st.cache_resource(show_spinner=False, max_entries=2)
def _words_of(folder: str, digest: str) -> Words:
    """Return the model in a folder; `digest` makes another model another entry."""
    words = Words.load(folder)
    if words.digest != digest:
        raise BundleError("The model folder changed while it was read.")
    return words


def explainer(digest: str) -> Words | None:
    """Return the model that answered, if its files are on this machine, else None."""
    try:
        folder = settings.Settings.from_environment().model or settings.default_model()
        if read_manifest(folder)[1] != digest:
            return None
        return _words_of(str(folder), digest)
    except (BundleError, settings.SettingsError):
        return None


def percent(probability: float) -> str:
    """Return a probability in words that never claim certainty."""
    if probability > 0.99:
        return "more than 99 %"
    return f"{probability:.0%}".replace("%", " %")


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title=TITLE, layout="centered")
    st.title(TITLE, anchor=False)
    api, sure = connect(), sure_from()
    opened = open_with(api)
    one, many = st.tabs(["One text", "A file of texts"])
    with one:
        ask_one(api, opened.limits, sure)
    with many:
        ui_many.ask_many(api, opened.limits, sure)
    foot(opened, sure)


def open_with(api: Api) -> Version:
    """Return the version that this session was opened with; ask until one is known.

    A server that is away is told of, and the page goes on: an element that is not
    drawn in one run loses what the user put into it.
    """
    state = st.session_state
    known = state.get("opened")
    if known is None or not known.digest:
        try:
            known = state["opened"] = api.version()
        except Trouble as trouble:
            st.warning(f"{trouble} You can already write or choose your file.")
            st.button("Try again", key="again")
            return Version("", Limits())
        if not known.digest:
            st.warning("The model's server is there, but its model is not loaded yet.")
            st.button("Try again", key="again")
    return known


def ask_one(api: Api, limits: Limits, sure: float) -> None:
    """One text, its verdict, and the words that made it."""
    state = st.session_state
    with st.form("one", border=False):
        st.text_area("A review, in English", key="text", height=160)
        asked = st.form_submit_button("Ask the model", key="ask", type="primary")
    if asked:
        text = state["text"]
        reason = ui_files.why_not(text, limits)
        if reason:
            st.warning(f"This text was not sent, because it is {reason}.")
        else:
            try:
                with st.spinner("The model is reading."):
                    answer = api.predict([text])
            except Trouble as trouble:
                st.error(f"{trouble} Your text is still in the box.")
            else:
                state["answer"] = (text, answer)
                state["answering"] = answer.digest
    if "answer" in state:
        show_answer(*state["answer"], sure)


def show_answer(text: str, answer: Answer, sure: float) -> None:
    """Say what the model said of a text, and which words made it say so."""
    if text != st.session_state["text"]:
        st.text("This answer is for the text that you sent before:")
        st.text(text if len(text) <= 200 else f"{text[:200]}…")
    label, p = answer.labels[0], answer.probabilities[0]
    of_label = percent(p if label == "positive" else 1 - p)
    if ui_jobs.verdict(label, p, sure) == "not sure":
        st.header("Not sure", anchor=False)
        st.text(
            f"The model leans to {label}, with a probability of {of_label}. Below "
            f"{percent(sure)} this page gives no verdict."
        )
    else:
        st.header(label.capitalize(), anchor=False)
        st.text(f"The model gives {label} a probability of {of_label}.")
    st.text(f"Answered by model {answer.digest[:12]}.")
    show_words(text, answer)


def show_words(text: str, answer: Answer) -> None:
    """Show what each word brought, if the model that answered can be read here."""
    st.subheader("The words that made it", anchor=False)
    words = explainer(answer.digest)
    if words is None:
        st.text(
            "The words cannot be shown: the model that answered is not at hand here."
        )
        return
    try:
        made = words.of(text)
    except NotAdditive as reason:
        st.text(str(reason))
        return
    st.html(made.html())
    st.text(
        "Solid line: speaks for positive. Dotted line: speaks against it. The darker, "
        "the more. Words without a line matter little."
    )
    st.dataframe(
        [
            {"word": word, "brings": f"{share:+.2f}", "times": times}
            for word, share, times in made.strongest(_STRONGEST)
        ],
        hide_index=True,
    )
    notes = [f"The start of the text brings {made.start:+.2f}; all parts together give"]
    notes += [f"{made.logit:+.2f}, a probability of {percent(made.probability)}"]
    notes[-1] += " of positive."
    if made.dropped:
        notes.append(f"The first {made.dropped:,} words of this text were not read.")
    if not made.known.all():
        notes.append(f"{(~made.known).sum()} words are unknown to the model.")
    st.text(" ".join(notes))


def foot(opened: Version, sure: float) -> None:
    """Say which model this is, and what the page does with its probabilities."""
    now = st.session_state.get("answering", opened.digest)
    if opened.digest and now != opened.digest:
        st.info(
            f"The model was replaced since you opened this page: {opened.digest[:12]} "
            f"then, {now[:12]} now. Each answer names its own."
        )
    st.divider()
    st.text(
        f"Model: {now[:12] or 'not known yet'}. It gives a verdict from a probability "
        f"of {percent(sure)} on, and says that it is not sure below. It has learned "
        "from film reviews; of other texts its probability means little. Nothing that "
        "you enter is stored: if you reload this page, it is gone."
    )


if __name__ == "__main__":
    main()
