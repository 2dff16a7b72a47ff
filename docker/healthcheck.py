"""Does the service in this container live? Exit status 0 if it does, else 1.

It asks /health, which answers with or without a model: a restart does not bring one.
Only the standard library, so that a probe costs a fraction of a start.
"""

import http.client
import os
import sys


def lives() -> bool:
    """Ask 127.0.0.1 on the service's port, never through a proxy."""
    port = int(os.environ.get("UVICORN_PORT", "8000"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not lives())
