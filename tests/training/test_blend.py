"""Weighted means of checkpoints, on networks small enough to check by hand."""

import sys
from unittest import mock

import pytest
import torch
from torch import nn

from training.bricks import blend
from training.bricks.common import load_half, save_half


def checkpoint(folder, value):
    nets = {key: nn.BatchNorm1d(3) for key in ("flow", "words", "picture")}
    for net in nets.values():
        nn.init.constant_(net.weight, value)
    save_half(nets, folder / "structure_flow", shard_bytes=20)  # several files


def run(*arguments):
    with mock.patch.object(sys, "argv", ["blend", *map(str, arguments)]):
        blend.main()


def test_named_networks_are_averaged_and_the_others_are_the_first_ones(tmp_path):
    checkpoint(tmp_path / "a", 1.0)
    checkpoint(tmp_path / "b", 5.0)
    run("structure_flow", f"{tmp_path / 'a'}=0.75", f"{tmp_path / 'b'}=0.25", "--networks", "flow", "words",
        "--out", tmp_path / "out")  # fmt: skip
    nets = {key: nn.BatchNorm1d(3) for key in ("flow", "words", "picture")}
    assert load_half(nets, tmp_path / "out" / "structure_flow")
    assert [float(net.weight[0].detach()) for net in nets.values()] == [2, 2, 1]
    assert nets["flow"].num_batches_tracked.dtype == torch.int64
    assert len(list((tmp_path / "out").iterdir())) == len(list((tmp_path / "a").iterdir())) > 1


def test_words_that_only_the_first_call_knows_stay(tmp_path):
    for call, count, value in (("new", 4, 2.0), ("old", 3, 6.0)):
        words = nn.Embedding(count, 2)
        nn.init.constant_(words.weight, value)
        save_half({"words": words}, tmp_path / call / "structure_flow")
    run("structure_flow", f"{tmp_path / 'new'}=0.75", f"{tmp_path / 'old'}=0.25", "--networks", "words",
        "--out", tmp_path / "out")  # fmt: skip
    words = nn.Embedding(4, 2)
    assert load_half({"words": words}, tmp_path / "out" / "structure_flow")
    assert words.weight[:, 0].tolist() == [3, 3, 3, 2]


@pytest.mark.parametrize(
    "shares, network, message",
    [((0.5, 0.4), "flow", "sum to 1, not 0.9"), ((0.5, 0.5), "flwo", "no flwo in structure_flow; it has flow, pict")],
)
def test_wrong_shares_and_names_are_told(tmp_path, shares, network, message):
    for name in "ab":
        checkpoint(tmp_path / name, 1.0)
    calls = (f"{tmp_path / name}={share}" for name, share in zip("ab", shares))
    with pytest.raises(SystemExit, match=message):
        run("structure_flow", *calls, "--networks", network, "--out", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_a_folder_without_weights_is_told(tmp_path):
    with pytest.raises(SystemExit, match="no structure_flow weights in"):
        run("structure_flow", f"{tmp_path}=1", "--networks", "flow", "--out", tmp_path / "out")
