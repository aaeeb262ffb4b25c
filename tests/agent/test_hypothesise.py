"""Laws proposed by a model: read tolerantly and safely, fitted again, and chosen by the data alone."""

import json
import re
import time

import numpy as np
import pytest
from chat_server import chat_server
from scipy.integrate import odeint
from typer.testing import CliRunner

from motionlaw.agent.hypothesise import propose_laws
from motionlaw.agent.law_answer import read_law
from motionlaw.agent.law_question import brief_question, question, smoothed
from motionlaw.agent.messages import Image
from motionlaw.agent.models.scripted import ScriptedModel
from motionlaw.agent.pictures import decode
from motionlaw.cli import app
from motionlaw.tools.discover import discover_inputs
from motionlaw.tools.discovery import DiscoverySettings
from motionlaw.tools.dynamics import Model, simulate
from motionlaw.tools.equation import parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.inputs import Inputs
from motionlaw.tools.trajectory import Trajectory


def swing(formula="-4*x - 0.2*v", rows=300, noise=0.0, first=(1.2, 0.0)):
    """A run of x'' = formula over twelve seconds, with noise as a share of its spread."""
    t = np.linspace(0, 12, rows)
    x = simulate(Model(2, ("x",), (parse(formula),), (), np.empty(0)), t, np.array(first), longest_step=0.01)[:, :1]
    x = x + noise * x.std() * np.random.default_rng(0).normal(size=x.shape)
    return Inputs((Trajectory("run", t, ("x",), x, units=("m",)),), False, True, ())


def answer(law, chain="It spirals inward."):
    return f"{chain}\n<answer>{law}</answer>"


WRITTEN = [
    "a = -4*x - 0.2*v", "a = -4 x - 0.2 v", "x'' = -4x - 0.2x'", "dv/dt = -4*x-0.2*v", "v' = -4*x - 0.2*v",
    r"\ddot{x} = -4x - 0.2\dot{x}", r"$$\ddot{x} = -4\,x - 0.2\,v$$", "-4*x - 0.2*v", "```\na = -4*x - 0.2*v\n```",
    r"\frac{d^2x}{dt^2} = -4x - 0.2v", "a(x, v, t) = −4·x − 0.2·v",
]  # fmt: skip


@pytest.mark.parametrize("law", WRITTEN)
def test_a_law_is_read_however_it_is_written(law):
    """Left-hand sides, powers, fences, LaTeX and typographic signs are forgiven."""
    law, *_ = read_law(answer(law), ("x",))
    assert parse(law["v"]).equals(parse("-4*x - 0.2*v"))


def test_the_chain_stands_beside_the_law():
    """What comes before the answer is the reasoning; tags of thought are taken off."""
    text = "<think>It swings.\nIt loses energy.</think><answer>a = -x - v</answer>"
    assert read_law(text, ("x",)) == ({"v": "-x - v"}, "a = -x - v", "It swings.\nIt loses energy.")


def test_an_answer_without_tags_is_its_last_equation():
    """Models forget the tags; one line that is an equation is still a law."""
    assert read_law("A spring, since x = 0 is at rest.\nTogether: a = -x^3", ("x",))[0] == {"v": "-x**3"}


def test_letters_are_constants_to_be_fitted():
    """A formula in k and c has the structure; its numbers come from the data."""
    assert read_law(answer(r"a = -k x - \gamma v"), ("x",))[0] == {"v": "-1.1*x - 1.1*v"}


def test_several_coordinates_need_an_equation_each():
    """One line a coordinate, in either spelling."""
    law = {"v_x": "-x", "v_y": "-9.8"}
    assert read_law(answer("a_x = -x\na_y = -9.8"), ("x", "y"))[0] == law
    assert read_law(answer("x'' = -x; y'' = -9.8"), ("x", "y"))[0] == law


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It swings.", "no <answer> and no equation"),
        (f"{answer('a = -x')} or {answer('a = -v')}", "exactly one <answer>, got 2"),
        (answer("a = -x\na = -v"), "exactly one law"),
        (answer("a = __import__('os').system('x')"), "."),
        (answer("a = exp(exp(exp(9*x)))**99999999"), "."),
        (answer("E = m*v^2/2"), "no acceleration"),
        (answer("a = " + " + ".join(f"k{n}*x" for n in range(20))), "letters"),
        (answer(""), "no equation for v"),
        (answer("a = " + "(" * 500), "."),
    ],
    ids=["words", "two answers", "two laws", "code", "bomb", "energy", "alphabet", "empty", "brackets"],
)
def test_what_is_no_law_is_refused_with_a_reason(text, words):
    """Nothing is run, and the reason is a sentence."""
    with pytest.raises(UserError, match=words):
        read_law(text, ("x",))


