"""Questions in free words: drawn by seed and number, of all forms, and each with a reading that the rules read."""

from collections import Counter

import pytest

from motionlaw.agent.question import read_question
from motionlaw.agent.reading import UNMEASURED, fill, forms, is_borne_out, is_reading
from motionlaw.data_builders.readings import NOTHING, TAILS, in_order, make_reading, wordings


@pytest.fixture(scope="module")
def rows():
    """Some rows of one seed."""
    return [make_reading(3, number) for number in range(2000)]


def test_a_row_is_that_of_its_seed_and_number(rows):
    """Drawn again it is the same; other numbers have other words."""
    assert [make_reading(3, number) for number in range(20)] == rows[:20]
    assert len({row.words for row in rows}) > 0.98 * len(rows)


def test_every_form_has_wordings_and_is_drawn(rows):
    """Each of the forms, and what is not measured, can be asked in ten ways or more."""
    assert set(wordings()) == {*forms(), NOTHING}
    starts = Counter(row.reading.split(" the ")[0].split(" it")[0] for row in rows)
    assert len(starts) > 80 and 0.08 < sum(row.reading == UNMEASURED for row in rows) / len(rows) < 0.2


def test_readings_are_forms_with_the_things_and_numbers_of_the_question(rows):
    """What a row is meant to ask is read by the rules, and its things stand in the words."""
    for row in rows:
        assert row.reading == UNMEASURED or (is_reading(row.reading) and is_borne_out(row.reading, row.words)), row
        assert row.words == row.words.lower() and "~" not in row.words and "<" not in row.words and "$" not in row.words


def test_rules_mind_the_parts_of_time_that_are_drawn(rows):
    """A reading with a part of the time has it for the rules, too."""
    for row in rows:
        read = read_question(row.reading)
        if any(f" {word} the collision" in row.reading for word in ("before", "after")):
            assert read.phase in ("before", "after") and read.topic in TAILS
        if row.reading.endswith(" s"):
            assert (read.start_s, read.end_s) != (None, None)


def test_rows_are_learned_in_blocks_of_like_length():
    """All rows come, once each, and short ones before long ones."""
    numbers = in_order(4, 300)
    sizes = [len(made.words) + len(made.reading) for made in (make_reading(4, number) for number in numbers)]
    assert sorted(numbers) == list(range(300)) and sizes == sorted(sizes)


def test_forms_without_things_ask_about_what_is_there():
    """A form speaks of "it", "they" or "which one" where no thing is named."""
    for form in forms():
        assert "{" not in fill(form) or "{s}" in form or " {b}" in form
