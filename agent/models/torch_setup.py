"""What must be done before transformers can be used: one thread or few, and torchvision beside a CPU build of torch.

torchvision's wheel is built for CUDA. Beside a CPU build of torch its operators are not registered and it cannot even
be imported, which takes all processors for pictures and videos with it. They do not use these operators: declaring the
two that are looked for at import is enough.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

from motionlaw.tools.errors import missing_extra

OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# A library of declarations lives as long as this reference to it.
_declared: list[object] = []


def prepare_torch() -> None:
    """Makes torch and torchvision importable; does nothing where they are.

    Raises:
        UserError: The extra is not installed.
    """
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra("A model in this process", package, "serve")
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is not None:
        _import_torchvision()
    from transformers.utils import logging

    logging.set_verbosity_error()  # its advice is for programmers; what users must know is an error of ours
    logging.disable_progress_bar()


def _import_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for name in OPERATORS:
            library.define(f"{name}{SIGNATURE}")
        _declared.append(library)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        importlib.import_module("torchvision")
