"""Chains of changed films: true ones are right, agree with themselves and follow; others show where they fail."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from motionlaw.agent.mcot import Chain, write_chain
from motionlaw.agent.mcot_changes import CHANGES
from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.cli import app
from motionlaw.data_builders.chains import chain_of
from motionlaw.data_builders.clips import Clip
from motionlaw.eval import chains
from motionlaw.eval.chains import ChainSettings, changed_clip, follows, measured_chain, run_chains
from motionlaw.tools.errors import UserError
from motionlaw.tools.trajectory import Track

T = np.arange(30) / 10


def track(number, name, x, y):
    place = np.stack([x + 0 * T, y + 0 * T], axis=1)
    return Track(number, name, np.arange(30), T, place, np.ones(30), np.hstack([place - 10, place + 10]))


def clip():
    """A ball that goes right and comes back, and a block that rises."""
    ball = track(0, "red ball", 60 + 60 * np.minimum(T, 4.0 - T), 50)
    frames = np.zeros((30, 120, 240, 3), np.uint8)
    return Clip("two", (ball, track(1, "blue block", 200, 100 - 20 * T)), 240, 120, 10.0, T, _frames=lambda: frames)


@pytest.mark.parametrize("change", CHANGES)
def test_true_chains_follow_every_change(change):
    """Backwards, mirrored, faster, frozen: all that is said is right and the same, but where stretches are cut."""
    plain, changed = clip(), changed_clip(clip(), change)
    told = chain_of(changed)
    scores = measured_chain(told, changed)["scores"]
    assert scores["direction"] == scores["scale"] == 1.0 and scores["coverage"] > 0.9
    assert follows(chain_of(plain), told, change, plain, changed) > 0.75


@pytest.mark.parametrize("change", ["reversed", "mirrored", "frozen"])
def test_what_is_told_of_every_film_alike_does_not_follow(change):
    """The chain of the film as it is, said of the changed one."""
    plain, changed = clip(), changed_clip(clip(), change)
    always = chain_of(plain)
    assert follows(always, always, change, plain, changed) < 0.75
    assert measured_chain(always, changed)["scores"]["direction"] < 0.8


def test_an_empty_chain_covers_nothing_and_is_not_scored_where_nothing_is_said():
    """Nothing right, nothing wrong, nothing covered."""
    scores = measured_chain(Chain(), clip())["scores"]
    assert (scores["coverage"], scores["agreement"]) == (0.0, 0.0)
    assert scores["direction"] is scores["itself"] is scores["boxes"] is None
    assert follows(Chain(), Chain(), "reversed", clip(), clip()) is None


def test_any_model_is_scored_by_one_command_and_a_stopped_run_goes_on(tmp_path, monkeypatch):
    """A model that knows the chain of the film as it is and says it of all: right once, and follows in few."""
    reply = write_chain(chain_of(clip()))
    model = ScriptedModel([reply] * 5)
    model.close = lambda: None
    monkeypatch.setattr(chains, "choose_model", lambda text, **_: model)
    monkeypatch.setattr(chains, "_films", lambda count: [clip()])
    out = tmp_path / "run"
    command = ["eval", "chains", "--model", "scripted", "--items", "1", "--out", str(out), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    results = json.loads(done.stdout)["results"]
    assert results["as it is"]["direction"]["mean"] == 1.0 > results["mirrored"]["direction"]["mean"]
    assert results["as it is"]["follows"]["mean"] is None and results["reversed"]["follows"]["mean"] < 1.0
    assert "| frozen |" in (out / "table.md").read_text()
    _, rows = run_chains(ChainSettings("scripted", items=1), out, resume=True)
    assert len(rows) == len(model.asked) == 5


def test_no_films_are_refused():
    """A number that asks for nothing."""
    with pytest.raises(UserError, match="items must be at least 1"):
        ChainSettings(items=0)
