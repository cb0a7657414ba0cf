"""3MF: named objects with colours, in millimetres, z up."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import torch

from ...files import atomic_write
from ...meshes.mesh import Mesh
from ...version import __version__
from .content import Content, Written, by_place, told
from .placing import Placement


def write_3mf(path: Path, content: Content, place: Placement) -> Written:
    """Named objects that are components of one thing, with a colour at each corner."""
    meshes = {term: place(mesh) for term, mesh in content.meshes.items()}
    resources, components = [], []
    for i, (term, mesh) in enumerate(meshes.items()):
        colors, object_id = 2 * i + 1, 2 * i + 2
        resources.append(_object(term, mesh, colors, object_id))
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
    return told(path, "3mf", content.terms, list(meshes.values()))


def _object(term: str, mesh: Mesh, colors: int, object_id: int) -> str:
    tint = torch.full_like(mesh.vertices, 0.6) if mesh.colors is None else mesh.colors
    shades = (tint.clamp(0, 1) * 255).round().long()
    known, index = torch.unique(shades, dim=0, return_inverse=True)
    mean = int((known.double() - shades.double().mean(0)).norm(dim=1).argmin())  # for readers of one colour a part
    group = "".join(f'<m:color color="#{r:02X}{g:02X}{b:02X}FF"/>' for r, g, b in known.tolist())
    corners = torch.cat([mesh.faces, index[mesh.faces]], dim=1).tolist()
    places = by_place(mesh)
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
