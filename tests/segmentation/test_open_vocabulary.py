"""Grounded SAM 2 and SAM 3 as random networks of the real classes: what goes in, what is kept, what is said of it."""

from __future__ import annotations

import sys

import pytest
import torch
from PIL import Image

from cast3d.errors import CheckpointError, InputError
from cast3d.segmentation import open_vocabulary
from cast3d.segmentation.detections import Detections, Thresholds, detect_all
from cast3d.segmentation.grounded import normalised
from cast3d.segmentation.open_vocabulary import load_segmenter
from cast3d.stages.hints import YAWS, extract_hints
from cast3d.stages.kit import Kit
from cast3d.stages.layout import MainGeometry, Slat
from cast3d.stages.reading import Reading
from tests.stages.test_hints import shell
from tests.tiny_backbone import BANDS, Bands, tiny_backbone

from .tiny_networks import EVERYTHING, NOTHING, names, sam2_parts, sam3_config, small, view

pytest.importorskip("transformers")

# --- both -------------------------------------------------------------------------------------------------------------


def test_masks_stay_on_the_object(segmenter):
    image, alpha = view()
    found = segmenter.detect(image, alpha, "red cap", EVERYTHING)
    assert found.mask.shape == alpha.shape and found.mask.dtype == torch.bool
    assert found.mask.any() and not (found.mask & (alpha < 0.5)).any()
    assert len(found.boxes) == len(found.box_scores) > 1
    assert list(found.box_scores) == sorted(found.box_scores, reverse=True)
    assert found.best == pytest.approx(found.box_scores[0])


def test_only_scores_above_the_threshold_count(segmenter):
    image, alpha = view()
    scores = segmenter.detect(image, alpha, "cap", EVERYTHING).box_scores
    between = (scores[1] + scores[2]) / 2
    found = segmenter.detect(image, alpha, "cap", Thresholds(between))
    assert found.box_scores == pytest.approx(scores[:2])
    none = segmenter.detect(image, alpha, "cap", NOTHING)
    assert not none.mask.any() and none.boxes.shape == (0, 4) and none.box_scores == ()
    assert none.best == pytest.approx(scores[0])
    assert none.line(3, "cap") == f"view 3, cap: nothing (best box {scores[0]:.2f})"


def test_thresholds_of_the_loader_hold_unless_the_call_brings_others(weights):
    image, alpha = view()
    segmenter = small(load_segmenter(names(weights)["grounded-sam2"], thresholds=NOTHING))
    assert not segmenter(image, alpha, "cap").any()
    given = segmenter, image[None], alpha[None], ["cap"]
    assert not next(detect_all(*given, Thresholds()))[0].mask.any()
    assert next(detect_all(*given, Thresholds(detection=0.0)))[0].mask.any()


def test_released_thresholds_are_the_default(weights):
    own = {kind: load_segmenter(name).thresholds for kind, name in names(weights).items()}
    assert own == {"grounded-sam2": Thresholds(0.3, 0.0), "sam3": Thresholds(0.5, 0.0)}


def test_networks_are_frozen_and_in_evaluation_mode(segmenter):
    for net in segmenter.networks:
        assert not net.training and not any(parameter.requires_grad for parameter in net.parameters())


# --- GroundingDINO and SAM 2 ------------------------------------------------------------------------------------------


def test_boxes_are_those_of_the_released_processor(grounded):
    from transformers import GroundingDinoProcessor
    from transformers.models.grounding_dino import GroundingDinoImageProcessorPil

    image = (view(128, 128)[0] * 255).round() / 255  # as large as the network's pictures, so that nothing is resized
    pil = Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy())
    sizes = GroundingDinoImageProcessorPil(size={"shortest_edge": 128, "longest_edge": 200})
    processor = GroundingDinoProcessor(sizes, grounded.tokenizer)
    inputs = processor(images=pil, text="red cap.", return_tensors="pt")
    with torch.no_grad():
        out = grounded.detector(**inputs)
        boxes, scores = (one[0, 0] for one in grounded.boxes(image[None], ["red cap"]))
    (expected,) = processor.post_process_grounded_object_detection(
        out, inputs["input_ids"], threshold=0.0, target_sizes=[(128, 128)]
    )
    torch.testing.assert_close(scores, expected["scores"], atol=1e-5, rtol=0)
    torch.testing.assert_close(boxes, expected["boxes"], atol=1e-3, rtol=0)


