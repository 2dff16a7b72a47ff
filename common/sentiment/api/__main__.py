"""Start the service: `python -m common.sentiment.api --port 8000 --workers 2`.

It takes uvicorn's options and sets three of them before: the parser that reads in
bounded memory, no WebSockets, and no access log, as the service writes its own.
"""

import sys

import uvicorn

OPTIONS = (
    "common.sentiment.api:create_app",
    "--factory",
    "--http=common.sentiment.api.protocol:BoundedHttp",
    "--ws=none",
    "--no-access-log",
)

if __name__ == "__main__":
    uvicorn.main([*OPTIONS, *sys.argv[1:]], prog_name="python -m common.sentiment.api")
