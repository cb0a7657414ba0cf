"""Models that are sent: what is kept is what an edit can open."""

from __future__ import annotations

import struct

import pytest

from cast3d.errors import InputError
from cast3d.existing.limits import MAX_FACES
from cast3d.jobs.models import look_at


@pytest.mark.parametrize("more", [0, 1])
def test_as_many_triangles_are_kept_as_an_edit_opens(tmp_path, more):
    count = MAX_FACES + more
    with (tmp_path / "model.stl").open("wb") as file:
        file.write(bytes(80) + struct.pack("<I", count))
        file.truncate(84 + 50 * count)  # sparse
    if not more:
        assert look_at(tmp_path / "model.stl", ".stl").triangles == count
    else:
        with pytest.raises(InputError, match="at most 4,000,000 are read; make it smaller first"):
            look_at(tmp_path / "model.stl", ".stl")
