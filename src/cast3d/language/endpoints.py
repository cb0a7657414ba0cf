"""Vision-language models over HTTP: any OpenAI-compatible endpoint, or Gemini. Nothing but the standard library.

Only http and https addresses are called, redirects are not followed (they could carry the key elsewhere), and the key
comes from an environment variable and goes into a header, never into a file or a message.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import InputError

Content = str | bytes  # text, or a picture as PNG
TRIES, FIRST_WAIT, LONGEST_WAIT = 6, 1.0, 60.0  # seconds; each wait is twice the one before
TIMEOUT = 180.0
MAX_REPLY = 4 << 20  # bytes
ANY = "default"  # the name of the model where a server has just one
_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # what passes by itself


@dataclass(frozen=True)
class Reply:
    """What a model said, and how many tokens the provider counted (0 where it does not say)."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True)
class Endpoint:
    """A model at an address."""

    provider: str  # "openai" or "gemini"
    model: str
    url: str
    key: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)  # further entries of the request

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    def ask(
        self, system: str, contents: Sequence[Content], tries: int = TRIES, sleep: Callable[[float], None] = time.sleep
    ) -> Reply:
        """The model's answer. Raises InputError where the endpoint refuses or keeps failing."""
        form = PROVIDERS[self.provider]
        address, headers, body = form.request(self, system, contents)
        answer = post(address, headers, {**body, **self.extra}, tries, sleep)
        try:
            return form.reply(answer)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{self.url} answered in an unknown form: {json.dumps(answer)[:300]}") from error


class OpenAi:
    """POST /chat/completions, as OpenAI, vLLM, llama.cpp and many others have it."""

    url, key = "https://api.openai.com/v1", "OPENAI_API_KEY"

    @staticmethod
    def request(at: Endpoint, system: str, contents: Sequence[Content]) -> tuple[str, dict[str, str], dict[str, Any]]:
        parts = [
            {"type": "text", "text": one}
            if isinstance(one, str)
            else {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(one).decode()}"}}
            for one in contents
        ]
        messages = [{"role": "system", "content": system}, {"role": "user", "content": parts}]
        headers = {"Authorization": f"Bearer {at.key}"} if at.key else {}
        return f"{at.url}/chat/completions", headers, {"model": at.model, "messages": messages}

    @staticmethod
    def reply(answer: Any) -> Reply:
        usage = answer.get("usage") or {}
        text = answer["choices"][0]["message"]["content"] or ""
        return Reply(str(text), usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))


class Gemini:
    """POST /models/MODEL:generateContent."""

    url, key = "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"

    @staticmethod
    def request(at: Endpoint, system: str, contents: Sequence[Content]) -> tuple[str, dict[str, str], dict[str, Any]]:
        parts = [
            {"text": one}
            if isinstance(one, str)
            else {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(one).decode()}}
            for one in contents
        ]
        body = {"systemInstruction": {"parts": [{"text": system}]}, "contents": [{"role": "user", "parts": parts}]}
        headers = {"x-goog-api-key": at.key} if at.key else {}
        return f"{at.url}/models/{quote(at.model)}:generateContent", headers, body

    @staticmethod
    def reply(answer: Any) -> Reply:
        usage = answer.get("usageMetadata") or {}
        parts = answer["candidates"][0]["content"].get("parts", [])
        text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        spoken = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        return Reply(text, usage.get("promptTokenCount", 0), spoken)


PROVIDERS: dict[str, type[OpenAi] | type[Gemini]] = {"openai": OpenAi, "gemini": Gemini}


def address(name: str, url: str | None = None, extra: str = "") -> Endpoint:
    """`PROVIDER:MODEL` at the provider or another address, with JSON to add to requests, and without a key: enough to
    know which answers are there.
    """
    provider, model = split(name)
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        raise InputError(f"the address of a model begins with http:// or https://, not {url!r}")
    try:
        more = json.loads(extra) if extra else {}
    except ValueError as error:
        raise InputError(f"what is added to requests is JSON, not {extra!r}: {error}") from error
    if not isinstance(more, dict):
        raise InputError(f"what is added to requests is a JSON object, not {extra!r}")
    return Endpoint(provider, model, (url or PROVIDERS[provider].url).rstrip("/"), extra=more)


