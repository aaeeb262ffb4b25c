"""Recipes: each takes a real step with the options of its very file, on a model that has all parts at toy width.

What a machine without a GPU forces is put on the command line: the folders, ``use_cpu``, and one step. Numbers
are bfloat16 and activations are computed again where the recipe says so.
"""

import json

import pytest
from training_small import build_laws, needs_train, train

pytestmark = [needs_train, pytest.mark.needs_train]
# Without a warm-up, since the first rate of one is nought.
STEPS = (
    "--use_cpu", "true", "--max_steps", "1", "--warmup_steps", "0", "--logging_steps", "1", "--save_strategy", "no",
)  # fmt: skip
PATCH_25 = 14


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Laws, chains and traces of `motionlaw build`, a few of each, as the recipes name them."""
    from motionlaw.data_builders.build import BuildSettings, build

    folder = tmp_path_factory.mktemp("data")
    build_laws(folder / "laws", 4)
    build(BuildSettings("mcot", 1, 0), folder / "chains")
    build(BuildSettings("traces", 1, 0), folder / "traces")
    return [f"{task}={folder / name}" for task, name in (
        ("msi1", "laws"), ("msi2", "laws"), ("mcot", "chains"), ("traces", "traces")
    )]  # fmt: skip


@pytest.fixture(scope="module")
def qwen3(sources, tmp_path_factory):
    """Qwen3-VL at toy width, from `motionlaw train init`."""
    folder = tmp_path_factory.mktemp("models") / "qwen3"
    train("init", "--data", *sources, "--size", "toy", "--vocab_size", "1200", "--output_dir", str(folder))
    return folder


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    """A toy that is asked briefly, as the recipe for a CPU expects."""
    folder = tmp_path_factory.mktemp("models") / "brief"
    words = ("--data", "msi1=fresh:40:1", "--size", "toy", "--vocab_size", "560", "--form", "brief")
    train("init", *words, "--output_dir", str(folder))
    return folder


@pytest.fixture(scope="module")
def qwen25(qwen3, tmp_path_factory):
    """Qwen2.5-VL at toy width: its own layers, windows, processors and template, which knows no tools."""
    import torch
    from transformers import (
        AutoTokenizer,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )
    from trl.chat_template_utils import qwen2_5_vl_chat_template

    tokenizer = AutoTokenizer.from_pretrained(qwen3)
    tokenizer.chat_template = qwen2_5_vl_chat_template
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in (
        "image_pad", "video_pad", "vision_start", "vision_end", "im_end", "endoftext"
    )}  # fmt: skip
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 16384, "bos_token_id": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]},
        "eos_token_id": ids["im_end"], "pad_token_id": ids["endoftext"],
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "patch_size": PATCH_25,
        "out_hidden_size": 64, "window_size": 112, "fullatt_block_indexes": [1],
    }  # fmt: skip
    marks = {f"{name}_token_id": ids[mark] for name, mark in (
        ("image", "image_pad"), ("video", "video_pad"), ("vision_start", "vision_start"), ("vision_end", "vision_end")
    )}  # fmt: skip
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **marks))
    least, most = (2 * 2 * PATCH_25) ** 2, (4 * 2 * PATCH_25) ** 2
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size={"shortest_edge": least, "longest_edge": most}),
        video_processor=Qwen2VLVideoProcessor(size={"shortest_edge": least, "longest_edge": 16 * most}),
        tokenizer=tokenizer,
        chat_template=qwen2_5_vl_chat_template,
    )
    folder = tmp_path_factory.mktemp("models") / "qwen25"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tuned(root, recipe, model, sources, out, *words):
    """Runs a recipe; what its steps told, and which weights they changed."""
    import torch

    from motionlaw.training.model import load_checkpoint

    config = str(root / f"training/configs/{recipe}.yaml")
    options = ("--model_name_or_path", str(model), "--data", *sources, "--output_dir", str(out), *STEPS, *words)
    told = train("sft", "--config", config, *options)
    before, after = (dict(load_checkpoint(str(each), dtype="bfloat16")[0].named_parameters()) for each in (model, out))
    assert before.keys() == after.keys()
    return told, {name for name in before if not torch.equal(before[name], after[name])}, before


@pytest.mark.parametrize("recipe", ["one-gpu", "qwen3-vl-8b-lora"])
def test_lora_recipes_change_the_language_model_alone(root, recipe, qwen3, sources, tmp_path, capsys):
    """In bfloat16 with activations computed again, gradients reach every projection of every layer, and only them."""
    words = ("--gradient_accumulation_steps", "4", "--learning_rate", "1e-2")
    told, changed, every = tuned(root, recipe, qwen3, sources, tmp_path, *words)
    assert changed == {name for name in every if ".language_model." in name and "_proj." in name}
    assert told["first_loss"] > 0
    shown = capsys.readouterr().err
    assert shown.index("Memory") < shown.index("'loss'") and shown.count("Memory") == 1


def test_the_full_recipe_trains_all_but_the_tower(root, qwen25, sources, tmp_path):
    """Qwen2.5-VL with its own processor: all weights of the language model change, none of the tower."""
    _, changed, every = tuned(root, "qwen2.5-vl-7b-full", qwen25, sources, tmp_path, "--learning_rate", "1e-2")
    assert changed == {name for name in every if ".visual." not in name}
    assert json.loads((tmp_path / "resolved.json").read_text())["SftSettings"]["freeze_vision"] is True


def test_calls_are_worded_for_a_template_without_tools(qwen25, sources):
    """Qwen2.5-VL's template leaves calls out; it is taught to call in the words in which the agent asks it."""
    from motionlaw.agent.messages import Image, Message, ToolCall
    from motionlaw.agent.models.wire import to_wire
    from motionlaw.training.collate import IGNORED, Collator, rendered
    from motionlaw.training.conversations import Asking, Source, traces
    from motionlaw.training.model import load_checkpoint

    _, processor = load_checkpoint(str(qwen25))
    talk = traces(next(Source.read(sources[-1]).rows("train")), Asking())
    assert any(message.get("tool_calls") for message in talk.messages)

    def value(message):
        text = "".join(part.get("text", "") for part in message["content"])
        if message["role"] == "tool":
            return Message.tool("call", text)
        if message["role"] == "assistant":
            calls = [each["function"] for each in message.get("tool_calls", ())]
            return Message.assistant(text, tool_calls=[ToolCall("", each["name"], each["arguments"]) for each in calls])
        return Message.user(*(part["text"] if part["type"] == "text" else Image(b".") for part in message["content"]))

    asked = to_wire([value(message) for message in talk.messages], tools_as_text=talk.tools)
    assert rendered(processor, talk) == processor.apply_chat_template(asked, tokenize=False)
    labels = Collator(processor)([talk.to_dict()])["labels"][0]
    said = processor.tokenizer.decode(labels[labels != IGNORED])
    assert said.count("<tool_call>") == said.count("<|im_end|>") - 1 > 0


