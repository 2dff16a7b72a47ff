#!/bin/sh
# Print a Python that can run the course: the one named in PYTHON, else the first one
# of the list below that runs and has a fitting version; one that can make a virtual
# environment by itself goes before one that cannot. python3 stands first: it is what
# the person, pyenv, conda or CI has chosen. pyenv and Windows put commands on the
# path that exist and do not run.

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
if [ -n "$PYTHON" ]; then
    set -- "$PYTHON"
else
    set -- python3 python3.13 python3.12 python3.11 python py
fi
for also in 'import ensurepip, venv' 'pass'; do
    for python; do
        if "$python" -c "$also; $fits" >/dev/null 2>&1; then
            printf '%s\n' "$python"
            exit 0
        fi
    done
done
for python; do
    if found=$("$python" -V 2>&1); then
        break
    fi
    found="no Python that runs"
done
echo "The course needs Python 3.11, 3.12 or 3.13, and there is $found${PYTHON:+ at $PYTHON}:" \
    "install one of the three (python.org/downloads, or your system's packages), or" \
    "name it, as in \`make lab PYTHON=/path/to/python3.12\`." >&2
exit 1
