"""The small model in NumPy: the same numbers as transformers where that is installed, and sound where it is not."""

import importlib.util
import json
import shutil
import struct
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlaw.agent.hypothesise import propose_laws
from motionlaw.agent.law_answer import read_law
from motionlaw.agent.law_question import brief_question
from motionlaw.agent.messages import Message, VideoFrames
from motionlaw.agent.model import Sampling, choose_model
from motionlaw.agent.models.small import SmallModel
from motionlaw.agent.models.small_network import SmallNetwork
from motionlaw.agent.models.small_tokens import SmallTokenizer
from motionlaw.agent.pictures import encode
from motionlaw.tools.equation import parse
from motionlaw.tools.errors import UserError

EMBEDDED = Path(str(files("motionlaw.agent").joinpath("embedded")))
needs_serve = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "qwen_vl_utils")),
    reason="the extra [serve] is not installed",
)
SAMPLED = [Sampling(temperature=0.8, max_tokens=120, seed=seed) for seed in range(4)]


@pytest.fixture(scope="module")
def model():
    return SmallModel(EMBEDDED)


@pytest.fixture(scope="module")
def tokenizer():
    return SmallTokenizer(EMBEDDED / "tokenizer.json")


def asked(stiffness, damping):
    """The question about a damped spring, from its exact motion."""
    t = np.linspace(0, 20, 501)
    root = -damping / 2 + 1j * np.sqrt(stiffness - damping**2 / 4)
    x, v, a = (np.real(1.2 * root**k * np.exp(root * t)) for k in range(3))
    pictures, text = brief_question(np.column_stack([t, x, v, a]))
    return [Message.user(*pictures, text)]


SPRING = asked(2.0, 0.2)


class TestAnswers:
    """What it says; none of it needs torch."""

    @pytest.mark.parametrize(("stiffness", "damping"), [(1.5, 0.2), (3.0, 0.4)])
    def test_a_damped_spring_has_a_spring_and_a_damper(self, model, stiffness, damping):
        """It reads the two terms, with their signs, off the pictures of an exact motion."""
        law, _, chain = read_law(model.reply(asked(stiffness, damping)).message.text, ("x",))
        terms = parse(law["v"]).expand().as_coefficients_dict()
        assert terms[parse("x")] < 0 and terms[parse("v")] < 0
        assert "Terms: " in chain

    def test_what_it_sees_is_in_the_pictures(self, model):
        """The same words beside pictures of another motion get another answer."""
        other = asked(3.0, 0.4)[0].content[:-1]
        swapped = [Message.user(*other, SPRING[0].text)]
        own = model.reply(SPRING).message.text
        assert model.log_probability(SPRING, own) > model.log_probability(swapped, own)

    def test_its_own_answer_is_more_probable_than_its_words_shuffled(self, model):
        """And the most probable answer at each step beats what was drawn by chance."""
        own = model.reply(SPRING).message.text
        words = own.split(" ")
        shuffled = " ".join(np.random.default_rng(0).permutation(words))
        assert model.log_probability(SPRING, own) > model.log_probability(SPRING, shuffled) + 10

    def test_a_seed_draws_the_same_beside_others_and_alone(self, model):
        """Side by side, alone, and again: the same words; other seeds draw others."""
        together = [each.message.text for each in model.replies(SPRING, SAMPLED)]
        assert together == [model.reply(SPRING, sampling=sampling).message.text for sampling in SAMPLED]
        assert together == [each.message.text for each in model.replies(SPRING, SAMPLED[::-1])][::-1]
        assert len(set(together)) > 1

    def test_it_streams_what_it_replies(self, model):
        """The pieces are the reply; an answer that is cut off says so."""
        pieces = []
        reply = model.reply(SPRING, sampling=Sampling(max_tokens=5), on_text=pieces.append)
        assert "".join(pieces) == reply.message.text
        assert (reply.finish_reason, reply.completion_tokens) == ("length", 5)
        assert model.reply(SPRING).finish_reason == "stop"

    def test_what_it_cannot_do_is_said(self, model):
        """Tools, schemas, long films, pictures of any size, and conversations without end."""
        grey = np.full((40, 64, 3), 9, np.uint8)
        with pytest.raises(UserError, match="no tools"):
            model.reply(SPRING, tools=[{"name": "track"}])
        with pytest.raises(UserError, match="JSON schema"):
            model.reply(SPRING, sampling=Sampling(json_schema={}))
        with pytest.raises(UserError, match="films of two frames"):
            model.reply([Message.user(VideoFrames((encode(grey),), (0.0,)))])
        with pytest.raises(UserError, match="multiples of 16 pixels, got 64 x 40"):
            model.reply([Message.user(encode(grey))])
        with pytest.raises(UserError, match="too long for embedded"):
            model.reply([Message.user("1" * 5000)])
        with pytest.raises(UserError, match="did not answer within 1e-09 s"):
            model.reply(SPRING, sampling=Sampling(timeout_s=1e-9))

    def test_markup_in_the_words_of_others_is_defused(self, model):
        """A user's words cannot end a user's turn."""
        tokens, _ = model._prompt([Message.user("<|im_end|>")], room=1)
        assert tokens.count(model._tokenizer.id_of("<|im_end|>")) == 1


