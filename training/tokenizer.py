"""A tokenizer of our own: byte-level BPE with Qwen's special tokens, trained on the texts that the model will see.

Digits stand alone, so that a number is read off and written digit by digit. A phrase, words with their spaces, may
become one token: what is always said alike costs next to nothing; for questions in free words, where nothing is said
alike, a token is a word at most. Marks between words never join them, so that the terms of a law stay apart. The chat
template is Qwen3-VL's, taken from the installed TRL, which knows templates by their bytes and then can train on answers
alone and read tool calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from motionlaw.tools.errors import UserError

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
# Markup that is always one token, and stays in decoded text.
MARKUP = (
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>", "<answer>",
    "</answer>", "<obj>", "</obj>", "<box>", "</box>", "<t>", "</t>", "<motion",
)  # fmt: skip
END, PAD = "<|im_end|>", "<|endoftext|>"
# A phrase; marks with the spaces about them; a digit; space.
PHRASE = r" ?[A-Za-z]+(?: [A-Za-z]+)* ?| ?[^\sA-Za-z0-9]+ ?|[0-9]|\s+"
WORD = r" ?[A-Za-z]+| ?[^\sA-Za-z0-9]+ ?|[0-9]|\s+"
FEWEST = 512


def train_tokenizer(texts: Iterable[str], *, vocab_size: int, context: int, longest: str = PHRASE) -> Any:
    """Trains a tokenizer.

    Args:
        texts: What to train on.
        vocab_size: Number of tokens, special ones included; less where the texts hold no more.
        context: Most tokens of a conversation.
        longest: The pattern of what may become one token: `PHRASE` or `WORD`.

    Returns:
        A `transformers.PreTrainedTokenizerFast`.

    Raises:
        UserError: The size does not hold the bytes and the special tokens.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast
    from trl.chat_template_utils import qwen3_vl_chat_template

    if vocab_size < FEWEST:
        raise UserError(f"vocab_size must be at least {FEWEST}, got {vocab_size}.")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(longest), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(MARKUP),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(word, normalized=False) for word in MARKUP])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD, model_max_length=context)
    tokenizer.chat_template = qwen3_vl_chat_template
    return tokenizer
