"""Who may come in: everybody on this machine by default, and only holders of a token from anywhere else.

On this machine the name in the address must be this machine's, and requests that other pages make are refused, so that
no page a visitor happens to have open can reach the rooms.
"""

from __future__ import annotations

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "motionlaw_token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and pictures that came as data."""


def is_this_machine(host: str) -> bool:
    """Whether an address reaches this machine only.

    Example:
        >>> is_this_machine("127.0.0.1"), is_this_machine("localhost"), is_this_machine("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Lets requests in or says why not; adds the page's policy to every answer.

    Args:
        app: What lies behind.
        token: What a request must bring, as ``Authorization: Bearer``, a cookie, or once as ``?token=``; ``None`` where
            only this machine can connect.
    """

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._refused(scope, headers)
        if answer is not None:
            await answer(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                listed = message.setdefault("headers", [])
                assert isinstance(listed, list)
                if not any(name.lower() == b"content-security-policy" for name, _ in listed):
                    listed.append((b"content-security-policy", POLICY.encode()))
                listed += [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
            await send(message)

        await self.app(scope, receive, with_policy)

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self.token is None and not is_this_machine(name):
            return PlainTextResponse(f"This server answers to localhost, not to {name[:80]!r}.\n", 421)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("Requests from other pages are refused.\n", 403)
        if self.token is None:
            return None
        given = QueryParams(scope["query_string"]).get("token")
        if given is not None and secrets.compare_digest(given.encode(), self.token.encode()):
            answer = RedirectResponse(scope["path"], 303)
            answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
            return answer
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        if any(
            secrets.compare_digest(text.encode(), self.token.encode()) for text in (bearer, cookies.get(COOKIE, ""))
        ):
            return None
        return PlainTextResponse("A token is needed: open the address that the server printed.\n", 401)
