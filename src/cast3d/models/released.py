"""The networks of the TRELLIS release by file stem, as their configs describe them: half-precision torsos all."""

from __future__ import annotations

from typing import Any

GAUSSIANS = {
    "lr": {"_xyz": 1.0, "_features_dc": 1.0, "_opacity": 1.0, "_scaling": 1.0, "_rotation": 0.1},
    "perturb_offset": True,
    "voxel_size": 1.5,
    "num_gaussians": 32,
    "2d_filter_kernel_size": 0.1,
    "3d_filter_kernel_size": 9e-4,
    "scaling_bias": 4e-3,
    "opacity_bias": 0.1,
    "scaling_activation": "softplus",
}


def structure_vae(channels: list[int], **ends: int) -> dict[str, Any]:
    return dict(ends, latent_channels=8, num_res_blocks=2, num_res_blocks_middle=2, channels=channels, use_fp16=True)


def structure_flow(width: int, blocks: int, heads: int, cond: int, **extra: Any) -> dict[str, Any]:
    sizes = dict(resolution=16, in_channels=8, out_channels=8, patch_size=1)
    trunk = dict(model_channels=width, cond_channels=cond, num_blocks=blocks, num_heads=heads, mlp_ratio=4)
    return dict(sizes, **trunk, pe_mode="ape", qk_rms_norm=True, use_fp16=True, **extra)


def slat_flow(width: int, blocks: int, heads: int, cond: int, io: int = 128, io_blocks: int = 2) -> dict[str, Any]:
    sizes = dict(resolution=64, in_channels=8, out_channels=8, patch_size=2)
    trunk = dict(model_channels=width, cond_channels=cond, num_blocks=blocks, num_heads=heads, mlp_ratio=4)
    ends = dict(num_io_res_blocks=io_blocks, io_block_channels=[io])
    return dict(sizes, **trunk, **ends, pe_mode="ape", qk_rms_norm=True, use_fp16=True)


def slat_vae(**extra: Any) -> dict[str, Any]:
    trunk = dict(resolution=64, model_channels=768, latent_channels=8, num_blocks=12, num_heads=12, mlp_ratio=4)
    return dict(trunk, attn_mode="swin", window_size=8, use_fp16=True, **extra)


# Stem -> (class name, constructor arguments).
RELEASED: dict[str, tuple[str, dict[str, Any]]] = {
    "ss_enc_conv3d_16l8_fp16": ("SparseStructureEncoder", structure_vae([32, 128, 512], in_channels=1)),
    "ss_dec_conv3d_16l8_fp16": ("SparseStructureDecoder", structure_vae([512, 128, 32], out_channels=1)),
    "ss_flow_img_dit_L_16l8_fp16": ("SparseStructureFlowModel", structure_flow(1024, 24, 16, 1024)),
    "ss_flow_txt_dit_B_16l8_fp16": ("SparseStructureFlowModel", structure_flow(768, 12, 12, 768)),
    "ss_flow_txt_dit_L_16l8_fp16": ("SparseStructureFlowModel", structure_flow(1024, 24, 16, 768)),
    "ss_flow_txt_dit_XL_16l8_fp16": (
        "SparseStructureFlowModel",
        structure_flow(1280, 28, 16, 768, qk_rms_norm_cross=True),
    ),
    "slat_flow_img_dit_L_64l8p2_fp16": ("ElasticSLatFlowModel", slat_flow(1024, 24, 16, 1024)),
    "slat_flow_txt_dit_B_64l8p2_fp16": ("ElasticSLatFlowModel", slat_flow(768, 12, 12, 768)),
    "slat_flow_txt_dit_L_64l8p2_fp16": ("ElasticSLatFlowModel", slat_flow(1024, 24, 16, 768)),
    "slat_flow_txt_dit_XL_64l8p2_fp16": ("ElasticSLatFlowModel", slat_flow(1280, 28, 16, 768, io=256, io_blocks=3)),
    "slat_enc_swin8_B_64l8_fp16": ("ElasticSLatEncoder", slat_vae(in_channels=1024)),
    "slat_dec_gs_swin8_B_64l8gs32_fp16": (
        "ElasticSLatGaussianDecoder",
        slat_vae(representation_config=GAUSSIANS),
    ),
    "slat_dec_rf_swin8_B_64l8r16_fp16": (
        "ElasticSLatRadianceFieldDecoder",
        slat_vae(representation_config={"rank": 16, "dim": 8}),
    ),
    "slat_dec_mesh_swin8_B_64l8m256c_fp16": (
        "ElasticSLatMeshDecoder",
        slat_vae(representation_config={"use_color": True}),
    ),
}
