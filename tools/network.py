"""Offline, held at the socket: this process reaches loopback and the hosts that were named, and nothing else.

An audit hook of the interpreter sees every connection that Python code opens, whichever library asks for it.
"""

import ipaddress
import socket
import sys
from collections.abc import Iterable
from typing import Any

_LOOPBACK = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_WATCHED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RESOLVING = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})


class OfflineError(OSError):
    """Something asked for the network although the settings say offline."""


class _Guard:
    """What may be reached; None while nothing is forbidden."""

    allowed: frozenset[str] | None = None
    installed = False


def forbid_network(allowed: Iterable[str] = ()) -> None:
    """From here on raise OfflineError for connections to any host but loopback and `allowed` names or addresses."""
    _Guard.allowed = frozenset(host.lower() for host in allowed if host)
    if not _Guard.installed:
        sys.addaudithook(_look)
        _Guard.installed = True


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine."""
    host = host.strip("[]").lower()
    if host in _LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _look(event: str, args: tuple[Any, ...]) -> None:
    if _Guard.allowed is None:
        return
    if event in _RESOLVING:
        host = args[0]
        name = host.decode() if isinstance(host, bytes) else host
        if name and not _may(str(name)):
            raise _refused(str(name))
    elif event in _WATCHED:
        address = args[1]
        if isinstance(address, tuple) and not _may_connect(str(address[0])):  # others are Unix sockets, or connected
            raise _refused(str(address[0]))


def _may(host: str) -> bool:
    return is_loopback(host) or host.lower() in (_Guard.allowed or ()) or _is_wildcard(host)


def _may_connect(host: str) -> bool:
    return _may(host) or host in _addresses()


def _addresses() -> set[str]:
    """What the allowed names stand for now."""
    found: set[str] = set()
    for name in _Guard.allowed or ():
        try:
            found |= {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
        except OSError:
            continue
    return found


def _is_wildcard(host: str) -> bool:
    """Addresses to listen on; asking what they are reaches nobody."""
    return host in ("", "0.0.0.0", "::")


def _refused(host: str) -> OfflineError:
    return OfflineError(
        f"The settings say offline, so {host} is not reached; only this machine and the hosts in offline_hosts are."
    )