@pytest.mark.parametrize("written", ["Red Cap", "red cap.", " red cap "])
def test_phrases_are_written_as_the_network_knows_them(grounded, written):
    image, _ = view()
    with torch.no_grad():
        assert torch.equal(grounded.boxes(image[None], [written])[1], grounded.boxes(image[None], ["red cap"])[1])


@pytest.mark.parametrize(("size", "scaled"), [((64, 64), (128, 128)), ((96, 64), (192, 128)), ((64, 256), (50, 200))])
def test_pictures_keep_their_shape_for_the_detector(grounded, size, scaled):
    shapes = []
    grounded.detector.register_forward_pre_hook(
        lambda _, args, given: shapes.append(tuple(given["pixel_values"].shape[2:])), with_kwargs=True
    )
    with torch.no_grad():
        boxes = grounded.boxes(view(*size)[0][None], ["cap"])[0][0, 0]
    assert shapes == [scaled]
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert (centers >= 0).all() and (centers <= torch.tensor([size[1], size[0]])).all()


def test_masks_are_those_of_sam2_for_the_scaled_boxes(grounded):
    image, _ = view()
    boxes = torch.tensor([[12.0, 16.0, 48.0, 64.0], [0.0, 0.0, 96.0, 128.0]])
    pixels = normalised(image[None], (64, 64), torch.device("cpu"))
    scaled = boxes * torch.tensor([64 / 96, 0.5, 64 / 96, 0.5])
    with torch.no_grad():
        masks, ratings = grounded.masks(image[None], torch.zeros(2, dtype=torch.int64), boxes)
        out = grounded.masker(pixel_values=pixels, input_boxes=scaled[None], multimask_output=False)
    large = torch.nn.functional.interpolate(out.pred_masks[0], (128, 96), mode="bilinear", align_corners=False)
    assert torch.equal(masks, large[:, 0] > 0)
    torch.testing.assert_close(ratings, out.iou_scores[0, :, 0])


def test_badly_rated_masks_are_dropped(grounded):
    image, alpha = view()
    ratings = grounded.detect(image, alpha, "cap", EVERYTHING).mask_scores
    middle = sorted(ratings)[len(ratings) // 2]
    found = grounded.detect(image, alpha, "cap", Thresholds(0.0, middle))
    assert sorted(found.mask_scores) == pytest.approx(sorted(rating for rating in ratings if rating >= middle))
    assert len(found.mask_scores) < len(ratings)
    assert not grounded.detect(image, alpha, "cap", Thresholds(0.0, 1.0)).mask.any()


# --- SAM 3 ------------------------------------------------------------------------------------------------------------


def test_instances_are_scored_with_the_presence_of_the_phrase(weights):
    segmenter = load_segmenter(names(weights)["sam3"])
    image, alpha = view()
    words = segmenter.tokenizer("cap", padding="max_length", max_length=32, return_tensors="pt")
    pixels = normalised(image[None], (56, 56), torch.device("cpu"), (0.5,) * 3, (0.5,) * 3)
    assert pixels.min() >= -1 and pixels.max() <= 1 and pixels.min() < -0.5
    with torch.no_grad():
        out = segmenter.net(pixel_values=pixels, **words)
    scores = (out.pred_logits[0].sigmoid() * out.presence_logits[0].sigmoid()).sort(descending=True).values
    found = segmenter.detect(image, alpha, "cap", EVERYTHING)
    assert found.box_scores == pytest.approx(scores.tolist(), abs=1e-6)
    assert found.mask_scores == () and found.line(0, "cap").endswith(f"{scores[-1]:.2f}")
    assert found.boxes.amax() > 1  # pixels


# --- loading ----------------------------------------------------------------------------------------------------------


def test_video_releases_hold_the_same_networks(weights, tmp_path):
    """The hub's folders are those of the video models, with memory and tracking beside what is used here."""
    from transformers import Sam2VideoConfig, Sam2VideoModel, Sam3Model, Sam3VideoConfig

    video = Sam2VideoModel(
        Sam2VideoConfig(
            **sam2_parts(), image_size=64, memory_attention_hidden_size=32, memory_attention_feed_forward_hidden_size=8,
            memory_attention_num_attention_heads=1, memory_attention_num_layers=1, memory_encoder_hidden_size=32,
            memory_encoder_output_channels=8, mask_downsampler_embed_dim=32, memory_fuser_embed_dim=32,
            memory_fuser_intermediate_dim=8, memory_attention_rope_feat_sizes=[4, 4],
        )
    )  # fmt: skip
    video.save_pretrained(tmp_path / "sam2")
    loaded = load_segmenter(f"grounded-sam2:{weights}/dino+{tmp_path}/sam2").masker
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, video.state_dict()[name]), name

    detector = Sam3Model(sam3_config())
    detector.save_pretrained(tmp_path / "sam3")
    save_as_video(detector, Sam3VideoConfig(detector_config=sam3_config().to_dict()), tmp_path / "sam3")
    _copy_tokenizer(weights / "sam3", tmp_path / "sam3")
    loaded = load_segmenter(f"sam3:{tmp_path}/sam3").net
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, detector.state_dict()[name]), name


