"""The container of a GLB: what is joined comes apart again, and lengths that do not fit are told."""

from __future__ import annotations

import struct

import pytest

from cast3d.errors import InputError
from cast3d.meshes.chunks import head_of, joined, parted


@pytest.mark.parametrize("binary", [None, b"", b"12345"])
def test_chunks_come_back_padded_to_four_bytes(tmp_path, binary):
    data = joined(b"{} ", binary)
    head, back = parted(data)
    assert head == b"{}  " and back == (None if binary is None else binary + bytes(-len(binary) % 4))
    assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data)) and len(data) % 4 == 0
    (tmp_path / "x.glb").write_bytes(data)
    assert head_of(tmp_path / "x.glb") == head


def test_chunks_of_other_kinds_are_passed_over():
    other = struct.pack("<II", 4, 7) + b"else"
    data = joined(b"{}", b"1234") + other
    data = data[:8] + struct.pack("<I", len(data)) + data[12:]
    assert parted(data) == (b"{}  ", b"1234")


WHOLE = joined(b"{}", b"1234")
BROKEN = {
    "its header is not whole": b"glTF",
    "this is no GLB": b"FTlg" + WHOLE[4:],
    "of version 1": WHOLE[:4] + struct.pack("<I", 1) + WHOLE[8:],
    "a JSON chunk": WHOLE[:16] + struct.pack("<I", 7) + WHOLE[20:],
    "JSON chunk|chunk's length": WHOLE[:12] + struct.pack("<I", 2**31) + WHOLE[16:],
}


@pytest.mark.parametrize("says, data", BROKEN.items())
def test_what_is_no_glb_is_told(tmp_path, says, data):
    with pytest.raises(InputError, match=says.replace("a JSON", "no JSON")):
        parted(data)
    (tmp_path / "x.glb").write_bytes(data)
    with pytest.raises(InputError, match=says):
        head_of(tmp_path / "x.glb")


def test_a_glb_that_was_cut_short_is_told():
    with pytest.raises(InputError, match="cut short: 36 bytes are announced, 35 are there"):
        parted(WHOLE[:-1])
