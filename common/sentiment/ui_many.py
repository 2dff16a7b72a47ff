"""The second half of the page: a file of texts, read batch by batch.

A job lives in the session's state. Each run of the script goes on where the last one
was ended: by a click, by trouble with the API, or because all is done.
"""

from __future__ import annotations

import streamlit as st

from common.sentiment import ui_files, ui_jobs
from common.sentiment.ui_client import Api, Limits, Trouble


def ask_many(api: Api, limits: Limits, sure: float) -> None:
    """A file of texts: choose, read, watch, stop, go on, take home."""
    state = st.session_state
    upload = st.file_uploader(
        "A CSV file, or a text file with one review a line", ["csv", "txt"], key="file"
    )
    if upload is not None:
        try:
            table = ui_files.read(upload.name, upload.getvalue())
        except ui_files.FileTrouble as trouble:
            st.warning(str(trouble))
        else:
            choose(upload.name, table, limits)
    job = state.get("job")
    if job is not None:
        work(job, api)
        show_job(job, sure)


def choose(name: str, table: ui_files.Table, limits: Limits) -> None:
    """Let the user say which column holds the texts, and begin."""
    if table.notice:
        st.warning(table.notice)
    column = table.columns[0]
    if len(table.columns) > 1:
        column = st.selectbox(
            "Which column holds the texts?",
            table.columns,
            index=table.likely(),
            key="column",
        )
    texts = table.texts(column)

    def begin() -> None:
        st.session_state["job"] = ui_jobs.Job.of(name, texts, limits)

    st.button(f"Read {len(texts):,} texts", key="begin", on_click=begin, type="primary")


def work(job: ui_jobs.Job, api: Api) -> None:
    """Go on with a job that runs, until it is done, stopped or in trouble.

    A click of the user ends this run of the script in the middle of the loop; the next
    run comes here again and goes on with what is left.
    """

    def stop() -> None:
        job.running = False

    place = st.empty()
    if not job.running:
        return
    with place.container():
        st.button("Stop", key="stop", on_click=stop)
        bar = st.progress(job.share, _progress(job))
        while job.left and job.running:
            try:
                st.session_state["answering"] = job.step(api)
            except Trouble as trouble:
                job.trouble, job.running = str(trouble), False
            bar.progress(job.share, _progress(job))
    job.running = False
    place.empty()


def _progress(job: ui_jobs.Job) -> str:
    return f"{job.answered:,} of {len(job.texts):,} texts are answered"


def show_job(job: ui_jobs.Job, sure: float) -> None:
    """Show what there is, why it stopped, and how to go on."""

    def go_on() -> None:
        job.trouble, job.running = "", True

    st.header("Results", anchor=False)
    st.text(f"{job.name}: {_progress(job)}.")
    if job.trouble:
        st.error(f"{job.trouble} The answers so far are kept.")
    if job.left:
        st.button(f"Go on with {len(job.left):,} texts", key="go_on", on_click=go_on)
    refused = sum(map(bool, job.notes))
    if refused:
        st.warning(f"{refused:,} texts were not sent; the column note says why.")
    if len(job.models) > 1:
        st.warning(
            "The model was replaced while this file was read: the column model says "
            "which one answered."
        )
    names = ui_jobs.HEADER
    st.dataframe(
        [dict(zip(names, row, strict=True)) for row in job.rows(sure)], hide_index=True
    )
    st.download_button(
        "Download the results",
        job.as_csv(sure),
        file_name="results.csv",
        mime="text/csv",
        key="download",
        on_click="ignore",  # taking the file home is no reason to run the script
    )
