"""Decides who may reach the app: this computer only, or others with a password or behind a proxy that asks for one.

A server that listens to the network shows patients' images to whoever finds it. It must therefore be told who
checks visitors. Only HTTPS, which a reverse proxy adds, keeps the password from being read on the way.
"""

from __future__ import annotations

import codecs
import hashlib
import hmac
import ipaddress
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mammo_core.errors import InvalidRequestError

PASSWORD, PASSWORD_FILE, PROXY_NOTE = "MAMMO_PASSWORD", "MAMMO_PASSWORD_FILE", "MAMMO_BEHIND_PROXY"
MIN_PASSWORD_LENGTH = 12
_MAX_FAILURES, _WINDOW_SECONDS = 5, 60.0


@dataclass(frozen=True)
class Access:
    """Holds who is let in.

    Attributes:
        is_local: Whether only this computer can connect.
        password: What visitors must give; None if they need none.
        proxy_note: Who checks visitors, as the operator said; empty if nobody was named.
    """

    is_local: bool
    password: str | None = field(repr=False)
    proxy_note: str

    @property
    def summary(self) -> str:
        """Returns a sentence for the operator."""
        if self.password is not None:
            reach = "this computer" if self.is_local else "other computers"
            return (
                f"Reachable from {reach}, with the password. Passwords and images travel in clear unless a "
                "reverse proxy adds HTTPS."
            )
        if self.is_local:
            return "Reachable from this computer only, by all of its users."
        return f"Reachable from other computers without a password, because: {self.proxy_note}."


def access_to(address: str | None, environment: Mapping[str, str] | None = None) -> Access:
    """Returns whom the server's address and the environment let in.

    Args:
        address: What the server listens on; None or empty means every network.
        environment: By default this process'.

    Raises:
        InvalidRequestError: If others could connect and neither a password nor a proxy is named, or the
            password is too short or cannot be read.
    """
    environment = os.environ if environment is None else environment
    password = _password(environment)
    note = environment.get(PROXY_NOTE, "").strip()
    is_local = is_this_computer(address)
    if not is_local and password is None and not note:
        raise InvalidRequestError(
            f"Expected a password or a proxy before others may connect; the server is to listen on "
            f"{address or 'every network'}, and none is named. Set {PASSWORD_FILE} to a file with a password "
            f"of {MIN_PASSWORD_LENGTH} characters or more; or set {PROXY_NOTE} to a note of who checks visitors "
            "(for example 'nginx, hospital sign-on'); or listen on 127.0.0.1."
        )
    return Access(is_local=is_local, password=password, proxy_note=note)


def is_this_computer(address: str | None) -> bool:
    """Returns whether only this computer can connect to an address.

    Example:
        >>> [
        ...     is_this_computer(text)
        ...     for text in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None)
        ... ]
        [True, True, True, False, False, False]
    """
    if not address:
        return False
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _password(environment: Mapping[str, str]) -> str | None:
    source, password = PASSWORD, environment.get(PASSWORD)
    if path := environment.get(PASSWORD_FILE):
        source = path
        try:
            password = _decoded(Path(path).read_bytes()).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequestError(
                f"Expected a file with the password at {path}; got {error}. Set {PASSWORD_FILE} to a text "
                "file that this process can read."
            ) from error
    if password is None:
        return None
    if len(password) < MIN_PASSWORD_LENGTH:
        raise InvalidRequestError(
            f"Expected a password of {MIN_PASSWORD_LENGTH} characters or more in {source}; got "
            f"{len(password)}. Use a longer one."
        )
    return password


def _decoded(content: bytes) -> str:
    """Reads a text file as editors write it: UTF-8 with or without a byte order mark, or UTF-16 with one."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


class PasswordCheck:
    """Compares passwords, and refuses all for a minute after too many wrong ones.

    Wrong passwords of all visitors count together. So nobody can guess on from another address, but a guesser
    can lock others out for a minute.
    """

    def __init__(self, password: str, now: Callable[[], float] = time.monotonic) -> None:
        self._digest = _digest(password)
        self._now = now
        self._failures: deque[float] = deque(maxlen=_MAX_FAILURES)
        self._lock = threading.Lock()

    def accepts(self, password: str) -> bool:
        """Returns whether it is the password.

        Raises:
            InvalidRequestError: If there were too many wrong ones within a minute.
        """
        with self._lock:
            wait = self._seconds_to_wait()
            if wait > 0:
                raise InvalidRequestError(
                    f"Expected fewer wrong passwords; got {_MAX_FAILURES} within a minute. Try again in "
                    f"{wait:.0f} s."
                )
            is_right = hmac.compare_digest(_digest(password), self._digest)
            if not is_right:
                self._failures.append(self._now())
            return is_right

    def _seconds_to_wait(self) -> float:
        if len(self._failures) < _MAX_FAILURES:
            return 0.0
        return self._failures[0] + _WINDOW_SECONDS - self._now()


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()
