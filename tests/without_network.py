"""Run a command in a network namespace that leads nowhere; a program, not a test.

    unshare --net python tests/without_network.py COMMAND ...

Jupyter kernels talk over 127.0.0.1, so the loopback of the new namespace is brought
up first (with the system call itself: the `ip` tool is not everywhere). Then the
program proves that the network is cut, and becomes the command. It refuses to start
the command while any way out is left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that the standards reserve for examples: nobody is there to be reached,
but a machine with a network has a route towards them."""


def flags(name: str) -> int:
    """Return the flags of a network interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", name.encode(), 0)
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, request)
    return struct.unpack("16sh14x", answer)[1]


def loopback_up() -> None:
    """Switch the loopback interface on, and see that it carries a connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", flags("lo") | IFF_UP)
        fcntl.ioctl(control, SIOCSIFFLAGS, request)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def ways_out() -> list[str]:
    """Return what still leads out of this namespace; an empty list is the proof."""
    found = [
        f"the interface {name}"
        for _, name in socket.if_nameindex()
        if name != "lo" and flags(name) & IFF_UP
    ]
    for family, address in OUTSIDE:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.settimeout(5)
                client.connect((address, 443))
        except OSError as error:
            no_route = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
            if error.errno not in no_route:
                found.append(f"a route to {address} ({error})")
        else:
            found.append(f"a connection to {address}")
    try:
        socket.getaddrinfo("example.org", 443)
    except socket.gaierror:
        pass
    else:
        found.append("an answer from a name server")
    return found


def main() -> None:
    """Cut, prove, and become the command."""
    loopback_up()
    left = ways_out()
    if left:
        sys.exit(f"The network is not cut: there is {', '.join(left)}.")
    print("network: cut, only the loopback is left", flush=True)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
