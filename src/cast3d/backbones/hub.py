"""Released repositories on the Hugging Face hub: pinned revisions, known sizes and hashes, downloads at first use."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from ..errors import CheckpointError
from ..models.pretrained import reason

IMAGE, TEXT = "microsoft/TRELLIS-image-large", "microsoft/TRELLIS-text-xlarge"

# What "latest" was when this was written. An id without "@revision" means these.
REVISIONS = {
    IMAGE: "25e0d31ffbebe4b5a97464dd851910efc3002d96",
    TEXT: "e0b00432b8e3a8ecee0df806ab1df9f7281f2be4",
    "JeffreyXiang/TRELLIS-image-large": "25e0d31ffbebe4b5a97464dd851910efc3002d96",  # earlier home, same history
    "facebook/dinov2-with-registers-large": "e4c89a4e05589de9b3e188688a303d0f3c04d0f3",
    "openai/clip-vit-large-patch14": "32bd64288804d66eefd0ccbe215aa642df71cc41",
}

# Bytes of the released weight files. For TRELLIS-image-large as published; for the text models as their configs give,
# so that only the former are demanded.
BYTES = {
    "ss_enc_conv3d_16l8_fp16": 119_068_016,
    "ss_dec_conv3d_16l8_fp16": 147_591_972,
    "ss_flow_img_dit_L_16l8_fp16": 1_130_770_840,
    "ss_flow_txt_dit_B_16l8_fp16": 327_736_456,
    "ss_flow_txt_dit_L_16l8_fp16": 1_105_604_976,
    "ss_flow_txt_dit_XL_16l8_fp16": 1_976_327_512,
    "slat_flow_img_dit_L_64l8p2_fp16": 1_203_755_136,
    "slat_flow_txt_dit_B_64l8p2_fp16": 372_419_896,
    "slat_flow_txt_dit_L_64l8p2_fp16": 1_178_589_272,
    "slat_flow_txt_dit_XL_64l8p2_fp16": 2_151_142_688,
    "slat_enc_swin8_B_64l8_fp16": 173_242_816,
    "slat_dec_gs_swin8_B_64l8gs32_fp16": 171_450_952,
    "slat_dec_rf_swin8_B_64l8r16_fp16": 171_450_488,
    "slat_dec_mesh_swin8_B_64l8m256c_fp16": 181_903_412,
}

# SHA-256 of files of the pinned revision, as public lock files record them; none could be computed here, so that
# another one is a doubt and no error.
HASHES = {
    "ss_enc_conv3d_16l8_fp16": "107874eeaa0feb82f51b19db5da7db534fb7e7f19e5a122b9ff1bc2e258bfc6d",
    "ss_dec_conv3d_16l8_fp16": "1c76d4a40519aa2d711cc263a8404105231ac26db31d946bed48b84fee79009a",
    "ss_flow_img_dit_L_16l8_fp16": "96dc6bfd4136fd950af564dd16b4ae533c9ba6af8f26c670646b2a9f2789b1db",
    "slat_flow_img_dit_L_64l8p2_fp16": "693fb2a58ad497bd222007301eeec49d14d60f8c12d2f2f00c221fa747b4c66c",
    "slat_dec_mesh_swin8_B_64l8m256c_fp16": "3e87aba94b5786407eb06d0502c1ed0885a0027a3f2b8537bfe15b0a92c01859",
}


def split_revision(place: str) -> tuple[str, str | None]:
    """("owner/name", revision) of "owner/name[@revision]"; released repositories have a pinned one."""
    repository, _, revision = place.partition("@")
    return repository, revision or REVISIONS.get(repository)


def download(repository: str, revision: str | None, file: str) -> Path:
    """The local copy of one file of a repository, fetched unless the cache of the hub library holds it already."""
    hub = require_hub()
    at = f"{repository}@{revision}" if revision else repository
    try:
        path = Path(hub.hf_hub_download(repository, file, revision=revision))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        raise CheckpointError(
            f"{file} of {at} cannot be fetched: {reason(error)}. Without a network, give the folder of a copy instead, "
            "such as --backbone TRELLIS-image-large+TRELLIS-text-xlarge"
        ) from error
    if revision == REVISIONS[IMAGE]:  # a commit is the same wherever it is kept; of others no size was ever seen
        check_size(path, at)
    return path


def check_size(path: Path, origin: str) -> None:
    """A weight file of the pinned release has its size."""
    expected, found = BYTES.get(path.stem), path.stat().st_size
    if path.suffix == ".safetensors" and expected not in (None, found):
        # A snapshot of the hub's cache is links: one that is deleted is only made again, to the same file.
        raise CheckpointError(
            f"{path} has {found:,} bytes, the released file has {expected:,}; "
            f"delete {path.resolve()}, and {origin} is fetched again"
        )


def doubtful(path: Path, digest: str) -> bool:
    """Whether a file has the name and the size of a file of the pinned release, but another SHA-256.

    In a folder this may be a damaged copy. Files of another repository or revision are meant to be different, and
    smaller networks under released names are no copies.
    """
    if digest == HASHES.get(path.stem, digest) or path.stat().st_size != BYTES[path.stem]:
        return False
    return snapshot_of(path) in (None, REVISIONS[IMAGE])


def snapshot_of(path: Path) -> str | None:
    """The commit that a file in the cache of the hub library belongs to; None for a file elsewhere."""
    _, at, after = path.as_posix().rpartition("/snapshots/")
    return after.partition("/")[0] if at else None


def require_hub() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise CheckpointError(
            "downloading released weights needs huggingface-hub; install it with: "
            'python3 -m pip install -e ".[trellis]", or give the folders of a copy'
        ) from error
    return huggingface_hub
