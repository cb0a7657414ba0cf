"""OBJ: objects and groups with colours or pictures, in millimetres, y up."""

from __future__ import annotations

import io
import re
from pathlib import Path

import torch
from PIL import Image

from ...files import atomic_write
from ...meshes.conventions import to_gltf_axes
from ...meshes.surface import vertex_normals
from ...meshes.texture import Textured
from ...scene import unique_slugs
from ...version import __version__
from .content import Content, Written, told
from .placing import Placement


def write_obj(path: Path, content: Content, place: Placement) -> Written:
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
    return told(path, "obj", content.terms, [place(mesh) for mesh in content.meshes.values()])
