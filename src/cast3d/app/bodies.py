"""Request bodies, read bit by bit within bounds of size and time."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from ..errors import InputError
from .guard import Refused

JSON_BYTES = 8 << 20  # eight painted hints are 350 kB
SILENCE = 20.0  # seconds without a byte, after which a sender is given up
SLOWEST = 32 << 10  # bytes a second, on the whole; the first seconds are free
FREE = 30.0


async def chunks(request: Request, most: int, silence: float = SILENCE) -> AsyncIterator[bytes]:
    """The body; raises Refused for what is too large, or too slow: each takes one of a few places."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > most:
        raise Refused(413, "limit", f"at most {most >> 20} MB are taken, this is {int(told) >> 20} MB")
    stream, got, began = request.stream().__aiter__(), 0, asyncio.get_running_loop().time()
    while True:
        try:
            chunk = await asyncio.wait_for(stream.__anext__(), silence)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refused(408, "limit", "the sender fell silent; send it again") from None
        except ClientDisconnect:
            raise Refused(400, "input", "the sender broke off") from None
        got += len(chunk)
        if got > most:
            raise Refused(413, "limit", f"at most {most >> 20} MB are taken")
        spent = asyncio.get_running_loop().time() - began - FREE
        if spent > 0 and got < spent * SLOWEST:
            raise Refused(408, "limit", "the sender is too slow; send it again")
        yield chunk


async def whole_body(request: Request, most: int = JSON_BYTES) -> bytes:
    return b"".join([chunk async for chunk in chunks(request, most)])


async def json_body(request: Request) -> Any:
    """The body as plain data; only with its type told, which a form of another site cannot tell."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(400, "input", "the body is JSON; say so with content-type: application/json")
    try:
        return json.loads(await whole_body(request), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the body is no JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise InputError(f"the body holds {name}, which is no JSON")


@asynccontextmanager
async def streamed(request: Request, folder: Path, most: int, silence: float = SILENCE) -> AsyncIterator[Path]:
    """The body as a file in `folder`, which is gone after the block, however it ends."""
    handle, name = tempfile.mkstemp(prefix=".part-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in chunks(request, most, silence):
                await asyncio.to_thread(file.write, chunk)
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)