@dataclass(frozen=True)
class LanguageModel:
    """A model as one word: `openai:MODEL` or `gemini:MODEL` at the provider, or `URL#MODEL` at any OpenAI-compatible
    address; a URL alone leaves the model to the server. Its key is looked for when it is asked.
    """

    place: str
    key: str | None = None  # the environment variable with the key; None: the provider's own, for the provider only

    def __post_init__(self) -> None:
        name, url = self._parts
        try:
            address(name, url)
        except InputError as error:
            raise InputError(
                f"a language model is http://HOST/v1#MODEL, openai:MODEL or gemini:MODEL, not {self.place!r}"
            ) from error

    @property
    def endpoint(self) -> Endpoint:
        """With its key. Raises InputError where the variable is not set."""
        name, url = self._parts
        return endpoint(name, url, self.key)

    @property
    def identity(self) -> dict[str, str]:
        """Who answers, as plain data, and not whose key it is."""
        name, url = self._parts
        return {"name": name, "url": address(name, url).url}

    @property
    def _parts(self) -> tuple[str, str | None]:
        if not self.place.lower().startswith(("http://", "https://")):
            return self.place, None
        url, _, model = self.place.partition("#")
        return f"openai:{model.strip() or ANY}", url


def endpoint(name: str, url: str | None = None, key: str | None = None, extra: str = "") -> Endpoint:
    """The same with the key in the environment variable `key`, else with the provider's own."""
    found = address(name, url, extra)
    form = PROVIDERS[found.provider]
    if key and key not in os.environ:
        raise InputError(f"the environment variable {key} is not set; put the key of the endpoint into it")
    if not url and not os.environ.get(key or form.key):
        raise InputError(f"{form.url} wants a key; put it into the environment variable {form.key}")
    # The provider's own key goes to the provider only; another address gets the one that is named for it.
    return replace(found, key=os.environ[key] if key else "" if url else os.environ[form.key])


def split(name: str) -> tuple[str, str]:
    """Provider and model of `PROVIDER:MODEL`."""
    provider, _, model = name.partition(":")
    if provider not in PROVIDERS or not model or model != model.strip():
        raise InputError(f"a model is {' or '.join(f'{one}:MODEL' for one in PROVIDERS)}, not {name!r}")
    return provider, model


def post(
    url: str, headers: Mapping[str, str], body: Mapping[str, Any], tries: int, sleep: Callable[[float], None]
) -> Any:
    """The JSON that comes back; waits and asks again where the failure may pass by itself."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method="POST")
    for attempt in range(tries):
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read(MAX_REPLY))
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode("utf-8", "replace").strip()
            if error.code not in _AGAIN:
                raise InputError(f"{url} refused ({error.code} {error.reason}): {said[:500]}") from None
            reason, wanted = f"{error.code} {error.reason}: {said[:200]}", error.headers.get("Retry-After")
        except (OSError, http.client.HTTPException, ValueError) as error:  # no connection, time out, no JSON
            reason, wanted = str(getattr(error, "reason", error)), None
        if attempt + 1 < tries:
            sleep(wait_before(attempt, wanted))
    raise InputError(f"{url} failed {tries} times, the last time with: {reason}")


def wait_before(attempt: int, wanted: str | None) -> float:
    """Seconds to wait after failure number `attempt`: what the server wants, else twice as long each time."""
    if wanted and wanted.strip().isdecimal():
        return min(float(wanted), LONGEST_WAIT)
    return min(FIRST_WAIT * 2**attempt, LONGEST_WAIT) * random.uniform(0.75, 1.25)  # not all clients at once


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)
