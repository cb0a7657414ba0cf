"""Segmenters of the real classes at tiny sizes."""

from __future__ import annotations

import pytest

from cast3d.segmentation.open_vocabulary import load_segmenter

from .tiny_networks import names, save_grounding_dino, save_sam2, save_sam3, small


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segmenters")
    save_grounding_dino(folder / "dino")
    save_sam2(folder / "sam2")
    save_sam3(folder / "sam3")
    return folder


@pytest.fixture(params=["grounded-sam2", "sam3"])
def segmenter(request, weights):
    return small(load_segmenter(names(weights)[request.param]))


@pytest.fixture
def grounded(weights):
    return small(load_segmenter(names(weights)["grounded-sam2"]))
