"""Requests to an OpenAI-compatible server: retries with jitter, time limits, streams of events, refusals in words."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from motionlaw.tools.errors import UserError

CONNECT_S = 5.0
TRIES = 4
# Seconds before the second try; doubled each time, and drawn from half to all of it so that clients do not march.
FIRST_PAUSE_S = 0.5
PASSING = (429, 500, 502, 503, 504)
REMEDY = "Start it, or use --model none."


class Refused(Exception):
    """The server turned a request down: its status and its words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Connection:
    """Requests to one server.

    Args:
        url: Its address; ``/v1`` is added where there is no path.
        first_pause_s: Seconds before a request that failed in passing is tried again.
    """

    def __init__(self, url: str, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        try:
            parsed = httpx.URL(url)
            self.url = str(parsed.copy_with(path="/v1") if parsed.path in ("", "/") else parsed).rstrip("/")
        except httpx.InvalidURL as error:
            raise UserError(
                f"model must be a server's address such as http://localhost:8000/v1, got {url!r} ({error})."
            ) from None
        key = os.environ.get("OPENAI_API_KEY")
        self._client = httpx.Client(headers={"Authorization": f"Bearer {key}"} if key else {})
        self._first_pause_s = first_pause_s

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def answer(self, method: str, path: str, body: Mapping[str, Any] | None, *, timeout_s: float) -> dict[str, Any]:
        """Returns the JSON object that the server answers with.

        Raises:
            Refused: The server turned the request down.
            UserError: It cannot be reached, takes too long, or answers with something else.
        """
        deadline = time.monotonic() + timeout_s
        with self._opened(method, path, body, deadline) as response:
            data = b"".join(self._pieces(response.iter_bytes(), deadline, timeout_s))
        return self._object(data, "answered")

    def events(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> Iterator[dict[str, Any]]:
        """Yields the JSON objects of a streamed answer, as `answer` otherwise."""
        deadline = time.monotonic() + timeout_s
        with self._opened("POST", path, body, deadline) as response:
            for line in self._pieces(response.iter_lines(), deadline, timeout_s):
                if line.startswith("data:") and line[5:].strip() != "[DONE]":
                    event = self._object(line[5:], "streamed")
                    if event.get("error"):
                        raise UserError(f"{self.url} broke off in mid-answer: {str(event['error'])[:200]}.")
                    yield event

    def _object(self, text: str | bytes, did: str) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise UserError(f"{self.url} {did} something that is no JSON object: {text[:80]!r}.")
        return value

    def _pieces(self, pieces: Iterator[Any], deadline: float, timeout_s: float) -> Iterator[Any]:
        try:
            for piece in pieces:
                yield piece
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("")
        except httpx.TimeoutException:
            raise UserError(
                f"{self.url} did not answer within {timeout_s:g} s. Ask for less, or wait longer."
            ) from None
        except httpx.HTTPError as error:
            raise UserError(f"{self.url} broke off in mid-answer ({type(error).__name__}). Ask again.") from None

    @contextmanager
    def _opened(
        self, method: str, path: str, body: Mapping[str, Any] | None, deadline: float
    ) -> Iterator[httpx.Response]:
        """Sends a request, again where it failed in passing, until the server answers or refuses."""
        pause_s = self._first_pause_s
        for number in range(1, TRIES + 1):
            left_s = max(deadline - time.monotonic(), 0.05)
            timeout = httpx.Timeout(left_s, connect=min(CONNECT_S, left_s))
            try:
                request = self._client.build_request(method, self.url + path, json=body, timeout=timeout)
                response = self._client.send(request, stream=True)
                break_off: Refused | UserError | None = self._refusal(response)
            except httpx.ReadTimeout:
                raise UserError(f"{self.url} did not answer in time. Ask for less, or wait longer.") from None
            except (httpx.TransportError, httpx.InvalidURL) as error:
                break_off = UserError(f"No model server answers at {self.url} ({_reason(error)}). {REMEDY}")
            if break_off is None:
                try:
                    yield response
                finally:
                    response.close()
                return
            is_passing = not isinstance(break_off, Refused) or break_off.status in PASSING
            wait_s = pause_s * random.uniform(0.5, 1.0)
            if not is_passing or number == TRIES or time.monotonic() + wait_s > deadline:
                raise break_off
            time.sleep(wait_s)
            pause_s *= 2

    @staticmethod
    def _refusal(response: httpx.Response) -> Refused | None:
        if response.is_success:
            return None
        try:
            response.read()
            said = response.json()
        except (httpx.HTTPError, ValueError):
            said = response.text if response.is_closed else ""
        finally:
            response.close()
        error = said.get("error", said) if isinstance(said, dict) else said
        words = error.get("message", error) if isinstance(error, dict) else error
        return Refused(response.status_code, str(words).strip())


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
