"""The small backbone's mesh decoder: latents -> signed distances on a grid twice as fine -> a closed mesh."""

from __future__ import annotations

import torch
from torch import Tensor

from ...meshes.mesh import Mesh
from ...models.slat_vae import SLatTransformer
from ...models.sparse.tensor import SparseTensor

FINE = 2  # distance cells per voxel and axis
REACH = 4  # cells per axis that one voxel predicts: its own two and one more on either side


class SLatSdfDecoder(SLatTransformer):
    """Every voxel predicts the distances (in voxels, negative inside) of 4^3 cells; overlaps are averaged.

    Cells that no voxel predicts are outside, unless they lie in what the predicted surface encloses: see
    `meshes.solids`. So the surface is closed, and without inner walls, whatever the network says.
    """

    def __init__(
        self,
        resolution: int,
        model_channels: int,
        latent_channels: int,
        num_blocks: int,
        num_heads: int | None = None,
        num_head_channels: int = 64,
        mlp_ratio: float = 4,
        attn_mode: str = "swin",
        window_size: int = 8,
        pe_mode: str = "ape",
        use_fp16: bool = False,
        qk_rms_norm: bool = False,
        truncation: float = 0.8,
    ):
        super().__init__(locals(), latent_channels, model_channels, REACH**3)
        if use_fp16:
            self.convert_to(torch.float16)

    def features(self, x: SparseTensor) -> SparseTensor:
        """Distances [N, 64] of the cells around each voxel, x-major, in voxels."""
        return x.replace(self.head(self.trunk(x)).to(x.dtype))

    def forward(self, x: SparseTensor) -> list[Mesh | None]:
        """One closed mesh per batch item, without colours; None for one without voxels."""
        features = self.features(x)
        return [self.mesh(x.coords[rows, 1:], features.feats[rows]) for rows in x.layout]

    def mesh(
        self,
        coords: Tensor,  # [N, 3]
        distances: Tensor,  # [N, 64]
    ) -> Mesh | None:
        """The closed surface of one object; None without voxels."""
        (mesh,) = self._meshes(coords, distances, torch.zeros(len(coords), dtype=torch.long), 1)
        return mesh

    def solids(
        self,
        coords: Tensor,  # [N, 3]
        features: SparseTensor,
        owner: Tensor,  # [N] in 0 .. count - 1
        count: int,
        base: int | None = None,
        shapes: Tensor | None = None,  # [count, R, R, R] bool
    ) -> list[Mesh | None]:
        """The closed surface of every part, see `meshes.solids.part_distances`; None for a part without voxels."""
        return self._meshes(coords, features.feats, owner, count, base, shapes)

    def _meshes(self, coords, distances, owner, count, base=None, shapes=None) -> list[Mesh | None]:
        from ...meshes.solids import Distances, part_distances  # heavy imports, only needed here
        from ...meshes.surface import from_sdf

        value, known = self.field(coords, distances)
        told = Distances(value.cpu().numpy(), known.cpu().numpy(), FINE, offset=0.5, unit=1 / FINE)
        places, owners = coords.long().cpu().numpy(), owner.cpu().numpy()
        whole_shapes = None if shapes is None else shapes.cpu().numpy()
        fields = part_distances(told, places, owners, count, base, whole_shapes)
        return [None if field is None else from_sdf(torch.from_numpy(field).to(value.device)) for field in fields]

    def field(
        self,
        coords: Tensor,  # [N, 3]
        distances: Tensor,  # [N, 64]
    ) -> tuple[Tensor, Tensor]:
        """Signed distances [2R, 2R, 2R], and where a voxel predicts them; elsewhere they are `truncation`."""
        side = FINE * self.config["resolution"]
        step = torch.arange(REACH, device=coords.device) - 1
        x, y, z = (FINE * c[:, None] + step for c in coords.long().unbind(-1))
        flat = ((x[:, :, None, None] * side + y[:, None, :, None]) * side + z[:, None, None, :]).flatten()
        inside = torch.ones_like(flat, dtype=torch.bool)
        for axis, c in enumerate((x, y, z)):
            shape = [len(coords), 1, 1, 1]
            shape[axis + 1] = REACH
            ok = ((c >= 0) & (c < side)).view(shape).expand(-1, REACH, REACH, REACH)
            inside &= ok.flatten()
        total = torch.zeros(side**3, device=coords.device)
        count = torch.zeros_like(total)
        total.index_add_(0, flat[inside], distances.float().flatten()[inside])
        count.index_add_(0, flat[inside], torch.ones_like(flat[inside], dtype=total.dtype))
        truncation = float(self.config["truncation"])
        value = torch.where(count > 0, total / count.clamp_min(1), truncation)
        return value.view(side, side, side), (count > 0).view(side, side, side)