class TestNetwork:
    """The arithmetic."""

    def test_reading_at_once_is_reading_one_by_one(self, model):
        """The memory holds what was read: one pass over all tokens, or one token after the other."""
        tokens, seen = model._prompt(SPRING, room=20)
        more = model._tokenizer.encode("orbit inward; Terms: x, v.")
        whole, _ = model._network.read([*tokens, *more], seen)
        first, memory = model._network.read(tokens, seen, room=len(more))
        np.testing.assert_allclose(first, whole[: len(tokens)], atol=1e-3)
        for number, token in enumerate(more, start=len(tokens)):
            after, memory = model._network.go_on(np.array([token]), memory)
            np.testing.assert_allclose(after[0], whole[number], atol=1e-3)

    def test_a_picture_takes_its_place_in_rows_and_columns(self, model):
        """Turned upside down it is seen as another one: positions within it matter."""
        picture = np.zeros((32, 64, 3))
        picture[:8] = 1
        one, other = (model._network.see(each).tokens for each in (picture, picture[::-1]))
        assert one.shape == (8, 192) and np.abs(one - other).max() > 0.1

    @needs_serve
    def test_it_computes_what_transformers_computes(self, tmp_path):
        """Random weights, heads that share keys, pictures of two shapes: logits to five digits."""
        from motionlaw.agent.models.torch_setup import prepare_torch

        prepare_torch()
        import torch
        from tiny_checkpoint import write_checkpoint
        from transformers import AutoModelForImageTextToText

        rng = np.random.default_rng(0)
        folder = write_checkpoint(tmp_path / "tiny")
        network = SmallNetwork(folder)
        theirs = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        pictures = [rng.normal(size=(32, 64, 3)), rng.normal(size=(64, 48, 3))]
        seen = [network.see(each) for each in pictures]
        tokens = [5, 9, *[network.picture_token] * 8, 11, *[network.picture_token] * 12, *range(20, 60)]
        patches, grids = zip(*[patched(each) for each in pictures], strict=True)
        ids = torch.tensor([tokens])
        with torch.inference_mode():
            told = theirs(
                input_ids=ids, attention_mask=torch.ones_like(ids),
                mm_token_type_ids=(ids == network.picture_token).int(),
                pixel_values=torch.tensor(np.concatenate(patches)).float(), image_grid_thw=torch.tensor(grids),
            ).logits[0].numpy()  # fmt: skip
        mine, _ = network.read(tokens, seen)
        np.testing.assert_allclose(mine, told, atol=1e-5 * np.abs(told).max())

    @needs_serve
    def test_the_embedded_model_says_what_it_says_in_transformers(self, model):
        """The same tokens in, the same words out, as probable."""
        from motionlaw.agent.models.in_process import InProcessModel

        other = InProcessModel(EMBEDDED)
        for question in (SPRING, asked(3.0, 0.4)):
            mine, theirs = (each.reply(question, sampling=Sampling(max_tokens=120)) for each in (model, other))
            assert mine == theirs
            told = [each.log_probability(question, mine.message.text) for each in (model, other)]
            assert told[0] == pytest.approx(told[1], abs=1e-3)


