"""LDraw colour codes as sRGB and as the words people use for them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cast3d.errors import InputError

RGB = tuple[int, int, int]

SKINS = (14, 78, 92, 84, 70)  # the tones a standard head comes in
SKIN_WEIGHTS = (0.4, 0.2, 0.14, 0.14, 0.12)
_SHORTER = {  # at most two words each
    "transparent neon orange": "neon orange",
    "transparent neon yellow": "neon yellow",
    "transparent light blue": "clear blue",
    "transparent pale blue": "pale blue",
    "dark metal grey": "metal grey",
}
_DIRECT = 0x2000000  # direct colours are 0x2RRGGBB


@dataclass(frozen=True)
class Colors:
    """`colors.csv`: code -> sRGB in 0..255, and code -> one or two plain words."""

    srgb: Mapping[int, RGB]
    words: Mapping[int, str]

    def rgb(self, code: int) -> RGB:
        """sRGB of a colour code or of a direct colour."""
        if code >= _DIRECT:
            return (code >> 16) & 255, (code >> 8) & 255, code & 255
        if code not in self.srgb:
            raise InputError(f"colour code {code} is not in the colour table; add it to colors.csv")
        return self.srgb[code]

    def word(self, code: int) -> str:
        """The colour's word; an unnamed colour takes the word of the closest named one (distance in sRGB)."""
        if code in self.words:
            return self.words[code]
        target = self.rgb(code)
        return self.words[min(self.words, key=lambda c: sum((a - b) ** 2 for a, b in zip(self.srgb[c], target)))]


def load(path: str | Path) -> Colors:
    """Reads the columns code, hex and word (empty: no word of its own)."""
    srgb, words = {}, {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            code, value = int(row["code"]), int(row["hex"].lstrip("#"), 16)
            srgb[code] = (value >> 16, (value >> 8) & 255, value & 255)
            if row["word"]:
                words[code] = _SHORTER.get(row["word"], row["word"])
    return Colors(srgb, words)
