"""The shipped weights as checkpoints, to train on from them: the inverse of `package`.

    python -m training.bricks.unpack --out checkpoints

Networks whose shipped sizes differ from those in the code are left out; their step starts afresh.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import nn

import cast3d.backbones.bricks.loading  # noqa: F401  (registers the small classes)
from cast3d.models import load

from .common import save_half
from .package import STEMS, networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=Path("src/cast3d/weights/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    args = parser.parse_args()

    shipped = {key: load(args.weights / "ckpts" / stem) for key, stem in STEMS.items()}
    for name, group in networks(shipped["words"].config["num_words"]).items():
        if all(filled(net, name, key, shipped) for key, net in group.items()):
            save_half(group, args.out / name)
            print(f"{name}: {', '.join(group)}")
        else:
            print(f"{name} is not of the shipped size, left out")


def filled(net: nn.Module, name: str, key: str, shipped: dict[str, nn.Module]) -> bool:
    """Gives a network its shipped weights; False where it has grown or shrunk since."""
    key = "appearance_encoder" if (name, key) == ("appearance", "encoder") else key  # there are two encoders
    weights, own = shipped[key].state_dict(), net.state_dict()
    fits = {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in own.items()}
    if fits:
        net.load_state_dict(weights)
    return fits


if __name__ == "__main__":
    main()
