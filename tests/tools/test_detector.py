"""A detector's way from a local checkpoint to named boxes, with small models of random weights made here."""

import numpy as np
import pytest

from motionlaw.tools.errors import UserError
from motionlaw.tools.tracking.detector import detect

IMAGE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def rt_detr(tmp_path_factory):
    """RT-DETR of two classes, a few thousand weights, saved as Hugging Face saves it."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from motionlaw.agent.models.torch_setup import prepare_torch

    prepare_torch()
    import torch
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrImageProcessor, RTDetrResNetConfig

    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrConfig(
        backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[16, 16, 32], encoder_layers=1,
        encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=10, decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16, decoder_layers=1, decoder_attention_heads=2, feat_strides=[8, 16, 32], num_denoising=0,
        hidden_expansion=0.5, id2label={0: "ball", 1: "person"}, label2id={"ball": 0, "person": 1},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("rt-detr")
    RTDetrForObjectDetection(config).save_pretrained(folder)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def grounding_dino(tmp_path_factory):
    """Grounding DINO with a vocabulary of a dozen words."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from motionlaw.agent.models.torch_setup import prepare_torch

    prepare_torch()
    import torch
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("grounding-dino")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "a", "ball", "person", "red", "swan"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    swin = SwinConfig(
        image_size=64, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    text = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = GroundingDinoConfig(
        backbone_config=swin, text_config=text, d_model=32, num_queries=10, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_n_points=2, decoder_n_points=2,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    images = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def test_a_zero_shot_detector_looks_for_the_words_it_is_told(grounding_dino):
    """Names are among those asked for, boxes are the frame's; without a word it is refused."""
    found = detect(IMAGE, ["red ball", "person"], checkpoint=str(grounding_dino), threshold=0.0)
    assert found
    boxes = np.array([each.xyxy for each in found])
    assert np.isfinite(boxes).all() and boxes[:, [0, 2]].max() <= 2 * 64 and boxes[:, [1, 3]].max() <= 2 * 48
    with pytest.raises(UserError, match="must be told what to look for"):
        detect(IMAGE, [], checkpoint=str(grounding_dino))


def test_fixed_classes_give_named_boxes_in_the_frames_pixels(rt_detr):
    """Random weights see something everywhere: names are the classes', boxes lie about the frame, surest first."""
    found = detect(IMAGE, [], checkpoint=str(rt_detr), threshold=0.0)
    assert found and {each.label for each in found} <= {"ball", "person"}
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    boxes = np.array([each.xyxy for each in found])
    assert boxes.shape[1:] == (4,) and boxes[:, [0, 2]].max() <= 2 * 64 and boxes[:, [1, 3]].max() <= 2 * 48


def test_only_the_classes_asked_for_come_back_and_unknown_ones_are_told(rt_detr):
    """Whatever the case of letters."""
    found = detect(IMAGE, ["Person"], checkpoint=str(rt_detr), threshold=0.0)
    assert {each.label for each in found} <= {"person"}
    with pytest.raises(UserError, match="It knows ball, person"):
        detect(IMAGE, ["swan"], checkpoint=str(rt_detr))


def test_a_folder_that_holds_no_detector_is_one_sentence(tmp_path):
    """An empty folder."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match="must be a detector's checkpoint with safetensors"):
        detect(IMAGE, ["ball"], checkpoint=str(tmp_path))
