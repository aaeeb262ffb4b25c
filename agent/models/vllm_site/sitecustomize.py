"""Lets torchvision's CUDA-built wheel be imported beside a CPU build of torch, in vLLM and all of its processes.

Python runs this file at its start where its folder is on PYTHONPATH (`motionlaw.agent.models.vllm_server` puts it
there for vLLM on a CPU). Where torchvision's own operators load, nothing is declared.
"""

import importlib.util
from pathlib import Path

_declared: list[object] = []


def _declare_operators():
    found = importlib.util.find_spec("torchvision")  # finds it without importing it
    if found is None or importlib.util.find_spec("torch") is None:
        return
    import torch

    for library in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(library)
            return
        except OSError:  # built for another torch
            pass
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(operators)  # a library of declarations lives as long as a reference to it


_declare_operators()