def test_the_model_is_shown_the_motion():
    """Two pictures that are not blank, and rows of t, x, v and a that are true of the data."""
    runs = swing().trajectories
    message = question(runs, smoothed(runs))[0]
    pictures = [part for part in message.content if isinstance(part, Image)]
    assert len(pictures) == 2 and all(decode(picture).std() > 10 for picture in pictures)
    rows = [list(map(float, row.split(","))) for row in re.findall(r"^[-\d.e,+]+$", message.text, re.MULTILINE)]
    assert len(rows) == 24
    t, x, v, a = np.array(rows).T
    assert np.all(np.diff(t) > 0)
    np.testing.assert_allclose(a[2:-2], (-4 * x - 0.2 * v)[2:-2], atol=0.05)


def test_a_small_model_is_asked_briefly():
    """Three small pictures and how far each quantity goes, as x and in twenty units of time; the answer is put back."""
    run = swing().trajectories[0]
    angle = Inputs((Trajectory("run", run.t, ("theta",), run.position, units=("",)),), False, True, ())
    model = ScriptedModel([answer("a = -3*x - 0.1*v")], form="brief")
    proposals = propose_laws(angle, model, samples=1)
    (message,) = model.asked[0]
    pictures = [part for part in message.content if isinstance(part, Image)]
    assert [decode(picture).shape for picture in pictures] == [(32, 64, 3)] * 3
    reach = "; ".join(rf"{name} \S+ to \S+" for name in "xva")
    assert re.fullmatch(rf"Motion of x\. {reach}; 20 s\. Find a = f\(x, v, t\)\.", message.text)
    (proposal,) = proposals.laws
    assert proposal.law == {"v": "-8.33333333333*theta - 0.166666666667*v"} and proposal.coordinates == ("theta",)


def test_a_small_model_is_not_asked_what_it_does_not_know():
    """It was trained on one coordinate; of two it says so, and the search goes on alone."""
    t = np.linspace(0, 6, 200)
    plane = Trajectory("run", t, ("x", "y"), np.column_stack([np.cos(2 * t), np.sin(3 * t)]), units=("m", "m"))
    proposals = propose_laws(Inputs((plane,), False, True, ()), ScriptedModel([], form="brief"), samples=2)
    assert proposals.laws == () and "one coordinate" in proposals.unread[0].text
    grown = Trajectory("run", t, ("x",), np.exp(t)[:, None], units=("m",))
    scene = Inputs((grown, grown), True, True, ())  # two objects, and one sentence for both
    proposals = propose_laws(scene, ScriptedModel([], form="brief"), samples=2)
    assert proposals.laws == () and ["to and fro" in each.text for each in proposals.unread] == [True]


def test_a_structure_competes_once():
    """Numbers are first guesses: of answers that differ in them alone, one is kept."""
    proposals = sampled("a = -4*x - 0.2*v", "a = -3*x - v", "a = -0.1*v - 5*x", "a = -4*x")
    assert [each.source for each in proposals.laws] == ["scripted 1", "scripted 4"]


def test_a_small_model_is_told_how_fast_time_drives():
    """The frequency of a force that x and v do not explain has a name in the question, and none where there is none."""
    t = np.linspace(0, 20, 501)
    x, v = np.cos(t) + 0.4 * np.cos(2.3 * t), -np.sin(t) - 0.92 * np.sin(2.3 * t)
    for force, told in ((0.5 * np.cos(1.7 * t), "; 20 s; w1 = 1.7. Find"), (0 * t, "; 20 s. Find")):
        assert told in brief_question(np.column_stack([t, x, v, force - x]))[1]


