#!/bin/sh
# Print a Python that can run the course: the one named in PYTHON, else the first one
# of the list below that runs, has a fitting version and can make a virtual environment.
# python3 stands first: it is what the person, pyenv, conda or CI has chosen.
# pyenv and Windows put commands on the PATH that exist and do not run.

in_range='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

if [ -n "$PYTHON" ]; then
    if "$PYTHON" -c '' >/dev/null 2>&1; then
        printf '%s\n' "$PYTHON"
        exit 0
    fi
    echo "PYTHON is set to $PYTHON, which does not run: name a Python 3.11, 3.12 or" \
        "3.13, or leave it out." >&2
    exit 1
fi

for also in 'import ensurepip, venv' 'pass'; do
    for python in python3 python3.12 python3.11 python3.13 python py; do
        if "$python" -c "$also; $in_range" >/dev/null 2>&1; then
            printf '%s\n' "$python"
            exit 0
        fi
    done
done

# None fits: let the newest that runs say so, or say that there is none
for python in python3 python py; do
    if "$python" -c '' >/dev/null 2>&1; then
        printf '%s\n' "$python"
        exit 0
    fi
done
echo "No Python was found: install Python 3.12 (https://www.python.org/downloads/, or" \
    "your system's package manager) and call again." >&2
exit 1