def test_films_of_qwen25_are_seen_whole(qwen25):
    """A film has a token for each merged square of two frames, and two frames are as far apart in time as they are."""
    import numpy as np
    import torch

    from motionlaw.agent.pictures import encode
    from motionlaw.training.collate import Collator
    from motionlaw.training.conversations import Conversation
    from motionlaw.training.model import load_checkpoint

    model, processor = load_checkpoint(str(qwen25))
    frames = tuple(encode(np.full((56, 56, 3), shade, np.uint8)).data for shade in (0, 80, 160, 240))
    asked = {"role": "user", "content": [{"type": "video"}]}
    said = {"role": "assistant", "content": [{"type": "text", "text": "It moves."}]}
    talk = Conversation((asked, said), frames, times=((7.0, 8.0, 9.0, 10.0),))
    batch = Collator(processor)([talk.to_dict()])
    assert batch["video_grid_thw"].tolist() == [[2, 4, 4]]
    assert int((batch["input_ids"] == model.config.video_token_id).sum()) == 2 * 4 * 4 // 4
    assert [float(each) for each in batch["second_per_grid_ts"]] == [2.0]
    assert torch.isfinite(model(**batch).loss)


@pytest.mark.parametrize(
    ("recipe", "model", "exact"),
    [("cpu-tiny", "brief", False), ("one-gpu", "qwen3", True), ("qwen2.5-vl-7b-full", "qwen25", True)],
)
def test_the_estimate_of_memory_is_what_the_tensors_hold(
    root, request, recipe, model, exact, sources, tmp_path, monkeypatch
):
    """Weights, gradients and AdamW's numbers of a step are those that were told; with Muon all to a third, and more."""
    from transformers import TrainerCallback

    from motionlaw.training import sft, trainer

    def size(tensors):
        return sum(each.numel() * each.element_size() for each in tensors)

    seen = {}

    class Watch(TrainerCallback):
        def on_pre_optimizer_step(self, *_, model, **__):
            seen["gradients"] = size(weight.grad for weight in model.parameters() if weight.grad is not None)

        def on_step_end(self, *_, model, optimizer, **__):
            parts = optimizer.state_dict()
            states = [state for part in parts.get("parts", [parts]) for state in part["state"].values()]
            numbers = [value for state in states for value in state.values() if value.ndim]
            seen.update(weights=size(model.parameters()), optimizer=size(numbers))

    def watched(made, *arguments, **options):
        made.add_callback(Watch())
        return trainer.run_trainer(made, *arguments, **options)

    tell = trainer.tell_estimate
    monkeypatch.setattr(trainer, "tell_estimate", lambda *a, **b: seen.setdefault("told", tell(*a, **b)))
    monkeypatch.setattr(sft, "run_trainer", watched)
    data = sources if model != "brief" else ["msi1=fresh:8:2"]
    start = request.getfixturevalue(model)
    _, changed, _ = tuned(root, recipe, start, data, tmp_path, "--gradient_accumulation_steps", "1")
    told = {name: getattr(seen["told"], f"{name}_gib") * 2**30 for name in ("weights", "gradients", "optimizer")}
    kept = {name: seen[name] for name in told}
    assert changed
    if exact:
        assert told == pytest.approx(kept, rel=0.01)
    else:
        assert sum(kept.values()) < sum(told.values()) < 4 / 3 * sum(kept.values())