def test_a_small_model_names_frequencies_and_the_question_knows_them():
    """A law with w1 has the first frequency of the question in its place; its probability is asked as it was said."""
    t = np.linspace(0, 20, 501)
    states = odeint(lambda s, at: [s[1], -s[0] - 0.2 * s[1] + 0.8 * np.cos(1.7 * at)], [1.0, 0.0], t)
    run = Inputs((Trajectory("run", t, ("x",), states[:, :1], units=("m",)),), False, True, ())
    said = answer("a = -x - 0.2*v + 0.5*cos(w1*t)")
    model = ScriptedModel([said], form="brief", log_probabilities={said: -3.0})
    (proposal,) = propose_laws(run, model, samples=1, prior=1.0).laws
    assert proposal.law["v"].endswith("cos(1.7*t)")


def sampled(*laws, inputs=None, prior=0.0, **told):
    model = ScriptedModel([answer(law) for law in laws], log_probabilities=told)
    return propose_laws(inputs or swing(), model, samples=len(laws), prior=prior)


def discovered(inputs, proposals=(), **settings):
    return discover_inputs(inputs, settings=DiscoverySettings(hypotheses=tuple(proposals), **settings))


def test_a_partial_law_with_wrong_numbers_is_completed():
    """The ansatz lacks the damping and has the wrong stiffness; the data put both right."""
    inputs = swing(noise=0.01)
    proposals = sampled("a = -2.4*x", inputs=inputs)
    found = discovered(inputs, proposals.laws, sr=("search",))
    values = {term.term: term.coefficient for term in found.terms}
    assert values == {"x": pytest.approx(-4, rel=0.02), "v": pytest.approx(-0.2, rel=0.1)}
    first = found.hypotheses[[one.source for one in found.hypotheses].index("scripted 1")]
    assert (first.text, first.chain, first.used) == ("a = -2.4*x", "It spirals inward.", False)


def test_the_law_of_the_model_is_marked_as_used():
    """Where the data choose the proposed structure, the chain stands beside it."""
    inputs = swing()
    proposals = sampled("a = -3*x - v", "E = 1", inputs=inputs)
    found = discovered(inputs, proposals.laws)
    used = [one for one in found.hypotheses if one.used and one.source == "scripted 1"]
    assert used and used[0].chain == "It spirals inward."
    assert [one.source for one in proposals.unread] == ["scripted 2"]


def fair(found):
    """The result without what names its authors."""
    told = found.to_dict()
    return {key: told[key] for key in ("status", "law", "terms", "alternatives", "fit", "holdout")}


def test_a_proposed_term_costs_what_it_costs_the_search():
    """A pendulum stays one: what imitates its sine is no cheaper for having been proposed."""
    inputs = swing("-9.81*sin(x) - 0.1*v", rows=400, noise=0.01)
    laws = sampled("a = -4.7*x - 1.6*x*cos(x) + 0.22*v", "a = -4.4*x + 0.2*x*exp(x)", inputs=inputs).laws
    assert {term.term for term in discovered(inputs, laws).terms} == {"sin(x)", "v"}


def test_the_small_model_is_asked_unless_one_says_otherwise(tmp_path):
    """discover: embedded proposes, without torch; none is the search alone; both print the law of a spring."""
    run = swing(noise=0.02).trajectories[0]
    table = tmp_path / "swing.csv"
    table.write_text("t,x\n" + "\n".join(f"{t},{x[0]}" for t, x in zip(run.t, run.position, strict=True)))

    def told(*options):
        done = CliRunner().invoke(app, ["discover", str(table), "--json", *options])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    found, alone = told(), told("--model", "none")
    assert (found["model"], alone["model"]) == ("embedded", "none")
    proposed = [one for one in found["hypotheses"] if one["source"].startswith("embedded")]
    assert any(one["used"] and "Terms: " in one["chain"] for one in proposed)
    assert [one for one in found["hypotheses"] if one not in proposed] == alone["hypotheses"]
    assert found["law"] == alone["law"]
    assert {**told(), "seconds": 0} == {**found, "seconds": 0}
    assert told("--target", "x")["model"] == "none"


