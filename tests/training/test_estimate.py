"""Estimates: weights are counted exactly, and recipes say what the trainer understands."""

import pytest
from training_small import needs_train

pytestmark = [needs_train, pytest.mark.needs_train]
RECIPES = ("cpu-tiny", "one-gpu", "qwen3-vl-8b-lora", "qwen2.5-vl-7b-full")


@pytest.fixture(scope="module", autouse=True)
def torch_is_ready():
    """torchvision beside a CPU build of torch needs a hand."""
    from motionlaw.agent.models.torch_setup import prepare_torch

    prepare_torch()


def test_weights_are_counted_without_being_made():
    """The count of a configuration is that of the model; the shipped sizes fit 40 MB in two bytes a weight."""
    from motionlaw.training.estimate import count_weights
    from motionlaw.training.model import SIZES, make_config, make_model
    from motionlaw.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["swings shrink"], vocab_size=512, context=512)
    model = make_model(SIZES["toy"], tokenizer)
    assert count_weights(model.config) == sum(weight.numel() for weight in model.parameters())
    for size in SIZES.values():
        config = make_config(size, tokenizer)
        config.text_config.vocab_size = 4096
        assert 2 * count_weights(config) <= 40e6


def test_the_large_recipe_needs_what_its_dimensions_say():
    """Qwen3-VL-8B's dimensions give 8.8 billion weights; LoRA needs a fraction of the memory of a full tuning."""
    from transformers import Qwen3VLConfig

    from motionlaw.training.estimate import count_weights, estimate

    config = Qwen3VLConfig(
        vision_config={
            "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "num_heads": 16, "out_hidden_size": 4096,
            "num_position_embeddings": 2304, "deepstack_visual_indexes": [8, 16, 24],
        },
        text_config={
            "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        },
        tie_word_embeddings=False,
    )  # fmt: skip
    weights = count_weights(config)
    assert weights == pytest.approx(8.77e9, rel=0.01)
    about = {
        "bytes_a_weight": 2, "bytes_a_trained": 2, "is_sharded": True, "batch": 2, "tokens": 8192, "steps": 100,
        "is_checkpointed": True, "operations_per_s": 3e14,
    }  # fmt: skip
    whole = estimate(config, weights=weights, trained=weights, **about)
    lora = estimate(config, weights=weights, trained=weights // 100, **about)
    assert whole.total_gib > 3 * lora.total_gib and lora.weights_gib == whole.weights_gib
    assert whole.hours > lora.hours > 0


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_understood(root, name, tmp_path):
    """Every option of a recipe is one of ours or of TRL's."""
    from trl import ModelConfig, SFTConfig, TrlParser

    from motionlaw.training.sft import SftSettings

    words = ["--config", str(root / f"training/configs/{name}.yaml"), "--output_dir", str(tmp_path), "--bf16", "false"]
    settings, arguments, model_arguments = TrlParser((SftSettings, SFTConfig, ModelConfig)).parse_args_and_config(words)
    assert settings.data and arguments.learning_rate > 0
    assert model_arguments.use_peft == ("lora" in name or name == "one-gpu")


def test_the_recipe_of_practice_is_understood(root, tmp_path):
    """Rewards have a weight each."""
    from trl import GRPOConfig, ModelConfig, TrlParser

    from motionlaw.training.grpo import GrpoSettings

    words = ["--config", str(root / "training/configs/cpu-tiny-grpo.yaml"), "--output_dir", str(tmp_path)]
    settings, arguments, _ = TrlParser((GrpoSettings, GRPOConfig, ModelConfig)).parse_args_and_config(words)
    assert len(settings.rewards) == len(arguments.reward_weights)