def test_shared_out_weights_cost_each_process_its_share():
    """ZeRO-3 over eight processes: an eighth of 16 bytes a weight, activations for each, an eighth of the time."""
    from transformers import Qwen2_5_VLConfig

    from motionlaw.training.estimate import count_weights, estimate

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4,
        },
        vision_config={
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584,
        },
        tie_word_embeddings=False,
    )  # fmt: skip
    weights = count_weights(config)
    assert weights == pytest.approx(8.292e9, rel=0.001)  # as published
    about = {
        "weights": weights, "trained": weights, "bytes_a_weight": 2, "bytes_a_trained": 2, "batch": 1, "tokens": 12288,
        "steps": 10, "is_checkpointed": True, "operations_per_s": 3e14, "is_sharded": True,
    }  # fmt: skip
    one, eight = estimate(config, **about), estimate(config, processes=8, **about)
    kept = eight.weights_gib + eight.gradients_gib + eight.optimizer_gib
    assert kept * 2**30 == pytest.approx(16 * weights / 8)
    assert eight.activations_gib == one.activations_gib and eight.tokens == 8 * one.tokens
    assert eight.hours == pytest.approx(one.hours)
    assert eight.total_gib < 80 < one.total_gib


def test_gspo_takes_a_step(root, qwen3, sources, tmp_path):
    """Practice with importance by sequences, in the options of the recipe."""
    told = train(
        "grpo", "--config", str(root / "training/configs/cpu-tiny-grpo.yaml"), "--model_name_or_path", str(qwen3),
        "--data", sources[0].replace("msi1", "laws"), "--output_dir", str(tmp_path), "--max_steps", "1", "--rows", "4",
        "--importance_sampling_level", "sequence", "--max_completion_length", "8", "--per_device_train_batch_size", "4",
        "--num_generations", "4",
    )  # fmt: skip
    resolved = json.loads((tmp_path / "resolved.json").read_text())
    assert resolved["GRPOConfig"]["importance_sampling_level"] == "sequence"
    assert 0.0 <= told["last_reward"] <= 2.2 and (tmp_path / "model.safetensors").is_file()