def test_a_prior_of_weight_zero_reproduces_the_search_alone():
    """Same law, same terms, same runners-up with the same scores, to the last digit."""
    inputs = swing(noise=0.02)
    alone = discovered(inputs)
    proposals = sampled("a = -4*x - 0.2*v", "a = -4*x", inputs=inputs, prior=0.0)
    assert fair(discovered(inputs, proposals.laws)) == fair(alone)


def test_a_prior_leans_towards_what_the_model_believes():
    """Where the data can hardly tell a spring from a pendulum, enough weight on the model's belief decides."""
    inputs = swing(noise=0.05, first=(0.3, 0.0))
    laws = ("a = -4*x - 0.2*v", "a = -4*sin(x) - 0.2*v")
    told = {answer(law): probability for law, probability in zip(laws, (-30.0, -2.0), strict=True)}

    def terms(prior):
        proposals = sampled(*laws, inputs=inputs, prior=prior, **told).laws
        return {term.term for term in discovered(inputs, proposals, time_limit=20.0).terms}

    assert terms(0.0) == {"x", "v"}
    assert terms(2.0) == {"sin(x)", "v"}


def test_without_probabilities_a_prior_is_an_error():
    """Weight without a probability would be a silent zero."""
    with pytest.raises(UserError, match="no probability"):
        sampled("a = -x", prior=1.0)


def test_an_answer_that_fails_does_not_undo_the_others():
    """One of two comes back: it competes, and the other is listed with the reason; none at all is an error."""
    model = ScriptedModel([UserError("It took too long."), answer("a = -x")])
    proposals = propose_laws(swing(), model, samples=2)
    assert [one.law for one in proposals.laws] == [{"v": "-x"}]
    assert [one.text for one in proposals.unread] == ["not used: It took too long."]
    with pytest.raises(UserError, match="took too long"):
        propose_laws(swing(), ScriptedModel([UserError("It took too long.")] * 2), samples=2)


def test_asking_ends_with_its_time():
    """What is not asked by then is not asked, and says so."""

    def slowly(messages):
        time.sleep(2.5)
        return answer("a = -x")

    proposals = propose_laws(swing(), ScriptedModel([slowly] * 3), samples=3, timeout_s=2.0)
    assert len(proposals.laws) == 1
    assert {one.text for one in proposals.unread} == {"not used: There was no time left to ask."}


def test_the_command_asks_a_server_and_reports_the_chain(tmp_path):
    """discover --model URL: proposals in the JSON and on the page, the model named."""
    run = swing().trajectories[0]
    table = tmp_path / "swing.csv"
    table.write_text("t,x\n" + "\n".join(f"{t},{x[0]}" for t, x in zip(run.t, run.position, strict=True)))
    page = tmp_path / "law.html"
    hostile = "<answer>a = __import__('os')</answer>"
    with chat_server(answer("a = -x - v", "It spirals <b>inward</b>."), hostile, models=("qwen",)) as server:
        command = ["discover", str(table), "--model", server.url, "--samples", "2", "--json", "--report", str(page)]
        done = CliRunner().invoke(app, [*command, "--time-limit", "10"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["model"] == "qwen"
    chains = {one["chain"] for one in found["hypotheses"]}
    assert "It spirals <b>inward</b>." in chains and hostile in chains
    assert all(not one["used"] for one in found["hypotheses"] if one["text"].startswith("not used"))
    text = page.read_text()
    assert "It spirals &lt;b&gt;inward&lt;/b&gt;." in text and "<b>inward" not in text
    assert {request["temperature"] for request in server.requests} == {0.8}
    assert {request["seed"] for request in server.requests} == {0, 1}


def test_a_server_that_is_down_stops_the_command(tmp_path):
    """Exit 2 with the sentence: what was asked for cannot be had."""
    done = CliRunner().invoke(app, ["discover", str(tmp_path / "a.csv"), "--model", "http://127.0.0.1:9/v1"])
    assert isinstance(done.exception, UserError) and "No model server answers" in str(done.exception)
