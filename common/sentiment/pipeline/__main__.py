"""`python -m common.sentiment.pipeline`: see `command`."""

import sys

from common.sentiment.pipeline.command import main

if __name__ == "__main__":
    sys.exit(main())
