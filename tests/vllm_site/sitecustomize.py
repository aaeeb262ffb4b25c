"""Lets torchvision's CUDA-built wheel be imported beside a CPU build of torch, in vLLM and all of its processes."""

import sys

try:
    import torch
except ModuleNotFoundError:
    pass
else:
    if torch.version.cuda is None and "torchvision" not in sys.modules:
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
