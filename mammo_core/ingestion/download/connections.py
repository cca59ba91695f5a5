"""Opens an address by HTTP: which addresses are followed, and what an answer that is none says."""

from __future__ import annotations

import ipaddress
import socket
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Any

import mammo_core
from mammo_core.errors import IngestionError

TIMEOUT_SECONDS = 20.0  # to connect, and between two pieces of an answer
_MAX_REDIRECTS = 5
_SCHEMES = ("https", "http")


def check_address(url: str) -> None:
    """Raises IngestionError unless the address is one that is followed: http or https, with a host."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise IngestionError(
            f"Expected an address that begins with https:// or http://; got {url[:200]!r}. Give one of these, "
            "or the path of a ZIP file or folder on this computer."
        )


def shown_address(url: str) -> str:
    """Removes what may be secret from an address: name, password and query.

    Example:
        >>> shown_address("https://ana:pass@example.org/a.zip?token=1")
        'https://example.org/a.zip'
    """
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_address(url: str, headers: dict[str, str]) -> HTTPResponse:
    """Asks for an address and follows redirects.

    Raises:
        IngestionError: If it may not be followed.
        OSError: If there is no answer, or one with an error status (urllib.error.HTTPError).
    """
    check_address(url)
    fixed = {
        "User-Agent": f"mammo-privacy-explorer/{mammo_core.__version__}",
        "Accept-Encoding": "identity",  # ranges count the bytes as they are
    }
    opener = urllib.request.build_opener(_CarefulRedirects())
    return opener.open(
        urllib.request.Request(url, headers=fixed | headers), timeout=TIMEOUT_SECONDS
    )


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, never to less protection, another kind of address, or into a private network."""

    max_redirections = max_repeats = _MAX_REDIRECTS

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
    ) -> Any:
        """Looks at where a redirect leads, and how many there were, before it is followed."""
        try:
            target = urllib.parse.urljoin(req.full_url, headers.get("Location", ""))
            check_redirect(req.full_url, target)
            if sum(getattr(req, "redirect_dict", {}).values()) >= _MAX_REDIRECTS:
                raise IngestionError(
                    f"Expected at most {_MAX_REDIRECTS} redirects; {req.full_url[:200]} sends on and on. "
                    "Check the address in a browser."
                )
        except IngestionError:
            fp.close()
            raise
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def check_redirect(old: str, new: str) -> None:
    """Raises IngestionError if a server sends us where we do not go."""
    check_address(new)
    before, after = urllib.parse.urlsplit(old), urllib.parse.urlsplit(new)
    if before.scheme == "https" and after.scheme == "http":
        raise IngestionError(
            f"Expected a redirect to https; {before.hostname} sends to {new[:200]}, which anyone on the way can "
            "change. Give that address yourself if you trust it."
        )
    if is_private(after.hostname) and not is_private(before.hostname):
        raise IngestionError(
            f"Expected a redirect to a public host; {before.hostname} sends to {after.hostname}, which is inside "
            "a private network. Give that address yourself if you mean it."
        )


def is_private(host: str | None) -> bool:
    """Checks whether a name leads to this computer or a private network."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False  # it cannot be reached either
    return any(not ipaddress.ip_address(address.split("%")[0]).is_global for address in found)
