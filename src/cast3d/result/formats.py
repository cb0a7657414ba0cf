"""Files for other programs: STL and 3MF for printers, OBJ and GLB for modellers, in real units and with closed solids.

All four are placed alike: a `Placement` scales, sets down and centres what the files hold in the end. STL and 3MF are
in millimetres with z up and the front towards -y. OBJ (millimetres) and GLB (metres) have y up and the front towards
+z. Equal input gives equal bytes, and each file appears whole or not at all.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError, nearest
from ..existing.views import together
from ..files import atomic_write
from ..meshes.conventions import to_gltf_axes
from ..meshes.facts import facts
from ..meshes.glb import write_glb
from ..meshes.mesh import Mesh
from ..meshes.surface import simplify, vertex_normals
from ..meshes.texture import Textured
from ..meshes.union import OpenSolid, united
from ..scene import unique_slugs
from ..version import __version__

Parts = Mapping[str, Mesh | Textured]

FORMATS = ("stl", "3mf", "obj", "glb")
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}  # millimetres
ORIGINS = ("center", "corner", "scene")
HEIGHT = 100.0  # millimetres, unless another height is asked for
SMALLEST, LARGEST = 0.1, 100_000.0  # millimetres of height


@dataclass(frozen=True)
class Placement:
    """World units to millimetres: scale first, then shift; z stays up."""

    scale: float
    shift: tuple[float, float, float]

    def __call__(self, mesh: Mesh) -> Mesh:
        shift = torch.tensor(self.shift, dtype=torch.float64)
        return replace(mesh, vertices=(mesh.vertices.double() * self.scale + shift).float())


def placement(parts: Parts, height: float = HEIGHT, ground: bool = True, origin: str = "center") -> Placement:
    """Makes the whole `height` millimetres tall.

    With `ground` its lowest point is at 0. `origin` "center" puts the middle of its outline, seen from above, at 0;
    "corner" makes all coordinates positive, as printers count; "scene" keeps the middle of the cube that the object was
    made in at 0, so that files of several runs fit together if their heights are told alike.
    """
    _require_placing(height, origin)
    points = torch.cat([_mesh_of(part).vertices for part in parts.values()]).double()
    low, high = points.amin(0), points.amax(0)
    scale = height / max(float(high[2] - low[2]), 1e-9)
    shift = torch.zeros(3, dtype=torch.float64)
    if origin != "scene":
        shift[:2] = -scale * ((low + high) / 2 if origin == "center" else low)[:2]
    if ground or origin == "corner":
        shift[2] = -scale * low[2]
    return Placement(scale, tuple(shift.tolist()))


def _require_placing(height: float, origin: str) -> None:
    if origin not in ORIGINS:
        raise InputError(f"the origin is {', '.join(ORIGINS[:-1])} or {ORIGINS[-1]}, not {origin!r}")
    if not SMALLEST <= height <= LARGEST:
        raise InputError(f"the height is {height:g} mm; it must lie between {SMALLEST:g} mm and {LARGEST / 1000:g} m")


def length(text: str) -> float:
    """ "80mm", "8 cm", "0.08m", "3in" or a bare number of millimetres -> millimetres."""
    found = re.fullmatch(r"\s*([0-9]*[.,]?[0-9]+)\s*([a-zA-Z]*)\s*", text)
    unit = (found[2] or "mm").lower() if found else ""
    if not found or unit not in UNITS:
        known = ", ".join(UNITS)
        raise InputError(f"{text!r} is no length; give a number and one of {known}, such as 80mm{nearest(unit, UNITS)}")
    return float(found[1].replace(",", ".")) * UNITS[unit]


def read_formats(text: str) -> list[str]:
    """ "stl,3mf" -> names of formats, each once."""
    names = list(dict.fromkeys(word.strip().lower().lstrip(".") for word in text.split(",") if word.strip()))
    for name in names:
        if name not in FORMATS:
            raise InputError(f"no format {name!r}{nearest(name, FORMATS)}; known are {', '.join(FORMATS)}")
    if not names:
        raise InputError(f"name a format: {', '.join(FORMATS)}")
    return names


@dataclass(frozen=True)
class Written:
    """A file, and what is in it."""

    path: Path
    format: str
    parts: tuple[str, ...]
    triangles: int
    size: tuple[float, float, float]  # millimetres: width, depth, height
    volume: float | None  # cubic millimetres, of closed solids
    closed: bool


def export(
    parts: Parts,
    folder: Path,
    formats: list[str],
    name: str = "scene",
    height: float = HEIGHT,
    ground: bool = True,
    origin: str = "center",
    faces: int | None = None,
    separate: bool = False,
    title: str = "",
    open_too: bool = False,
) -> list[Written]:
    """Writes the whole, or with `separate` every part by itself, in each of the formats.

    `faces` is about the number of triangles of the whole, which is `height` millimetres tall with those that are left.
    With `open_too` parts may be open, as models made by others often are: an STL then holds their triangles as they
    are, if they cannot be joined to one solid. Parts keep their places: `separate` files of a format fit together.
    """
    _require_placing(height, origin)
    if faces is not None and faces < 4 * len(parts):
        raise InputError(f"{faces} triangles are too few for {len(parts)} closed parts; give {4 * len(parts)} or more")
    whole = {term: _welded(part) for term, part in parts.items()}
    if faces is not None and open_too:  # what is split at edges cannot be made coarser
        whole = {term: _by_place(mesh, mesh.colors) for term, mesh in whole.items()}
    share = None if faces is None else faces / sum(len(mesh.faces) for mesh in whole.values())
    slugs = unique_slugs(parts)
    groups = {slugs[term]: [term] for term in parts} if separate else {name: list(parts)}
    solids = {term: _fewer(mesh, share) for term, mesh in whole.items()} if set(formats) - {"stl"} else {}
    held: dict[str, dict[str, Content]] = {kind: {} for kind in formats}
    for kind in formats:
        for file, terms in groups.items():
            if kind == "stl":
                meshes = {file: _one_solid([whole[term] for term in terms], share, open_too)}
                shown: Parts = meshes
            else:
                meshes = {term: solids[term] for term in terms}
                shown = meshes if share else {term: parts[term] for term in terms}
            held[kind][file] = Content(title, tuple(terms), meshes, shown)
    places = {kind: placement(_all_meshes(files.values()), height, ground, origin) for kind, files in held.items()}
    return [
        _WRITERS[kind](folder / f"{file}.{kind}", held[kind][file], places[kind]) for file in groups for kind in formats
    ]


@dataclass(frozen=True)
class Content:
    """What one file holds, not yet placed."""

    title: str
    terms: tuple[str, ...]
    meshes: Mapping[str, Mesh]  # by term; of an STL one, in which all terms are joined
    shown: Parts  # likewise, with textures where no triangle had to go


def _all_meshes(files: Iterable[Content]) -> dict[str, Mesh]:
    """The meshes of several files, by numbers."""
    return {str(i): mesh for i, mesh in enumerate(mesh for one in files for mesh in one.meshes.values())}


def _one_solid(meshes: list[Mesh], share: float | None, open_too: bool) -> Mesh:
    """What touches is joined; a `share` of the triangles stays."""
    try:
        solid = united([_by_place(one) for one in meshes] if open_too else meshes)
    except OpenSolid:
        if not open_too:
            raise
        solid = together([Mesh(one.vertices, one.faces) for one in meshes])
    return simplify(solid, max(4, round(share * sum(len(one.faces) for one in meshes)))) if share else solid


def _stl(path: Path, content: Content, place: Placement) -> Written:
    """One solid."""
    (mesh,) = (place(one) for one in content.meshes.values())
    corners = mesh.vertices.numpy()[mesh.faces.numpy()]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    table = np.zeros(len(corners), np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")]))
    table["normal"], table["corners"] = normals, corners
    head = f"cast3d {__version__}, millimetres, z up".encode("ascii").ljust(80)  # must not begin with "solid"
    atomic_write(path, head + struct.pack("<I", len(table)) + table.tobytes())
    return _told(path, "stl", content.terms, [mesh])


def _3mf(path: Path, content: Content, place: Placement) -> Written:
    """Named objects that are components of one thing, with a colour at each corner."""
    meshes = {term: place(mesh) for term, mesh in content.meshes.items()}
    resources, components = [], []
    for i, (term, mesh) in enumerate(meshes.items()):
        colors, object_id = 2 * i + 1, 2 * i + 2
        resources.append(_3mf_object(term, mesh, colors, object_id))
        components.append(f'<component objectid="{object_id}"/>')
    whole = 2 * len(meshes) + 1
    name = quoteattr(_xml_text(content.title or path.stem))
    model = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<model unit="millimeter" xml:lang="en-US" '
        'xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02" '
        'xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02">\n'
        f'<metadata name="Application">cast3d {__version__}</metadata>\n'
        f"<resources>\n{''.join(resources)}"
        f'<object id="{whole}" type="model" name={name}><components>{"".join(components)}</components></object>\n'
        f'</resources>\n<build><item objectid="{whole}"/></build>\n</model>\n'
    )
    files = {
        "[Content_Types].xml": '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>\n',
        "_rels/.rels": '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Target="/3D/3dmodel.model" Id="rel0" '
        'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>\n',
        "3D/3dmodel.model": model,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, text in files.items():
            entry = zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0))  # no time: equal input, equal bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode("utf-8"), compresslevel=6)
    atomic_write(path, buffer.getvalue())
    return _told(path, "3mf", content.terms, list(meshes.values()))


def _3mf_object(term: str, mesh: Mesh, colors: int, object_id: int) -> str:
    tint = torch.full_like(mesh.vertices, 0.6) if mesh.colors is None else mesh.colors
    shades = (tint.clamp(0, 1) * 255).round().long()
    known, index = torch.unique(shades, dim=0, return_inverse=True)
    mean = int((known.double() - shades.double().mean(0)).norm(dim=1).argmin())  # for readers of one colour a part
    group = "".join(f'<m:color color="#{r:02X}{g:02X}{b:02X}FF"/>' for r, g, b in known.tolist())
    corners = torch.cat([mesh.faces, index[mesh.faces]], dim=1).tolist()
    places = _by_place(mesh)
    if len(places.faces) == len(mesh.faces):  # a corner's colour is its own, wherever its vertex was split
        corners = torch.cat([places.faces, index[mesh.faces]], dim=1).tolist()
    else:
        places = mesh
    vertices = "".join(f'<vertex x="{x:.5f}" y="{y:.5f}" z="{z:.5f}"/>\n' for x, y, z in places.vertices.tolist())
    triangles = "".join(
        f'<triangle v1="{a}" v2="{b}" v3="{c}" pid="{colors}" p1="{i}" p2="{j}" p3="{k}"/>\n'
        for a, b, c, i, j, k in corners
    )
    return (
        f'<m:colorgroup id="{colors}">{group}</m:colorgroup>\n'
        f'<object id="{object_id}" type="model" name={quoteattr(_xml_text(term))} pid="{colors}" pindex="{mean}">'
        f"<mesh><vertices>\n{vertices}</vertices><triangles>\n{triangles}</triangles></mesh></object>\n"
    )


def _xml_text(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "", text)


def _obj(path: Path, content: Content, place: Placement) -> Written:
    """An object and a group per part; colours stand at the vertices, textures in pictures that the .mtl names."""
    lines, materials, start = [f"# cast3d {__version__}, millimetres, y up", f"mtllib {path.stem}.mtl"], [], 1
    slugs = unique_slugs(content.shown)
    for term, part in content.shown.items():
        textured = part if isinstance(part, Textured) else None
        mesh = place(part.mesh if isinstance(part, Textured) else part)
        tint = torch.full_like(mesh.vertices, 0.6) if mesh.colors is None else mesh.colors
        mean = (1.0, 1.0, 1.0) if textured else tuple(tint.mean(0).tolist())
        material = [f"newmtl {slugs[term]}", "Kd {:.4f} {:.4f} {:.4f}".format(*mean), "illum 1"]
        name = re.sub(r"\s+", "_", term)
        lines += [f"o {name}", f"g {name}", f"usemtl {slugs[term]}"]
        points, normals = to_gltf_axes(mesh.vertices), to_gltf_axes(vertex_normals(mesh.vertices, mesh.faces))
        if textured:
            picture = path.with_name(f"{path.stem}-{slugs[term]}.png")
            png = io.BytesIO()
            Image.fromarray(textured.image.cpu().numpy()).save(png, "PNG")
            atomic_write(picture, png.getvalue())
            material.append(f"map_Kd {picture.name}")
            lines += ["v {:.5f} {:.5f} {:.5f}".format(*point) for point in points.tolist()]
            lines += [f"vt {u:.6f} {1 - v:.6f}" for u, v in textured.uv.tolist()]  # OBJ counts from below
        else:
            colored = torch.cat([points, tint.clamp(0, 1)], dim=1).tolist()
            lines += ["v {:.5f} {:.5f} {:.5f} {:.4f} {:.4f} {:.4f}".format(*row) for row in colored]
        lines += ["vn {:.4f} {:.4f} {:.4f}".format(*normal) for normal in normals.tolist()]
        corner = "{0}/{0}/{0}" if textured else "{0}//{0}"
        face = f"f {corner} {corner.replace('0', '1')} {corner.replace('0', '2')}"
        lines += [face.format(*row) for row in (mesh.faces + start).tolist()]
        start += len(mesh.vertices)
        materials.append("\n".join(material))
    # What the OBJ names is there before the OBJ is.
    atomic_write(path.with_suffix(".mtl"), "\n\n".join(materials) + "\n")
    atomic_write(path, "\n".join(lines) + "\n")
    return _told(path, "obj", content.terms, [place(mesh) for mesh in content.meshes.values()])


def _glb(path: Path, content: Content, place: Placement) -> Written:
    """A node per part, in metres as glTF demands."""
    x, y, z = (value / 1000 for value in place.shift)
    metres = Placement(place.scale / 1000, (x, y, z))
    moved = {
        term: replace(part, mesh=metres(part.mesh)) if isinstance(part, Textured) else metres(part)
        for term, part in content.shown.items()
    }
    write_glb(path, moved, {"prompt": content.title, "version": __version__})
    return _told(path, "glb", content.terms, [place(mesh) for mesh in content.meshes.values()])


_WRITERS: dict[str, Callable[[Path, Content, Placement], Written]] = {
    "stl": _stl,
    "3mf": _3mf,
    "obj": _obj,
    "glb": _glb,
}


def _by_place(mesh: Mesh, colors: Tensor | None = None) -> Mesh:
    """The mesh with one vertex at each place, which has the mean of the `colors` [V, 3] there.

    One that has no two at one place stays as it is.
    """
    joined = _joined(mesh, colors)
    return mesh if len(joined.vertices) == len(mesh.vertices) else joined


def _joined(mesh: Mesh, colors: Tensor | None) -> Mesh:
    vertices, index = torch.unique(mesh.vertices, dim=0, return_inverse=True)
    mean = None
    if colors is not None:
        count = torch.bincount(index, minlength=len(vertices))[:, None]
        mean = torch.zeros_like(vertices).index_add_(0, index, colors.to(vertices)) / count
    faces = index[mesh.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Mesh(vertices, faces[whole], mean)


def _mesh_of(part: Mesh | Textured) -> Mesh:
    return part.mesh if isinstance(part, Textured) else part


def _fewer(mesh: Mesh, share: float | None) -> Mesh:
    if share is None:
        return mesh
    smaller = simplify(mesh, max(4, round(share * len(mesh.faces))))
    return smaller if smaller is mesh else replace(smaller, normals=None)


def _welded(part: Mesh | Textured) -> Mesh:
    """The mesh with one vertex at each place; a texture's colours go to the vertices."""
    mesh = _mesh_of(part)
    if not isinstance(part, Textured):
        return mesh
    picture = part.image.permute(2, 0, 1)[None].float().cpu() / 255
    uv = part.uv.float()
    uv = torch.where((uv < 0) | (uv > 1), uv % 1, uv)  # pictures repeat
    read = F.grid_sample(picture, uv[None, None] * 2 - 1, padding_mode="border", align_corners=False)
    return _joined(mesh, read[0, :, 0].T)


def _told(path: Path, kind: str, terms: tuple[str, ...], meshes: list[Mesh]) -> Written:
    points = torch.cat([mesh.vertices for mesh in meshes])
    known = [facts(mesh) for mesh in meshes]
    closed = all(one.watertight for one in known)
    width, depth, height = (points.amax(0) - points.amin(0)).tolist()
    volume = sum(one.volume for one in known) if closed else None
    return Written(path, kind, terms, sum(one.triangles for one in known), (width, depth, height), volume, closed)
