"""Tests of the page: it is whole, self-contained, escaped, small, and written at once or not at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import discoveries
import numpy as np
import pytest

from motionlaw.tools import report
from motionlaw.tools.errors import UserError
from motionlaw.tools.law import Term
from motionlaw.tools.typeset import law_mathml, term_text, value_text

VOID = {"meta", "br", "img", "hr", "link", "input"}


class Page(HTMLParser):
    """Reads a page and notes what a browser would stumble over or fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.pointed: set[str] = set()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)
        self.pointed |= set(re.findall(r"url\(#([^)]+)\)", text))

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "href", "xlink:href"):
                if value.startswith("#"):
                    self.pointed.add(value[1:])
                elif not value.startswith("data:"):
                    self.fetched.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page_of(tmp_path):
    def write(discovery, **options) -> Page:
        report.write_report(discovery, tmp_path / "page.html", **options)
        return Page((tmp_path / "page.html").read_text(encoding="utf-8"))

    return write


CASES = {
    "a law": discoveries.pendulum,
    "several runs": lambda: discoveries.pendulum(300, runs=3),
    "coupled": lambda: discoveries.double_pendulum(400),
    "refused": discoveries.random_walk,
    "a first-order law": lambda: replace(
        discoveries.double_pendulum(300), order=1, state=("theta1", "theta2"),
        law={"theta1": "-0.5*theta1", "theta2": "theta1"},
        terms=(Term("theta1", "theta1", -0.5, 0.1, "1/s"),),
    ),
    "a static law": lambda: discoveries.pendulum(
        order=0, state=("y",), law={"y": "2.0*a + b**2"}, trajectories=(), predictions=(), events=(), regimes=(),
        terms=(Term("y", "a", 2.0, None),), alternatives=(), hypotheses=(),
    ),
    "a long table": lambda: discoveries.pendulum(20_000),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_page_is_whole_self_contained_and_small(page_of, tmp_path, case: str):
    """Every tag closes, every id is one, every reference resolves, nothing is fetched, and 1 MB holds it."""
    page = page_of(CASES[case]())
    assert page.open == [] and page.fetched == [] and "script" not in page.tags
    assert len(page.ids) == len(set(page.ids)) and page.pointed <= set(page.ids)
    assert (tmp_path / "page.html").stat().st_size < 1_000_000


def test_page_says_the_law_its_numbers_and_how_to_get_it_again(page_of):
    """What a reader looks for is on the page as text."""
    page = page_of(discoveries.pendulum(), command="motionlaw discover run3.csv --seed 0")
    for words in (
        "A law that holds", "4.905", "2.8369 ± 0.0036 s", "−4.905 ± 0.012", "0.043 %", "release", "damped pendulum",
        "12.3", "40 of 1000 rows", "motionlaw discover run3.csv --seed 0", "PyTorch module", "held out",
    ):  # fmt: skip
        assert words in page.text


def test_refused_page_gives_the_reason_and_no_law(page_of):
    """A refusal is told in words, with the data, and without an equation on top."""
    page = page_of(discoveries.random_walk())
    assert "No law" in page.text and "a random walk has no force law" in page.text and "law, simulated" not in page.text


def test_text_from_outside_is_escaped(page_of, tmp_path):
    """A file name, a note, a unit, a hypothesis or a column may contain markup; none of it becomes markup."""
    evil = "<script>alert(1)</script>&\"'$x$.csv"
    found = discoveries.pendulum(200, runs=2)
    runs = tuple(replace(run, name=evil, units=(evil,), notes=(evil,)) for run in found.trajectories)
    listed = tuple(replace(term, term=evil, unit=evil) for term in found.terms)
    hypotheses = tuple(replace(of, text=evil, source=evil, law={evil: evil}) for of in found.hypotheses)
    events = tuple(replace(of, kind=evil, detail=evil) for of in found.events)
    page = page_of(
        replace(found, input=evil, reason=evil, trajectories=runs, terms=listed, hypotheses=hypotheses, events=events,
                warnings=(evil,), quantities=(replace(found.quantities[0], name=evil, unit=evil),)),
        command=evil,
    )  # fmt: skip
    assert "script" not in page.tags and page.open == []
    assert page.text.count("<script>") > 10
    page = page_of(discoveries.pendulum(200, order=0, state=(evil,), law={evil: "2*x"}, terms=(), alternatives=()))
    assert "script" not in page.tags and page.open == []


def test_a_law_outside_our_grammar_is_shown_as_text(page_of):
    """An engine's expression that is not ours is neither evaluated nor lost."""
    hostile = "__import__('os').system('x')"
    found = discoveries.pendulum(200, law={"v": hostile}, alternatives=())
    assert hostile in page_of(found).text


def test_video_page_shows_the_frame_once_and_as_jpeg(page_of, tmp_path):
    """The sample frame is inside the page, a full-HD one in well under a megabyte."""
    found, tracking = discoveries.video(1080, 1920)
    page = page_of(found, tracking=tracking)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 1 and "data:image/png" not in text and len(text) < 1_000_000
    assert "object 1" in page.text and "object 2 was lost" in page.text


def test_only_the_worst_of_many_runs_are_drawn(page_of):
    """Forty runs do not make forty plots; the page says which it shows."""
    found = discoveries.pendulum(100, runs=9)
    bad = replace(found.predictions[7], position=found.predictions[7].position + 1.0)
    page = page_of(replace(found, predictions=(*found.predictions[:7], bad, found.predictions[8])))
    assert "the worst 6 of 9 runs" in page.text and "run8.csv, the run with the largest residuals" in page.text


def test_the_same_discovery_gives_the_same_page(tmp_path):
    """No date and no random id: two pages of one discovery are equal bytes."""
    for name in ("a", "b"):
        report.write_report(discoveries.pendulum(200), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("name", ["nowhere/page.html", "file/page.html", "."])
def test_an_unwritable_page_is_one_sentence_and_leaves_nothing(tmp_path, name: str):
    """A missing folder, a file for a folder, or a folder for a file: told, nothing written half."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"^Cannot write the report to .*\.$"):
        report.write_report(discoveries.pendulum(100), tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_failed_write_keeps_the_old_page(tmp_path, monkeypatch):
    """A page is replaced as a whole: when the disk is full the old one stays."""
    target = tmp_path / "page.html"
    target.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="No space left"):
        report.write_report(discoveries.pendulum(100), target)
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_velocities_are_dotted_coordinates_in_the_typeset_law():
    """``v`` of a pendulum is written as θ with a dot, and the law's left side with two."""
    (row,) = law_mathml(discoveries.pendulum(100))
    assert row[0].count("¨") == 1 and "˙" in row[-1] and "θ" in row[1] and len(row) == 3
    rows = law_mathml(discoveries.double_pendulum(100))
    assert len(rows) == 2 and "<msub><mover>" in rows[1][0]


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [(2.0, 0.5, "2.00 ± 0.50"), (0.0, 0.1, "0.00 ± 0.10"), (3e-13, 1e-23, "3×10⁻¹³"),
     (1e6, 2e9, "(0.0 ± 2.0)×10⁹"),
     (float("nan"), 1.0, "–"), (12345.6, 300.0, "12346 ± 300"), (9.99, 0.0996, "9.99 ± 0.10")],
)  # fmt: skip
def test_errors_are_cut_at_their_second_digit(value: float, stderr: float, text: str):
    """A value shows the digits its error supports, and no error that is only arithmetic."""
    assert value_text(value, stderr) == text


def test_terms_are_written_as_a_physicist_would():
    """Rates, powers and bars are spelled out, whichever way the grammar writes them."""
    assert term_text("v_theta*abs(v_theta)") == "(dθ/dt)·|dθ/dt|" and term_text("v_x1") == "dx₁/dt"


def test_events_and_gaps_do_not_need_a_prediction(page_of):
    """Data without a law, with every second row unseen, still make a page."""
    found = discoveries.random_walk(200)
    run = found.trajectories[0]
    holes = run.position.copy()
    holes[::2] = np.nan
    assert page_of(replace(found, trajectories=(replace(run, position=holes),))).open == []


def test_a_page_is_quick_from_a_cold_start(tmp_path):
    """A report of 1,000 rows, the import of matplotlib included, takes about a second of one core."""
    code = (
        "import sys, time; sys.path.insert(0, 'tests'); import discoveries, motionlaw.tools.motion\n"
        "found = discoveries.pendulum(); started = time.process_time()\n"
        "from motionlaw.tools import report\n"
        f"report.write_report(found, {str(tmp_path / 'p.html')!r}); print(time.process_time() - started)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert float(run.stdout) < 4.0
