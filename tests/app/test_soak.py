"""The soak of `benchmarks/soak.py`, for seconds."""

from __future__ import annotations

from benchmarks.soak import soak
from tests.jobs.tiny import Tiny


def test_no_job_is_lost_under_random_load(tmp_path):
    facts = soak(6, Tiny(), tmp_path / "workspace", clients=3, deadly=2.5)
    assert facts["wrong"] == [] and facts["calls"] > 20
