"""Checks, hints and solutions of Day 35."""

import re

from common.exercises import (
    Exercise,
    Wrong,
    WrongAnswer,
    choice,
    expect_causes,
    expect_number,
    expect_parts,
    whole_number,
    word,
)

SETUP = """
n_shown = total_shown = second_brings = shown_probability = ...
"""


def check_memories(answer):
    n, total = expect_parts(answer, 2, "Give two numbers: n and the total.")
    n, total = whole_number(n, "n"), whole_number(total, "The total")
    if n == 2:
        raise Wrong(
            "n = 0 stands at the top of the script, and every run begins there."
        )
    if n != 1:
        raise Wrong(f"n is not {n}: which lines run before it is shown?")
    if total in (6, 7):
        raise Wrong(
            "The state belongs to one session: the first person's runs are not in it."
        )
    if total == 1:
        raise Wrong("Opening the page is a run, too, and the click is another.")
    if total != 2:
        raise Wrong(f"The total is not {total}: count the runs of the second session.")
    return "A variable begins anew in every run; the state lives on, for one session."


SAFE_TO_REPEAT = {"a", "e", "f"}


def check_ask_again(answer):
    listed = re.findall(r"[a-fA-F]", answer) if isinstance(answer, str) else answer
    try:
        given = {word(one) for one in listed}
    except TypeError:
        raise Wrong('Give a set of letters, for example {"a", "d"}.') from None
    if not given <= set("abcdef"):
        raise Wrong('Use the letters "a" to "f".')
    reasons = {
        "b": "After a time-out the server is still at work on the first one: a second "
        "request adds to its load.",
        "c": "The order may have arrived before the connection was cut: asked again, "
        "there may be two tickets.",
        "d": "A key that is wrong now is wrong in a second, too.",
        "a": "Nothing arrived, and a prediction changes nothing: ask again.",
        "e": "The server says itself when to come back, and it is soon.",
        "f": "Reading the version changes nothing, however often it is done.",
    }
    for letter, reason in reasons.items():
        if (letter in given) != (letter in SAFE_TO_REPEAT):
            raise Wrong(f"Look at {letter} again. {reason}")
    return (
        "Safe and useful: those that change nothing, where the answer may differ soon."
    )


def check_parts(answer):
    brings, p = expect_parts(answer, 2, "Give two numbers: a part and a probability.")
    expect_number(
        brings,
        -0.125,
        {
            -0.25: "That is the part before the temperature divides it.",
            -0.5: "The temperature divides, and so does the number of parts.",
            -1: "That is its logit alone; it is one of four, and the temperature is 2.",
            0.125: "Its logit is negative, so it speaks against positive.",
        },
        digits=3,
        otherwise="Divide its own logit by the number of parts and by the temperature.",
    )
    expect_number(
        p,
        0.6224593,
        {
            0.7310586: "That is the sigmoid of 1, the mean before the temperature.",
            0.8807971: "That is the sigmoid of 2: the logits are averaged, not added.",
            0.5: "The logit is not 0: add the four parts.",
        },
        otherwise="The logit is the sum of the four parts; the sigmoid makes a "
        "probability of it.",
    )
    return "Parts add up to the logit 0.5; only the sigmoid at the end is not linear."


CELLS = {
    "=1+1": "'=1+1",
    "+49 30": "'+49 30",
    "-2+3": "'-2+3",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\r=1": "'\r=1",
    "A film = a film": "A film = a film",
    "good": "good",
    "": "",
    " spaced ": " spaced ",
    "'quoted'": "'quoted'",
}


def check_safe(safe):
    for cell, want in CELLS.items():
        got = safe(cell)
        if got is None:
            raise Wrong("Nothing was returned: is there a return statement?")
        if got == want:
            continue
        if want == cell:
            if cell == "":
                raise Wrong("The empty cell must stay empty.")
            raise Wrong(f"{cell!r} is harmless and must stay as it is, not {got!r}.")
        if got == cell:
            raise Wrong(
                f"{cell!r} passes unchanged, and a spreadsheet would calculate."
            )
        raise Wrong(f"{cell!r} should become {want!r}, not {got!r}: remove nothing.")
    return "An apostrophe, and the spreadsheet shows what it would have calculated."