def patched(picture):
    """A picture as transformers' processors cut it: patches of 8, those of a token together, each frame twice."""
    rows, columns = picture.shape[0] // 8, picture.shape[1] // 8
    cut = picture.reshape(rows // 2, 2, 8, columns // 2, 2, 8, 3).transpose(0, 3, 1, 4, 6, 2, 5)
    return np.repeat(cut.reshape(rows * columns, 3, 1, 64), 2, axis=2).reshape(rows * columns, -1), (1, rows, columns)


class TestTokens:
    """Texts to tokens and back."""

    @settings(max_examples=40, deadline=None)
    @given(st.text())
    def test_any_text_comes_back(self, tokenizer, text):
        """Whatever the letters; special tokens alone say nothing."""
        wanted = tokenizer._cut.sub(lambda found: "" if found[0].startswith("<|") else found[0], text)
        assert tokenizer.decode(tokenizer.encode(text)) == wanted

    def test_digits_stand_alone_and_phrases_do_not(self, tokenizer):
        """A number is as many tokens as it has digits; what is always said alike is one."""
        assert len(tokenizer.encode("1234")) == 4
        assert len(tokenizer.encode("symmetric; ")) < 6
        assert tokenizer.encode("<answer>a</answer>")[0] == tokenizer.id_of("<answer>")

    @needs_serve
    def test_tokens_are_those_of_the_library(self, tokenizer):
        """Hugging Face's own reader of the same file."""
        from tokenizers import Tokenizer

        library = Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
        words = "Motion of x. x -1.2 to 1.3e-05; 20 s; w1 = 1.7.  ", "<answer>a = -2*x</answer><|im_end|>\n", "añ ²٣ 🜂 "
        for text in (*words, *(part.text for part in SPRING[0].content if hasattr(part, "text"))):
            assert tokenizer.encode(text) == library.encode(text, add_special_tokens=False).ids


def add_weights(path, name, values):
    """Adds a tensor to a file of safetensors."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    head, body = json.loads(data[8 : 8 + size]), data[8 + size :] + values.astype("<f4").tobytes()
    place = [len(body) - values.size * 4, len(body)]
    head[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": place}
    told = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(told)) + told + body)


class TestFolders:
    """Checkpoints that it cannot run are refused in one sentence."""

    @pytest.fixture
    def copy(self, tmp_path):
        return shutil.copytree(EMBEDDED, tmp_path / "copy")

    def changed(self, path, change):
        told = json.loads(path.read_text("utf-8"))
        change(told)
        path.write_text(json.dumps(told))

    def test_no_checkpoint(self, tmp_path):
        """An empty folder."""
        with pytest.raises(UserError, match=r"no config\.json"):
            SmallModel(tmp_path)

    @pytest.mark.parametrize(
        ("name", "value"), [("hidden_act", "relu"), ("rope_parameters", {"rope_type": "yarn"})], ids=["act", "rope"]
    )
    def test_another_architecture(self, copy, name, value):
        """It says what is unlike, and what to do."""
        self.changed(copy / "config.json", lambda told: told["text_config"].update({name: value}))
        with pytest.raises(UserError, match=r"text_config.*not .*--model FOLDER, to run it in transformers"):
            SmallModel(copy)

    def test_more_layers_than_weights(self, copy):
        """It names the first weight that is not there."""
        self.changed(copy / "config.json", lambda told: told["text_config"].update(num_hidden_layers=9))
        with pytest.raises(UserError, match=r"it lacks 'model\.language_model\.layers\.4"):
            SmallModel(copy)

    def test_a_head_of_its_own(self, copy):
        """It is missed where the config promises one, and used where it is there."""
        self.changed(copy / "config.json", lambda told: told.update(tie_word_embeddings=False))
        with pytest.raises(UserError, match=r"it lacks 'lm_head\.weight'"):
            SmallNetwork(copy)
        add_weights(copy / "model.safetensors", "lm_head.weight", np.ones((531, 192), np.float32))
        logits, _ = SmallNetwork(copy).read([9, 10], [])
        assert np.ptp(logits, axis=1).max() < 1e-3 < np.abs(logits).max()

    def test_weights_cut_short(self, copy):
        """A file that was not copied whole."""
        path = copy / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(UserError, match="no weights"):
            SmallModel(copy)

    def test_another_tokenizer(self, copy):
        """Texts would be cut elsewhere, and every answer would be silently worse."""
        self.changed(copy / "tokenizer.json", lambda told: told.update(pre_tokenizer={"type": "Whitespace"}))
        with pytest.raises(UserError, match="no byte-level BPE"):
            SmallModel(copy)


def test_the_command_names_it(model):
    """--model embedded is this one, and it proposes laws of a table's motion, the same each time."""
    from motionlaw.tools.inputs import Inputs
    from motionlaw.tools.trajectory import Trajectory

    chosen = choose_model("embedded", talks=False)
    assert isinstance(chosen, SmallModel)
    t = np.linspace(0, 12, 300)
    run = Trajectory("run", t, ("y",), (np.exp(-0.1 * t) * np.cos(1.5 * t))[:, None], units=("m",))
    inputs = Inputs((run,), False, True, ())
    told = [propose_laws(inputs, each, samples=4, seed=5) for each in (chosen, model)]
    assert told[0] == told[1] and told[0].model == "embedded"
    assert any({"y", "v"} <= {str(s) for s in parse(each.law["v"]).free_symbols} for each in told[0].laws)
