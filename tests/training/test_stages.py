"""The stages of training on small real data: each lowers its loss or raises its reward, and can go on."""

import json
import sys

import pytest
from training_small import build_laws, needs_train, train

pytestmark = [needs_train, pytest.mark.needs_train]
QUICK = (
    "--use_cpu", "true", "--bf16", "false", "--report_to", "none", "--gradient_checkpointing", "false", "--rows", "4",
)  # fmt: skip


@pytest.fixture(scope="module")
def laws(tmp_path_factory):
    """Two dozen oscillators."""
    return build_laws(tmp_path_factory.mktemp("data") / "laws", 24)


@pytest.fixture(scope="module")
def start(laws, tmp_path_factory):
    """A toy model with a tokenizer of its own."""
    folder = tmp_path_factory.mktemp("models") / "start"
    told = train("init", "--data", f"msi1={laws}", "--size", "toy", "--vocab_size", "800", "--output_dir", str(folder))
    assert told["weights"] > 100_000
    return folder


@pytest.fixture(scope="module")
def tuned(laws, start, tmp_path_factory):
    """The toy model after a few dozen updates."""
    folder = tmp_path_factory.mktemp("models") / "tuned"
    options = (
        "--model_name_or_path", str(start), "--data", f"msi2={laws}", "--output_dir", str(folder), "--max_steps", "30",
        "--per_device_train_batch_size", "4", "--learning_rate", "5e-3", "--logging_steps", "5", "--save_steps", "15",
        "--lr_scheduler_type", "constant",
    )  # fmt: skip
    return folder, train("sft", *options, *QUICK), options