FAULTS = {
    "A": "shared by all",
    "B": "lost at a rerun",
    "C": "read as markup",
    "D": "stale",
    "E": "sent again",
}


def check_faults(answer):
    expect_causes(
        answer,
        FAULTS,
        {
            "A": "How many lists are there, if the module is imported once?",
            "B": "Which value has the button in the run that the toggle causes?",
            "C": "Who chose the file's name, and what does st.success do with it?",
            "D": "What would make this function run a second time?",
            "E": "The box still holds its text when any other widget is touched.",
        },
        "faults",
    )
    return "Each of them works in a demo: one visitor, one click, friendly words."


def check_my_page(script):
    """Open the learner's page with AppTest and behave like a user."""
    from streamlit.testing.v1 import AppTest

    (script,) = expect_parts(script, 1, "Give the page as a text.")
    if not isinstance(script, str):
        raise Wrong(
            "Give the page as a text: my_page = '''import streamlit as st ...'''"
        )
    asked, trouble = [], []

    def ask(text):
        asked.append(text)
        if trouble:
            raise ConnectionError("refused")
        return 0.8125

    def shown(at):
        kinds = (
            "text",
            "markdown",
            "title",
            "header",
            "subheader",
            "metric",
            "caption",
        )
        return " ".join(str(one.value) for kind in kinds for one in at.get(kind))

    def answered(at):
        return bool(re.search(r"0?\.81|81", shown(at)))

    at = AppTest.from_string(script, default_timeout=20)
    at.session_state["ask"] = ask
    at.run()
    if at.exception:
        raise Wrong(f"The page fails when it is opened: {at.exception[0].message}")
    if not at.text_area or not at.button:
        raise Wrong("The page has no text area, or no button.")
    at.run()
    if asked:
        raise Wrong("It asks before anybody has pressed the button.")
    trouble.append(1)
    at.text_area[0].input("Fine film.")
    at.button[0].click().run()
    if at.exception:
        raise Wrong("When `ask` raises ConnectionError the user sees a traceback.")
    if not asked:
        raise Wrong("A click on the button does not ask.")
    if not (at.error or at.warning):
        raise Wrong(
            "After the error the page says nothing: use st.error or st.warning."
        )
    if not at.text_area or at.text_area[0].value != "Fine film.":
        raise Wrong("After the error the user's text is gone.")
    trouble.clear()
    asked.clear()
    at.run()
    if asked:
        raise Wrong("A run without a click asks: place the question under the button.")
    at.button[0].click().run()
    if asked != ["Fine film."]:
        raise Wrong(
            "The click after the error must ask once, with the text of the box."
        )
    if not answered(at):
        raise Wrong("The probability 0.8125 is not to be seen after the click.")
    at.run()
    if len(asked) > 1:
        raise Wrong("A run without a click asks: place the question under the button.")
    if not answered(at):
        raise Wrong("In the next run the answer is gone: keep it in st.session_state.")
    return "One question for one click, an answer that stays, and no text lost."


SOLUTION_PAGE = '''my_page = """
import streamlit as st

text = st.text_area("A review", key="text")
if st.button("Ask"):
    try:
        st.session_state["p"] = st.session_state["ask"](text)
    except ConnectionError:
        st.error("Not now. Your text is still there.")
if "p" in st.session_state:
    st.text(f"{st.session_state['p']:.4f}")
"""'''

