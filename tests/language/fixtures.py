"""Models over HTTP as tests meet them: a stub that answers what the test's module calls GOOD, and its endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cast3d.language.endpoints import Endpoint
from tests.language.stub import StubServer, serving

both = pytest.mark.parametrize("server", ["openai", "gemini"], indirect=True)


@pytest.fixture
def server(request) -> Iterator[StubServer]:
    with serving(getattr(request, "param", "openai"), request.module.GOOD) as stub:
        yield stub


@pytest.fixture
def at(server) -> Endpoint:
    return Endpoint(server.form, "judge-1", server.url, "secret", {"seed": 7})