def test_looking_is_learned(start, tmp_path):
    """The warm-up brings the loss down, and the disc nearer than the middle of the picture is."""
    words = ("--steps", "60", "--batch", "8", "--measured", "24", "--save_steps", "60", "--learning_rate", "1e-3")
    told = train("vision", "--checkpoint", str(start), "--output_dir", str(tmp_path / "seeing"), *words)
    assert told["after_loss"] < told["before_loss"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A toy model that is asked briefly."""
    folder = tmp_path_factory.mktemp("models") / "small"
    words = ("--data", "msi1=fresh:200:1", "--size", "toy", "--vocab_size", "560", "--form", "brief")
    train("init", *words, "--output_dir", str(folder))
    return folder


def test_brief_tuning_on_fresh_oscillators(small, tmp_path):
    """Oscillators are drawn as they are needed; Muon brings the loss down, stops, and goes on where it stopped."""
    options = [
        "--model_name_or_path", str(small), "--data", "msi1=fresh:400:1", "msi2=fresh:200:2", "--muon", "true",
        "--output_dir", str(tmp_path), "--max_steps", "16", "--per_device_train_batch_size", "8", "--logging_steps",
        "4", "--save_steps", "12", "--learning_rate", "2e-3", *QUICK,
    ]  # fmt: skip
    told = train("sft", *options)
    assert told["last_loss"] < 0.67 * told["first_loss"]
    options[options.index("--max_steps") + 1] = "18"
    train("sft", *options, "--resume", "true")
    state = json.loads((tmp_path / "checkpoint-18" / "trainer_state.json").read_text())
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [4, 8, 12, 16]


def test_a_packed_checkpoint_has_a_card_and_proposes_only(small, tmp_path):
    """Weights in half the bytes, the numbers in the card; opened for laws, refused for questions."""
    from motionlaw.agent.model import choose_model
    from motionlaw.tools.errors import UserError

    told = {"model": {"structure_reward": {"mean": 0.61, "stderr": 0.02, "scored": 200}}}
    measured, out = tmp_path / "measured.json", tmp_path / "packed"
    measured.write_text(json.dumps(told))
    train("pack", "--checkpoint", str(small), "--measured", str(measured), "--output_dir", str(out))
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (small, out)]
    assert 0.45 < sizes[1] / sizes[0] < 0.55
    card = (out / "README.md").read_text()
    assert "license: mit" in card and "| model | 0.610 ± 0.020 |" in card and "| 200 |" in card
    assert choose_model(str(out), talks=False).form == "brief"
    from motionlaw.training.collate import rendered
    from motionlaw.training.conversations import Asking, Source, msi1
    from motionlaw.training.model import load_checkpoint

    talk = msi1(next(Source.read("msi1=fresh:1:5").rows("train")), Asking("brief"))
    assert len({rendered(load_checkpoint(str(folder))[1], talk) for folder in (small, out)}) == 1
    with pytest.raises(UserError, match="only proposes laws"):
        choose_model(str(out))


def test_fresh_rows_are_judged_by_their_true_columns():
    """A motion shown as measured badly keeps its clean columns for the rewards."""
    import numpy as np

    from motionlaw.training.conversations import Asking, Source
    from motionlaw.training.grpo import law_task
    from motionlaw.training.rewards import accuracy_reward

    rows = list(Source.read("laws=fresh:12:5").rows("train"))
    exact = [np.array_equal(row["x"], row["clean"]["x"]) for row in rows]
    assert exact == [True, False] * 6
    tasks = [law_task(row, Asking("brief")) for row in rows]
    columns = {name: [task[name] for task in tasks] for name in ("law", *"txva")}
    answers = [task["reference"] for task in tasks]
    prompts = [task["prompt"] for task in tasks]
    assert accuracy_reward(prompts=prompts, completions=answers, **columns) == [1.0] * 12


def test_a_row_measured_badly_keeps_its_true_columns():
    """Ten per cent of noise on a hundred rows; the same whenever it is measured again."""
    import numpy as np

    from motionlaw.training.conversations import Source
    from motionlaw.training.measure import measured_row

    (row,) = Source.read("laws=fresh:1:5").rows("train")
    noisy, exact = measured_row(row, 100, 0.1), measured_row(row, 501, 0.0)
    assert noisy["x"] == measured_row(row, 100, 0.1)["x"]
    off = [np.std(np.array(each["x"]) - row["x"]) / np.std(row["x"]) for each in (exact, noisy)]
    assert off[0] < 0.005 < off[1] < 0.1
    assert noisy["clean"]["x"] is row["x"]


def test_many_pictures_at_once_give_the_tokens_of_each_alone(small):
    """The quick way through the tower has the same values as transformers' own."""
    import numpy as np
    import torch

    from motionlaw.training.model import load_checkpoint
    from motionlaw.training.tower import patches_of, picture_tokens
    from motionlaw.training.vision_targets import draw_discs, draw_oscillator_panels

    model, processor = load_checkpoint(str(small))
    for images in (draw_oscillator_panels(1, 0, 2).images[:, 0], draw_discs(np.random.default_rng(0), 2).images):
        quick = picture_tokens(model.model.visual, *patches_of(images, processor.image_processor))
        given = processor.image_processor(images=list(images), return_tensors="pt")
        slow = model.get_image_features(given["pixel_values"], given["image_grid_thw"]).pooler_output
        assert torch.allclose(quick, torch.stack(list(slow)), atol=1e-4)


def test_tuning_lowers_its_loss(tuned):
    """From random weights the loss on the answers falls by a third at least."""
    _, told, _ = tuned
    assert told["last_loss"] < 0.67 * told["first_loss"]


def test_tuning_goes_on_where_it_stopped(tuned, capsys):
    """With --resume the newest state is taken up, and the steps go on from there."""
    folder, _, options = tuned
    longer = [*options]
    longer[longer.index("--max_steps") + 1] = "35"
    train("sft", *longer, *QUICK, "--resume", "true")
    state = json.loads((folder / "checkpoint-35" / "trainer_state.json").read_text())
    assert state["global_step"] == 35
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry][:2] == [5, 10]


def test_lora_leaves_the_rest_as_it_is(laws, start, tmp_path):
    """Only the language model's projections change; the merged checkpoint loads without an adapter."""
    import torch

    from motionlaw.training.model import load_checkpoint

    out = tmp_path / "lora"
    target = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
    train(
        "sft", "--model_name_or_path", str(start), "--data", f"msi2={laws}", "--output_dir", str(out), "--max_steps",
        "2", "--per_device_train_batch_size", "2", "--learning_rate", "1e-2", "--use_peft", "true",
        "--lora_target_modules", target, "--logging_steps", "1", "--freeze_vision", "true", *QUICK,
    )  # fmt: skip
    before, after = (dict(load_checkpoint(str(each))[0].named_parameters()) for each in (start, out))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all("language_model" in name and "_proj" in name for name in changed)


def test_practice_raises_the_reward(laws, tuned, tmp_path):
    """GRPO on the form and structure of answers: the last quarter of the updates earns clearly more than the first."""
    out = tmp_path / "practised"
    told = train(
        "grpo", "--model_name_or_path", str(tuned[0]), "--data", f"laws={laws}", "--output_dir", str(out),
        "--rewards", "format_reward", "structure_reward", "--max_steps", "28", "--per_device_train_batch_size", "16",
        "--num_generations", "8", "--max_completion_length", "48", "--learning_rate", "2e-3", "--beta", "0.0",
        "--logging_steps", "1", "--save_strategy", "no", "--temperature", "1.0", *QUICK,
    )  # fmt: skip
    assert (out / "dry_run.json").is_file()
    assert told["last_reward"] > told["first_reward"] + 0.05


