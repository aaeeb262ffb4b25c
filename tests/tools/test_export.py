"""Exports: source text that runs and says the same as the law, whatever the law and its file are called."""

import ast
import re

import discoveries
import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from motionlaw.tools.equation import evaluate, parse
from motionlaw.tools.errors import UserError
from motionlaw.tools.export import KINDS, export_law

LAWS = [
    {"order": 2, "state": ["x", "v"], "law": {"v": "-4.905*sin(x) - 0.11*v*abs(v) + 0.3*cos(2.1*t)"}},
    {"order": 2, "state": ["x", "v"], "law": {"v": "-9.81"}},
    {"order": 1, "state": ["x"], "law": {"x": "-2.5*sqrt(abs(x)) + sign(x)*abs(x)**(1/3) + sqrt(2)"}},
    {"order": 2, "state": ["x1", "x2", "v_x1", "v_x2"],
     "law": {"v_x1": "x2/(x1**2 + 1.5)**1.5", "v_x2": "max(x1, x2, 0.1) - pi*v_x2"}},
    {"order": 0, "state": ["length", "mass"], "law": {"period": "2.006*sqrt(length) + 1e-7*mass**2"}},
]  # fmt: skip


def _run(source: str) -> dict:
    """Runs generated source, as a user would."""
    namespace = {"__name__": "exported"}
    exec(compile(source, "exported", "exec"), namespace)
    return namespace


def _values(law: dict) -> dict[str, np.ndarray]:
    return {name: np.linspace(0.3, 1.7, 9) * (1 + 0.2 * k) for k, name in enumerate([*law["state"], "t"])}


@pytest.mark.parametrize("law", LAWS, ids=range(len(LAWS)))
def test_python_export_runs_and_says_the_same(law):
    """The function returns the law's right-hand sides, for one state and for many at once."""
    values, module = _values(law), _run(export_law(law, "python"))
    for index, (target, text) in enumerate(law["law"].items()):
        wanted = evaluate(parse(text), values)
        if law["order"] == 0:
            got = module[target](values["length"], values["mass"])
        else:
            many = module["rhs"](values["t"], np.array([values[name] for name in law["state"]]))
            one = module["rhs"](values["t"][0], [values[name][0] for name in law["state"]])
            got = many[law["state"].index(target)]
            assert one[law["state"].index(target)] == pytest.approx(wanted[0])
            assert index < len(many)
        np.testing.assert_allclose(got, wanted)


def test_python_export_integrates_to_the_motion_it_came_from():
    """Solved with SciPy, the exported pendulum follows the exact one."""
    rhs = _run(export_law(discoveries.pendulum(), "python"))["rhs"]
    t = np.linspace(0, 5, 50)
    got = solve_ivp(rhs, (0, 5), [1.2, 0.0], t_eval=t, rtol=1e-8).y[0]
    exact = solve_ivp(
        lambda _, s: (s[1], -4.9051 * np.sin(s[0]) - 0.1098 * s[1]), (0, 5), [1.2, 0.0], t_eval=t, rtol=1e-8
    ).y[0]
    np.testing.assert_allclose(got, exact, atol=1e-5)


@pytest.mark.parametrize("law", LAWS, ids=range(len(LAWS)))
def test_sympy_export_runs_and_keeps_exact_fractions(law):
    """The SymPy source builds expressions of the same value."""
    values, exported = _values(law), _run(export_law(law, "sympy"))["law"]
    for target, text in law["law"].items():
        at = {sympy.Symbol(name): value[3] for name, value in values.items()}
        assert float(exported[target].subs(at)) == pytest.approx(evaluate(parse(text), values)[3])


@pytest.mark.parametrize("law", LAWS, ids=range(len(LAWS)))
def test_latex_export_reads_back_as_the_law(law):
    """Each row of the aligned block is an equation that our own grammar reads with the same value."""
    values = _values(law)
    rows = export_law(law, "latex").splitlines()[1:-1]
    for row, text in zip(rows, law["law"].values(), strict=True):
        right = row.removesuffix("\\\\").split("&=")[1]
        got = evaluate(parse(right, variables=list(values)), values)
        np.testing.assert_allclose(got, evaluate(parse(text), values), rtol=1e-4)


@pytest.mark.parametrize("law", LAWS, ids=range(len(LAWS)))
def test_torch_export_compiles_and_lists_its_parameters(law):
    """The module is sound Python with one Parameter a coefficient; where torch is installed it says the same."""
    source = export_law(law, "torch")
    assert any(isinstance(node, ast.ClassDef) and node.name == "Law" for node in ast.parse(source).body)
    assert source.count("nn.Parameter(") == len(set(re.findall(r"self\.c\d+", source)))
    torch = pytest.importorskip("torch")
    values, module = _values(law), _run(source)["Law"]().double()
    inputs = sorted(law["state"]) if law["order"] == 0 else law["state"]
    with torch.no_grad():
        got = module(torch.tensor(values["t"]), torch.tensor(np.array([values[name] for name in inputs])).T).numpy()
    outputs = list(law["law"]) if law["order"] == 0 else law["state"]
    for target, text in law["law"].items():
        np.testing.assert_allclose(got[:, outputs.index(target)], evaluate(parse(text), values), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_stay_data(kind):
    """A file name or unit that looks like code ends up as harmless characters in the text."""
    found = discoveries.pendulum(input='"""\nimport os; os.system("touch pwned")\n"""', version="0.1")
    source = export_law(found, kind)
    assert "import os;" not in [line.strip() for line in source.splitlines()]
    if kind != "latex":
        imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert "os" not in {alias.name for node in imports for alias in node.names}


def test_python_words_as_states_are_renamed():
    """A state called 'self' or 'np' does not break the source."""
    source = export_law({"order": 1, "state": ["np", "self"], "law": {"np": "-2.5*np + self", "self": "-np"}}, "python")
    np.testing.assert_allclose(_run(source)["rhs"](0.0, [1.0, 2.0]), [-0.5, -1.0])


def test_what_cannot_be_exported_is_refused():
    """No law, an unknown kind or a missing equation is a UserError that says so."""
    with pytest.raises(UserError, match="no law"):
        export_law(discoveries.random_walk(), "python")
    with pytest.raises(UserError, match="must be one of sympy, latex, python, torch, got 'matlab'"):
        export_law(LAWS[0], "matlab")
    with pytest.raises(UserError, match="none for x2"):
        export_law({"order": 1, "state": ["x1", "x2"], "law": {"x1": "-x2"}}, "python")
