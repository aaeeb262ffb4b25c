"""Small vision-language models in the architecture of Qwen3-VL, and loading and saving of any size.

    motionlaw train init --data msi1=laws --size 4m --out start

A checkpoint is a folder that transformers and vLLM open alike. Weights are float32 while they are trained.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionlaw.agent.law_question import FULL
from motionlaw.tools.errors import UserError

# A picture is made no larger than this square, and has one token for each 16 pixels square. Patches of 16 pixels were
# tried on twice as large panels: the same tower then learned next to nothing in the same time.
PATCH, MERGE, SIDE_PX = 8, 2, 112
CONTEXT = 4096


@dataclass(frozen=True)
class Size:
    """The dimensions of a small model.

    Args:
        hidden: Width of the language model.
        layers: Its layers.
        heads: Its attention heads of 64.
        vision_hidden: Width of the vision tower.
        vision_layers: Its layers.
    """

    hidden: int
    layers: int
    heads: int
    vision_hidden: int
    vision_layers: int


SIZES = {
    "toy": Size(64, 2, 1, 64, 2),
    "2m": Size(192, 5, 3, 64, 1),  # for texts: the tower is there for the architecture's sake
    "3m": Size(192, 4, 3, 96, 4),
    "4m": Size(192, 5, 3, 128, 4),
    "10m": Size(320, 6, 5, 192, 5),
    "18m": Size(352, 8, 5, 224, 6),
}


def make_config(size: Size, tokenizer: Any, *, context: int = CONTEXT) -> Any:
    """The configuration of a small model, a `transformers.Qwen3VLConfig`."""
    from transformers import Qwen3VLConfig

    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in (
        "image_pad", "video_pad", "vision_start", "vision_end", "im_end", "endoftext"
    )}  # fmt: skip
    vision = {
        "depth": size.vision_layers,
        "hidden_size": size.vision_hidden,
        "intermediate_size": 3 * size.vision_hidden,
        "num_heads": max(1, size.vision_hidden // 32),
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "out_hidden_size": size.hidden,
        "num_position_embeddings": (SIDE_PX // PATCH) ** 2,
        "deepstack_visual_indexes": [size.vision_layers // 2],
    }
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": size.hidden,
        "intermediate_size": 3 * size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "max_position_embeddings": context,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [12, 10, 10],
            "mrope_interleaved": True,
        },
        "eos_token_id": ids["im_end"],
        "pad_token_id": ids["endoftext"],
        "bos_token_id": None,
        "tie_word_embeddings": True,
    }
    return Qwen3VLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=True,
    )


def make_processor(tokenizer: Any) -> Any:
    """The processor of a small model: pictures up to `SIDE_PX` squared, and frames likewise."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    sizes: dict[str, Any] = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": 2}
    least = (2 * PATCH * MERGE) ** 2
    pictures = Qwen2VLImageProcessor(**sizes, size={"shortest_edge": least, "longest_edge": SIDE_PX**2})
    sizes |= {"image_mean": pictures.image_mean, "image_std": pictures.image_std}  # a frame looks like a picture
    return Qwen3VLProcessor(
        image_processor=pictures,
        video_processor=Qwen3VLVideoProcessor(**sizes, size={"shortest_edge": least, "longest_edge": 32 * SIDE_PX**2}),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )


def form_of(model: Any) -> str:
    """How a model is asked about laws, see `motionlaw.agent.law_question`."""
    return str(getattr(model.config, "question_form", FULL))


def make_model(size: Size, tokenizer: Any, *, form: str = FULL, seed: int = 0) -> Any:
    """A model with random weights.

    The library's spread of 0.02 is meant for wide layers; narrow ones would hardly pass anything on. So every layer
    starts by its fan-in, those that end a block the weaker the more blocks there are, and the tokens that the tower
    hands to deeper layers of the language model start from zero.
    """
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    torch.manual_seed(seed)
    model: Any = Qwen3VLForConditionalGeneration(make_config(size, tokenizer))
    model.config.question_form = form
    for name, layer in model.named_modules():
        if isinstance(layer, (torch.nn.Linear, torch.nn.Conv3d)) and layer is not model.lm_head:
            ends = name.endswith(("attn.proj", "linear_fc2", "o_proj", "down_proj")) and "merger" not in name
            depth = size.vision_layers if ".visual." in name else size.layers
            weaker = (2 * depth) ** -0.5 if ends else 1.0
            torch.nn.init.normal_(layer.weight, std=weaker * layer.weight[0].numel() ** -0.5)
    for merger in model.model.visual.deepstack_merger_list:
        torch.nn.init.zeros_(merger.linear_fc2.weight)
    torch.nn.init.normal_(model.model.visual.pos_embed.weight, std=0.3)
    torch.nn.init.normal_(model.model.language_model.embed_tokens.weight, std=0.05)
    model.generation_config.eos_token_id = model.config.text_config.eos_token_id
    model.generation_config.pad_token_id = model.config.text_config.pad_token_id
    return model


def save_checkpoint(model: Any, processor: Any, folder: Path) -> None:
    """Writes weights, tokenizer, processors and template; vLLM reads the processors' own files."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    save_processor(processor, folder)


def save_processor(processor: Any, folder: Path) -> None:
    """Writes all of a checkpoint but its weights."""
    processor.save_pretrained(folder)
    for name, part in (
        ("preprocessor_config.json", processor.image_processor),
        ("video_preprocessor_config.json", processor.video_processor),
    ):
        (folder / name).write_text(json.dumps(part.to_dict(), default=str, indent=1), encoding="utf-8")


def load_checkpoint(folder: str, *, dtype: str = "float32") -> tuple[Any, Any]:
    """Loads a model and its processor from a folder, or from the hub where the machine has it.

    Returns:
        The model, and the processor.

    Raises:
        UserError: There is none.
    """
    from motionlaw.agent.models.torch_setup import prepare_torch

    prepare_torch()
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(folder)
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{folder} cannot be loaded as a vision-language model ({reason[:200]}).") from None
    return model, processor