def test_calls_in_a_rollout_are_really_made(laws, start, tmp_path, monkeypatch):
    """A model that was taught to call `fit` calls it while it practises, and the tool answers without failing."""
    from transformers.utils import get_json_schema
    from trl import GRPOConfig, ModelConfig

    from motionlaw.training import conversations, grpo
    from motionlaw.training.options import read_options

    def calls(row, asking):
        parts, images = conversations.law_question(row, asking)
        parts[-1]["text"] += grpo.WITH_TOOL
        call = {"type": "function", "function": {"name": "fit", "arguments": {"formula": "-x - v"}}}
        asked, said = {"role": "user", "content": parts}, {"role": "assistant", "content": [], "tool_calls": [call]}
        return conversations.Conversation((asked, said), images, (get_json_schema(grpo.FitEnvironment().fit),))

    monkeypatch.setitem(conversations.TASKS, "calls", calls)
    taught = str(tmp_path / "taught")
    train(
        "sft", "--model_name_or_path", str(start), "--data", f"calls={laws}", "--output_dir", taught, "--max_steps",
        "70", "--per_device_train_batch_size", "4", "--learning_rate", "5e-3", "--save_strategy", "no",
        "--lr_scheduler_type", "constant", "--logging_steps", "5", *QUICK,
    )  # fmt: skip
    words = (
        "--model_name_or_path", taught, "--data", f"laws={laws}", "--output_dir", str(tmp_path / "out"), "--rewards",
        "structure_reward", "--tools", "true", "--max_steps", "1", "--per_device_train_batch_size", "4",
        "--num_generations", "4", "--max_completion_length", "160", "--beta", "0.0", "--logging_steps", "1",
        "--save_strategy", "no", "--temperature", "0.3", "--max_tool_calling_iterations", "1", *QUICK,
    )  # fmt: skip
    history = grpo.train_grpo(*read_options(words, grpo.GrpoSettings, GRPOConfig, ModelConfig))
    assert float(history[0]["tools/call_frequency"]) > 0.5
    assert float(history[0]["tools/failure_frequency"]) == 0.0


def test_a_dead_reward_stops_practice_before_it_starts(laws, tuned, tmp_path, monkeypatch):
    """The rehearsal on real rows refuses it by name."""
    from motionlaw.tools.errors import UserError
    from motionlaw.training import grpo

    def dead_reward(completions, **_):
        return [0.5] * len(completions)

    monkeypatch.setitem(grpo.REWARDS, "dead_reward", dead_reward)
    with pytest.raises(UserError, match="dead_reward is the same for every answer"):
        train(
            "grpo", "--model_name_or_path", str(tuned[0]), "--data", f"laws={laws}", "--output_dir", str(tmp_path),
            "--rewards", "dead_reward", *QUICK,
        )  # fmt: skip


def test_a_checkpoint_is_measured_beside_reference_and_usual_law(laws, tuned):
    """The reference earns 1, and the model's numbers come with errors."""
    told = train(
        "measure", "--checkpoint", str(tuned[0]), "--data", f"laws={laws}", "--split", "train", "--most", "4",
        "--rows", "4", "--max_tokens", "40",
    )  # fmt: skip
    assert told["reference"]["structure_reward"]["mean"] == 1.0
    assert set(told) == {"model", "reference", "most usual law"}
    assert 0.0 <= told["model"]["structure_reward"]["mean"] <= 1.0


def test_a_tuned_checkpoint_answers_like_any_model(tuned):
    """What was trained is opened by the agent as it is, and answers with a picture in the question."""
    import numpy as np

    from motionlaw.agent.messages import Message
    from motionlaw.agent.model import Sampling
    from motionlaw.agent.models.in_process import InProcessModel
    from motionlaw.agent.pictures import encode

    model = InProcessModel(tuned[0])
    asked = [Message.user(encode(np.full((112, 112, 3), 200, np.uint8)), "What law is it?")]
    reply = model.reply(asked, sampling=Sampling(max_tokens=24))
    assert reply.completion_tokens > 0 and reply.message.role == "assistant"


def test_options_that_make_no_sense_are_told():
    """Unknown stages' data and missing files end in a sentence."""
    from motionlaw.tools.errors import UserError

    with pytest.raises(UserError, match="cannot be read"):
        train("sft", "--config", "nowhere.yaml")
    with pytest.raises(UserError, match="TASK=FOLDER"):
        train("init", "--data", "laws", "--output_dir", "x")
    assert "torch" in sys.modules
