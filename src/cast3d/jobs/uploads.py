"""Pictures and models that were given, each looked at before it is kept.

uploads/ID/
  upload.json   what is told of it
  file.png      as it came; its name from outside is only told
  cutout.png    a picture without its background, RGBA; a person may replace it
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..files import atomic_file, atomic_folder, atomic_write, printable
from ..pictures.checks import slab_risk
from ..pictures.cutout import AUTO, cut_out
from ..pictures.opening import Picture, open_picture
from .job import new_id, require_id
from .models import SUFFIXES, look_at
from .refusals import LimitReached, NotFound
from .workspace import link, size_of

FILE, CUTOUT = "upload.json", "cutout.png"
LARGEST = {"picture": 64 << 20, "model": 512 << 20}  # bytes
MOST = 5000


@dataclass(frozen=True)
class Upload:
    """`risk` is 0 where the cut-out is sure, 1 where there is none."""

    id: str
    kind: str  # "picture" or "model"
    name: str
    suffix: str
    bytes: int
    width: int | None = None
    height: int | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    risk: float | None = None
    cutout: bool = False
    corrected: bool = False  # a person drew the cut-out
    nodes: list[str] = field(default_factory=list)
    triangles: int | None = None
    prompt: str = ""  # that a model was made from


def kind_of(name: str) -> str:
    """What a file of that name is taken for."""
    return "model" if name.lower().endswith(SUFFIXES) else "picture"


class Uploads:
    """Those of a workspace. `room()` raises where no more is taken; `grew(bytes)` hears of what comes and goes."""

    def __init__(
        self, folder: Path, room: Callable[[], Any] = lambda: None, grew: Callable[[int], Any] = lambda count: None
    ):
        self.folder, self.room, self.grew = folder, room, grew
        grew(size_of([folder]))

    def add(self, file: Path, name: str) -> Upload:
        """Keeps a file that is there already, after a look at it; raises InputError for what cannot be used."""
        self.require_room()
        name = _shown(name)
        if kind_of(name) == "model":
            suffix = Path(name).suffix.lower()
            facts = look_at(file, suffix)
            told = Upload(
                new_id(), "model", name, suffix, file.stat().st_size, nodes=facts.nodes, triangles=facts.triangles,
                prompt=facts.prompt,
            )  # fmt: skip
            return self._keep(told, file, None)
        try:
            picture = open_picture(file.read_bytes())
        except InputError as error:
            raise InputError(f"{name}: {str(error).removeprefix('the given bytes: ')}") from error
        cut, warnings = _without_background(picture)
        told = Upload(
            new_id(), "picture", name, picture.suffix, len(picture.data), picture.rgba.width, picture.rgba.height,
            [*(cut or picture).warnings, *warnings], list((cut or picture).notes), _risk(cut), cut is not None,
        )  # fmt: skip
        return self._keep(told, file, cut)

    def require_room(self) -> None:
        """Raises LimitReached where no further upload is taken."""
        self.room()
        if sum(1 for _ in self.folder.iterdir()) >= MOST:
            raise LimitReached(f"{MOST} uploads are kept already; delete jobs and uploads that are not needed")

    def get(self, id: str) -> Upload:
        """Raises NotFound, InputError for what is no id."""
        try:
            content = json.loads((self.folder / require_id(id) / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(f"there is no upload {id!r}") from None
        return Upload(**content)

    def file(self, upload: Upload) -> Path:
        return self.folder / upload.id / f"file{upload.suffix}"

    def cutout(self, upload: Upload) -> Path:
        """Raises NotFound where the picture could not be cut out, and nobody has done it by hand."""
        if not upload.cutout:
            raise NotFound(f"there is no cut-out of {upload.name!r}")
        return self.folder / upload.id / CUTOUT

    def used(self, upload: Upload) -> Path:
        """What a job takes: the cut-out if a person drew it, else the file as it came."""
        return self.cutout(upload) if upload.corrected else self.file(upload)

    def correct(self, upload: Upload, png: bytes) -> Upload:
        """A person's cut-out: a PNG with transparency, of the size of the present one (else of the picture)."""
        if upload.kind != "picture":
            raise InputError("only pictures are cut out")
        try:
            with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
                size, mode = image.size, image.mode
        except Exception as error:
            raise InputError("the cut-out is no PNG") from error
        wanted = (upload.width, upload.height)
        if upload.cutout:
            with Image.open(self.cutout(upload)) as present:
                wanted = present.size
        if size != wanted or mode != "RGBA":
            raise InputError(f"the cut-out is RGBA of {wanted[0]} x {wanted[1]} pixels, not {mode} of {size}")
        picture = open_picture(png)
        if not picture.has_alpha:
            raise InputError("the cut-out has no transparent pixel; everything would be the object")
        cut = cut_out(picture, AUTO)  # raises where nothing is left, and says what is odd about it
        with atomic_file(self.folder / upload.id / CUTOUT) as path:
            path.write_bytes(png)
        corrected = replace(
            upload, cutout=True, corrected=True, risk=0.0, warnings=list(cut.warnings), notes=list(cut.notes)
        )
        atomic_write(self.folder / upload.id / FILE, _text(corrected))
        return corrected

    def delete(self, id: str) -> None:
        """Jobs have their own links to the files, and keep them. Raises NotFound."""
        folder = self.folder / self.get(id).id
        size = size_of([folder])
        shutil.rmtree(folder, ignore_errors=True)
        self.grew(-size)

    def _keep(self, upload: Upload, file: Path, cut: Picture | None) -> Upload:
        with atomic_folder(self.folder / upload.id) as folder:
            link(file, folder / f"file{upload.suffix}")
            if cut is not None:
                cut.rgba.save(folder / CUTOUT)
            (folder / FILE).write_text(_text(upload), encoding="utf-8")
        self.grew(size_of([self.folder / upload.id]))
        return upload


def _without_background(picture: Picture) -> tuple[Picture | None, list[str]]:
    try:
        return cut_out(picture, AUTO), []
    except InputError as error:
        return None, [str(error)]


def _risk(cut: Picture | None) -> float:
    if cut is None:
        return 1.0
    return round(max(1 - cut.confidence, slab_risk(cut.rgba)), 3)


def _shown(name: str) -> str:
    """A file's name without its folders, for people."""
    plain = printable(name).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in plain if c.isprintable())[:120] or "file"


def _text(upload: Upload) -> str:
    return json.dumps(asdict(upload), ensure_ascii=False, indent=1)
