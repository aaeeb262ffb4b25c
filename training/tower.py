"""A vision tower of Qwen3-VL on many pictures of one size at once: the same weights and values, several times as fast.

transformers takes pictures of any sizes and attends within each in turn; where all are alike, and each is one frame
that fills both of a patch's two places in time, or two frames that fill one each, they are one batch. Training from
scratch on a CPU needs that.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def picture_tokens(visual: Any, pixels: Any, grid: tuple[int, int]) -> Any:
    """The merged tokens of pictures.

    Args:
        visual: The tower, ``Qwen3VLVisionModel``.
        pixels: From `patches_of`, shape (N, patches, values).
        grid: Rows and columns of patches.

    Returns:
        Shape (N, tokens, width of the language model).
    """
    import torch
    from torch.nn.functional import linear, scaled_dot_product_attention
    from transformers.models.qwen3_vl import modeling_qwen3_vl as source

    count, length, _ = pixels.shape
    merge, shape = visual.spatial_merge_size, torch.tensor([[1, *grid]])
    cos, sin = visual.rotary_pos_emb(pixels, source.get_vision_position_ids(shape, merge))
    places, shares = source.get_vision_interpolation_indices_and_weights(
        shape,
        num_grid_per_side=visual.num_grid_per_side,
        mode=visual.interpolation_mode,
        align_corners=visual.interpolation_align_corners,
        spatial_merge_size=merge,
    )

    def turned(each: Any) -> Any:
        half = each.shape[-1] // 2
        return each * cos + torch.cat((-each[..., half:], each[..., :half]), dim=-1) * sin

    projection = visual.patch_embed.proj
    weight = projection.weight
    weight = weight if pixels.shape[-1] == weight[0].numel() else weight.sum(dim=2)
    hidden = linear(pixels, weight.flatten(1), projection.bias)
    hidden = hidden + (visual.pos_embed(places) * shares[:, :, None]).sum(1)
    for block in visual.blocks:
        heads = block.attn.num_heads
        made = block.attn.qkv(block.norm1(hidden)).view(count, length, 3, heads, -1)
        query, key, value = made.permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(turned(query), turned(key), value)
        hidden = hidden + block.attn.proj(seen.transpose(1, 2).reshape(count, length, -1))
        hidden = hidden + block.mlp(block.norm2(hidden))
    return visual.merger(hidden.reshape(count * length, -1)).view(count, length // merge**2, -1)


def patches_of(images: np.ndarray, processor: Any) -> tuple[Any, tuple[int, int]]:
    """Pictures as patches in the order and scale of the image processor.

    Args:
        images: Shape (N, H, W, 3), uint8, H and W multiples of a merged patch; or pairs of them, shape (N, 2, H, W, 3).
        processor: The image processor, for its patch size, mean and spread.

    Returns:
        A tensor of shape (N, patches, 3 × patch²), or twice as many values, and the rows and columns of patches.
    """
    import torch

    count, patch, merge = len(images), processor.patch_size, processor.merge_size
    down, across = (side // (patch * merge) for side in images.shape[-3:-1])
    scaled = torch.from_numpy(np.ascontiguousarray(images)).float() / 255
    scaled = (scaled - torch.tensor(processor.image_mean)) / torch.tensor(processor.image_std)
    cut = scaled.reshape(count, -1, down, merge, patch, across, merge, patch, 3)
    rows = cut.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(count, down * across * merge**2, -1)
    return rows, (down * merge, across * merge)
