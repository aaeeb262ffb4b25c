"""A tiny vision-language model with random weights, in the architecture of Qwen3-VL: real code, no real answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip
CORPUS = [
    "The red ball moves right at 0.5 m/s. <tool_call> </tool_call> <tool_response> </tool_response> <answer> </answer>",
    '{"name": "speed", "arguments": {"track": 1}} seconds 0123456789 user assistant system tool',
]
TEMPLATE = """\
{%- macro words(content) %}{%- if content is string %}{{ content }}\
{%- else %}{%- for part in content %}{{ part.text }}{%- endfor %}{%- endif %}{%- endmacro %}\
{%- if tools %}{{ '<|im_start|>system\\n' }}\
{%- if messages[0].role == 'system' %}{{ words(messages[0].content) + '\\n\\n' }}{%- endif %}\
{{ 'Tools:\\n<tools>' }}{%- for tool in tools %}{{ '\\n' + (tool | tojson) }}{%- endfor %}\
{{ '\\n</tools>\\nCall: <tool_call>{"name": ..., "arguments": {...}}</tool_call><|im_end|>\\n' }}\
{%- elif messages[0].role == 'system' %}\
{{ '<|im_start|>system\\n' + words(messages[0].content) + '<|im_end|>\\n' }}{%- endif %}\
{%- for message in messages %}{%- if message.role != 'system' %}\
{{ '<|im_start|>' + ('user' if message.role == 'tool' else message.role) + '\\n' }}\
{%- if message.role == 'tool' %}{{ '<tool_response>\\n' + words(message.content) + '\\n</tool_response>' }}\
{%- elif message.content is string %}{{ message.content }}\
{%- else %}{%- for part in message.content %}\
{%- if part.type in ('image', 'image_url') %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}\
{%- elif part.type in ('video', 'video_url') %}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}\
{%- else %}{{ part.text }}{%- endif %}{%- endfor %}{%- endif %}\
{%- for call in message.tool_calls or [] %}\
{{ '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}\
{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}\
{{ '}\\n</tool_call>' }}{%- endfor %}\
{{ '<|im_end|>\\n' }}{%- endif %}{%- endfor %}\
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"""


def write_checkpoint(folder: Path, *, seed: int = 0, context: int = 2048) -> Path:
    """Writes a checkpoint of about a million weights, with its tokenizer, processors and chat template.

    Args:
        folder: Where; made if it is not there.
        seed: Of the weights.
        context: Most tokens that it takes.

    Returns:
        The folder.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=512, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=context
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    sizes = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    pixels = {"size": {"shortest_edge": 16 * 16, "longest_edge": 112 * 112}}
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(**sizes, **pixels),
        video_processor=Qwen3VLVideoProcessor(**sizes, size={"shortest_edge": 16 * 16, "longest_edge": 32 * 112 * 112}),
        tokenizer=tokenizer,
        chat_template=TEMPLATE,
    )
    vision = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "patch_size": 8,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 128, "num_position_embeddings": 196,
        "deepstack_visual_indexes": [0],
    }  # fmt: skip
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "max_position_embeddings": context,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [12, 10, 10], "mrope_interleaved": True,
        },
        "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"], "bos_token_id": None,
    }  # fmt: skip
    config = Qwen3VLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    # vLLM reads the processors' own files.
    for name, part in (
        ("preprocessor_config.json", processor.image_processor),
        ("video_preprocessor_config.json", processor.video_processor),
    ):
        (folder / name).write_text(json.dumps(part.to_dict(), default=str, indent=1))
    return folder


if __name__ == "__main__":
    write_checkpoint(Path(sys.argv[1]))