def save_as_video(detector, config, folder) -> None:
    from safetensors.torch import save_file

    config.save_pretrained(folder)
    tensors = {f"detector_model.{name}": value.contiguous() for name, value in detector.state_dict().items()}
    save_file(tensors | {"tracker_model.extra": torch.zeros(1)}, folder / "model.safetensors", {"format": "pt"})


def _copy_tokenizer(source, target) -> None:
    for file in source.glob("token*"):
        (target / file.name).write_bytes(file.read_bytes())


def test_a_release_that_lacks_weights_is_not_filled_up_with_noise(weights, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in (weights / "sam3").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(
        {k: v for k, v in tensors.items() if "presence" not in k}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(CheckpointError, match=r"lacks .* weights of Sam3Model, such as .*presence"):
        load_segmenter(f"sam3:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sam4", "did you mean 'sam3'"),
        ("grounded-sam2:only-one", r"IDEA-Research/grounding-dino-base\+facebook/sam2.1-hiera-small"),
        ("sam3:a+b", "sam3:facebook/sam3"),
    ],
)
def test_wrong_names_are_explained(name, says):
    with pytest.raises(InputError, match=says):
        load_segmenter(name)


def test_missing_and_damaged_weights_are_named(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=f"'{tmp_path}/none' cannot be loaded"):
        load_segmenter(f"sam3:{tmp_path}/none")
    (tmp_path / "config.json").write_text((weights / "sam3" / "config.json").read_text())
    _copy_tokenizer(weights / "sam3", tmp_path)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_segmenter(f"sam3:{tmp_path}")


@pytest.mark.parametrize(
    ("place", "path", "revision"),
    [
        ("facebook/sam3", "facebook/sam3", open_vocabulary.REVISIONS["facebook/sam3"]),
        ("facebook/sam3@main", "facebook/sam3", "main"),
        ("someone/sam3", "someone/sam3", None),
        ("FOLDER", "FOLDER", None),
    ],
)
def test_released_ids_have_pinned_revisions(tmp_path, monkeypatch, place, path, revision):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    asked = []

    def load(path, trust_remote_code, revision=None):
        asked.append((path, trust_remote_code, revision))

    open_vocabulary._from(load, place)
    assert asked == [(path, False, revision)]
    ids = [id for released in open_vocabulary.RELEASED.values() for id in released.split("+")]
    assert sorted(ids) == sorted(open_vocabulary.REVISIONS)


def test_without_transformers_it_says_how_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"\[trellis\]"):
        load_segmenter("sam3")


# --- in the method ----------------------------------------------------------------------------------------------------


def test_hints_report_every_view_and_term(grounded, monkeypatch):
    coords = shell()
    terms = ("cap", "figure")
    backbone = tiny_backbone(Bands(BANDS))
    feats = torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(0))
    main = MainGeometry(torch.zeros(0), torch.zeros(0), torch.zeros(64, 64, 64, dtype=torch.bool))
    given = (
        Kit(backbone, backbone.defaults),
        main,
        Slat(coords, feats),
        Reading("a figure wearing a cap", terms, terms, "figure", 1),
    )
    plain = extract_hints(*given)
    pixels = plain.masks.flatten(2).sum(2)
    assert plain.report == tuple(f"view {v + 1}, cap: {pixels[v, 0]} pixels" for v in range(YAWS))
    monkeypatch.setattr(grounded, "thresholds", Thresholds(detection=1.0, mask=0.0))
    backbone.segmenter = grounded
    scored = extract_hints(*given)
    assert len(scored.report) == YAWS and all(": nothing (best box " in line for line in scored.report)
    assert not scored.masks.any()


def test_a_line_lists_boxes_and_masks():
    found = Detections(torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 4), (0.451, 0.3), (0.93, 0.9), 0.451)
    assert found.line(1, "cap") == "view 1, cap: 6 pixels, boxes 0.45 0.30, masks 0.93 0.90"