EXERCISES = [
    Exercise(
        id="35.r1",
        title="What an overloaded service answers",
        name="overloaded",
        check=choice(
            "b",
            "And the client knows when to come back.",
            {
                "a": "500 says that the service is broken, not that it is busy.",
                "c": "Then all wait, the last ones in vain; Day 30 refuses in time.",
            },
        ),
        hints=("The client should learn two things: not now, and when.",),
        solution='overloaded = "b"',
        wrong=(
            WrongAnswer('overloaded = "a"', "broken"),
            WrongAnswer('overloaded = "c"', "in vain"),
        ),
    ),
    Exercise(
        id="35.r2",
        title="What a calibrated 0.6 says",
        name="six_tenths",
        check=choice(
            "b",
            "Which also means: if the page calls them positive, four in ten are wrong.",
            {
                "a": "Then 0.6 would be too modest, and the model not calibrated.",
                "c": "Accuracy is a mean over all texts; these are the hard ones.",
            },
        ),
        hints=("Calibrated: what is said and what happens agree.",),
        solution='six_tenths = "b"',
        wrong=(
            WrongAnswer('six_tenths = "a"', "too modest"),
            WrongAnswer('six_tenths = "c"', "mean over all"),
        ),
    ),
    Exercise(
        id="35.r3",
        title="A name for exactly one model",
        name="exactly_one",
        check=choice(
            "a",
            "Another byte in the model, another hash.",
            {
                "b": "Two models can be trained on one day.",
                "c": "That name moves from version to version.",
            },
        ),
        hints=("Which of the three changes whenever the model does, and never else?",),
        solution='exactly_one = "a"',
        wrong=(
            WrongAnswer('exactly_one = "b"', "on one day"),
            WrongAnswer('exactly_one = "c"', "moves"),
        ),
    ),
    Exercise(
        id="35.1",
        title="Variable and state, two sessions",
        name="total_shown",
        answer="(n_shown, total_shown)",
        check=check_memories,
        hints=(
            "Write down what one run does, from its first line to its last.",
            "The second page ran once when it was opened and once at the click.",
        ),
        solution="n_shown, total_shown = 1, 2",
        right=('n_shown, total_shown = "1", 2.0',),
        wrong=(
            WrongAnswer("n_shown, total_shown = 2, 2", "top of the script"),
            WrongAnswer("n_shown, total_shown = 1, 7", "one session"),
            WrongAnswer("n_shown, total_shown = 1, 1", "Opening the page"),
            WrongAnswer("n_shown, total_shown = 1, 5", "second session"),
            WrongAnswer("n_shown, total_shown = 0, 2", "which lines run"),
        ),
    ),
    Exercise(
        id="35.2",
        title="What may be asked again",
        name="may_ask_again",
        check=check_ask_again,
        hints=(
            "Ask twice of each: does a second one do harm? Can it help?",
            "Where the answer was lost on its way back, the deed may have been done.",
        ),
        solution='may_ask_again = {"a", "e", "f"}',
        right=('may_ask_again = "a, e, f"', 'may_ask_again = ["F", "a", "(e)"]'),
        wrong=(
            WrongAnswer('may_ask_again = {"a", "b", "e", "f"}', "adds to its load"),
            WrongAnswer('may_ask_again = {"a", "c", "e", "f"}', "two tickets"),
            WrongAnswer('may_ask_again = {"a", "d", "e", "f"}', "wrong in a second"),
            WrongAnswer('may_ask_again = {"a", "f"}', "when to come back"),
            WrongAnswer('may_ask_again = {"e", "f"}', "Nothing arrived"),
            WrongAnswer('may_ask_again = {"a", "e"}', "Reading the version"),
            WrongAnswer("may_ask_again = {'a', 'x'}", "letters"),
        ),
    ),
    Exercise(
        id="35.3",
        title="A logit taken apart",
        name="second_brings",
        answer="(second_brings, shown_probability)",
        check=check_parts,
        hints=(
            "Each token brings its own logit over n, divided by the temperature.",
            "The four logits have the mean 1; the temperature makes 0.5 of it.",
        ),
        solution="second_brings, shown_probability = -1 / 4 / 2, 1 / (1 + 2.718**-0.5)",
        right=("second_brings, shown_probability = -0.125, 0.62",),
        wrong=(
            WrongAnswer(
                "second_brings, shown_probability = -0.25, 0.62",
                "before the temperature",
            ),
            WrongAnswer("second_brings, shown_probability = -1, 0.62", "one of four"),
            WrongAnswer(
                "second_brings, shown_probability = -0.5, 0.62", "number of parts"
            ),
            WrongAnswer(
                "second_brings, shown_probability = -0.125, 0.731", "sigmoid of 1"
            ),
            WrongAnswer(
                "second_brings, shown_probability = -0.125, 0.881", "not added"
            ),
        ),
    ),
    Exercise(
        id="35.4",
        title="A cell that calculates nothing",
        name="safe",
        check=check_safe,
        hints=(
            "What counts is the first character only.",
            "`startswith` takes a tuple of beginnings; the empty cell has none.",
        ),
        solution="""
def safe(cell):
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\\t", "\\r")) else cell
""",
        right=(
            "def safe(cell):\n"
            "    return \"'\" + cell if cell and cell[0] in '=+-@\\t\\r' else cell",
        ),
        wrong=(
            WrongAnswer(
                "def safe(cell):\n"
                "    return \"'\" + cell if cell.startswith('=') else cell",
                "passes unchanged",
            ),
            WrongAnswer('def safe(cell):\n    return "\'" + cell', "must stay"),
            WrongAnswer(
                "def safe(cell):\n    return cell.lstrip('=+-@\\t\\r')",
                "remove nothing",
            ),
            WrongAnswer(
                "def safe(cell):\n"
                "    return \"'\" + cell if set(cell) & set('=+-@\\t') else cell",
                "harmless",
            ),
            WrongAnswer("def safe(cell):\n    pass", "return statement"),
        ),
    ),
    Exercise(
        id="35.5",
        title="Five faults of a page",
        name="fault_of",
        check=check_faults,
        hints=(
            "Imagine each piece with a second visitor, and with one more click.",
            "A button is true in one run; a text area is not.",
        ),
        solution=f"fault_of = {FAULTS!r}",
        wrong=(
            WrongAnswer(f"fault_of = {FAULTS | {'A': 'stale'}!r}", "imported once"),
            WrongAnswer(f"fault_of = {FAULTS | {'B': 'sent again'}!r}", "toggle"),
            WrongAnswer(f"fault_of = {FAULTS | {'C': 'stale'}!r}", "file's name"),
            WrongAnswer(
                f"fault_of = {FAULTS | {'D': 'shared by all'}!r}", "second time"
            ),
            WrongAnswer(
                f"fault_of = {FAULTS | {'E': 'lost at a rerun'}!r}", "still holds"
            ),
        ),
    ),
    Exercise(
        id="35.6",
        title="A page of your own",
        name="my_page",
        answer="(my_page,)",
        check=check_my_page,
        hints=(
            "Three parts: the text area, what happens under the button, and what is "
            "shown in every run.",
            "Under the button, inside try: keep what st.session_state['ask'](text) "
            "returns in the state.",
            "After it, outside of the button: if the state has a p, show it.",
        ),
        solution=SOLUTION_PAGE,
        wrong=(
            WrongAnswer(
                SOLUTION_PAGE.replace(
                    'if st.button("Ask"):', 'if st.button("Ask") or text:'
                ),
                "without a click asks",
            ),
            WrongAnswer(
                SOLUTION_PAGE.replace("except ConnectionError", "except ValueError"),
                "traceback",
            ),
            WrongAnswer(
                SOLUTION_PAGE.replace(
                    'st.error("Not now. Your text is still there.")',
                    "pass",
                ),
                "says nothing",
            ),
            WrongAnswer(
                'my_page = """\n'
                "import streamlit as st\n"
                "text = st.text_area('A review')\n"
                "if st.button('Ask'):\n"
                "    try:\n"
                "        st.text(st.session_state['ask'](text))\n"
                "    except ConnectionError:\n"
                "        st.error('Not now.')\n"
                '"""',
                "answer is gone",
            ),
            WrongAnswer("my_page = len", "as a text"),
            WrongAnswer('my_page = "import streamlit as st"', "no text area"),
        ),
    ),
]
