"""Questions: each set asks the same and is answered differently, each answer is true of its cut, none is given away."""

import re
import zlib
from collections import Counter

import numpy as np
import pytest

from motionlaw.data_builders import facts
from motionlaw.data_builders.clips import Clip, Cut, scene_clip
from motionlaw.data_builders.motion_rules import MOTION_RULES
from motionlaw.data_builders.questions import LETTERS, RULES, ask, builder, item_row, sets_of, shuffled
from motionlaw.data_builders.rules import about_a_frame
from motionlaw.data_builders.touching import gaps_px, touch_error
from motionlaw.data_builders.worlds import WORLDS, make_scene
from motionlaw.tools.trajectory import Track

T = np.arange(60) / 30.0


def track_of(name: str, x: np.ndarray, y: np.ndarray, number: int = 0) -> Track:
    """A track along given pixels, y down, with a box of 20 pixels."""
    position = np.stack([x + 0.0 * T, y + 0.0 * T], axis=1)
    xyxy = np.concatenate([position - 10, position + 10], axis=1)
    return Track(number, name, np.arange(len(T)), T, position, np.ones(len(T)), xyxy)


def clip_of(*tracks: Track) -> Clip:
    """A clip of tracks without pictures."""
    return Clip("test", tracks, 320, 240, 30.0, T)


@pytest.fixture(scope="module")
def sets():
    """The sets of 30 scenes, two of each world."""
    found = []
    for index in range(2 * len(WORLDS)):
        clip = scene_clip(make_scene(4, index))
        found += list(sets_of(clip, np.random.default_rng([7, index])))
    return found


def test_each_set_asks_the_same_and_is_answered_differently(sets) -> None:
    """The cuts of a set share question and options, and no two share the answer."""
    assert len(sets) > 40
    for items in sets:
        assert len({(item.proposal.question, item.proposal.answers) for item in items}) == 1
        assert len({item.answer for item in items}) == len(items) in (2, 4)
        assert all(item.answer in item.proposal.answers for item in items) and len(items[0].proposal.answers) == 4


def test_every_answer_is_read_from_its_own_cut(sets) -> None:
    """Measured again on the cut, the answer is the same."""
    for items in sets[::3]:
        assert [item.proposal.read(item.clip) for item in items] == [item.answer for item in items]


def test_options_are_balanced_and_shuffled_by_their_seed(sets) -> None:
    """Each letter is right about equally often, and the stored seed gives the order again."""
    letters: Counter[str] = Counter()
    for number, items in enumerate(sets):
        for k, item in enumerate(items):
            seed = zlib.crc32(f"{number} {k}".encode())
            options = shuffled(item.proposal.answers, seed)
            assert options == shuffled(item.proposal.answers, seed)
            letters[LETTERS[options.index(item.answer)]] += 1
    count = sum(letters.values())
    assert all(abs(letters[letter] / count - 0.25) < 4 * np.sqrt(0.1875 / count) for letter in LETTERS)


def test_all_answers_of_a_question_come_up_equally_often(sets) -> None:
    """Where all four cuts of a set are used, no answer of a question is more frequent than another."""
    for rule in (rule for rule in RULES if not rule.is_for_two):
        answers = Counter(item.answer for items in sets if items[0].rule is rule and len(items) == 4 for item in items
                          if item.proposal.unit is None)  # fmt: skip
        by_axis = {frozenset(items[0].proposal.answers) for items in sets if items[0].rule is rule}
        if len(by_axis) == 1 and answers:
            assert len(set(answers.values())) == 1


def test_most_rules_come_up(sets) -> None:
    """All categories and nearly all rules are asked of two scenes of each world."""
    assert len({items[0].rule.name for items in sets}) >= 12
    assert {items[0].rule.category for items in sets} == {rule.category for rule in RULES}


def test_an_unclear_fact_gives_no_question() -> None:
    """What hardly moves, or is out of sight at an end, is not asked about."""
    still = clip_of(track_of("ball", 100 + 1.5 * T, 100 + 0 * T))
    gone = track_of("ball", 100 + 60 * T, 100 + 0 * T)
    gone.position[-1], gone.xyxy[-1], gone.confidence[-1] = np.nan, np.nan, 0.0
    for rule in MOTION_RULES:
        assert ask(rule, still, np.random.default_rng(0)) == []
    assert facts.way(gone) is None and facts.mean_speed(gone) is None


def test_facts_follow_the_cuts() -> None:
    """Left is right in the mirror, faster is slower in reverse, and there and back is first one, then the other."""
    clip = clip_of(track_of("ball", 100 + 20 * T + 15 * T**2, 100 + 0 * T))
    say = lambda **cut: clip.edited(Cut(10, 50, **cut)).tracks[0]  # noqa: E731
    assert (facts.way(say()), facts.way(say(is_mirrored=True))) == ("right", "left")
    assert facts.ways(say(is_doubled=True)) == ("right", "left")
    assert (facts.speed_changes(say()), facts.speed_changes(say(is_reversed=True))) == (("faster",), ("slower",))
    assert facts.speed_changes(say(is_doubled=True)) == ("faster", "slower")
    assert facts.acceleration(say(speed=2.0)) == pytest.approx(4 * 30.0, rel=1e-6)
    assert facts.mean_speed(say(speed=2.0)) == pytest.approx(2 * facts.mean_speed(say()))


def test_a_step_in_speed_is_not_getting_slower() -> None:
    """A ball that a collision slows down once does not get slower and slower: nothing is asked."""
    x = np.where(T < 1.0, 100 * T, 100 + 40 * (T - 1.0))
    assert facts.speed_changes(track_of("ball", 50 + x, 100 + 0 * T)) is None


def test_facts_of_swings_and_pairs() -> None:
    """Turns, period, dying swings, distances and the faster of two are told."""
    swing = track_of("bob", 160 + 80 * np.exp(-0.4 * T) * np.cos(12 * T), 100 + 0 * T)
    assert facts.turns(swing) == 7 and facts.period_s(swing) == pytest.approx(2 * np.pi / 12, rel=0.01)
    assert facts.swing_changes(swing) == ("narrower",)
    one, other = track_of("red ball", 50 + 25 * T, 100 + 0 * T), track_of("blue ball", 250 - 60 * T, 100 + 0 * T, 1)
    assert facts.distance_changes(one, other) is None  # from far to near: one look would tell
    near = track_of("blue ball", 250 + 5 * T, 100 + 0 * T, 1)
    assert facts.distance_changes(one, near) == ("closer",)


def test_a_row_has_all_that_the_question_needs() -> None:
    """A row holds the film, the options, the letter of the answer and the tracks of the cut, in the schema."""
    import pyarrow as pa

    made = builder()
    index = next(k for k in range(30) if any(sets_of(scene_clip(make_scene(4, k)), np.random.default_rng([4, k, 1]))))
    rows = made.make(4, index)
    assert rows and rows == builder().make(4, index)
    table = pa.Table.from_pylist(rows, schema=made.schema)
    assert table.num_rows == len(rows)
    for row in rows:
        assert len(row["timestamps"]) == len(row["tracks"][0]["position"]) and row["video"]["bytes"][4:8] == b"ftyp"
        if row["form"] == "choice":
            assert row["options"][LETTERS.index(row["answer"])] == row["answer_text"]
        else:
            assert row["answer"] == row["answer_text"] and not row["options"]
    assert len({made.group(row) for row in rows}) == 1
    assert len({made.pair(row) for row in rows}) == len(rows)


def test_a_cut_film_shows_what_its_tracks_say() -> None:
    """In the pictures of a mirrored and reversed cut the ball is where its track is."""
    clip = scene_clip(next(s for s in (make_scene(4, 15 * k) for k in range(40)) if s.look.level == "plain"))
    cut = clip.edited(Cut(2, 20, is_reversed=True, is_mirrored=True))
    for row in (0, 9, 17):
        x, y = np.round(cut.tracks[0].position[row]).astype(int)
        background = cut.frames[row].astype(int)[[2, -3], :][:, [2, -3]].mean(axis=(0, 1))
        assert np.abs(cut.frames[row][y, x].astype(int) - background).max() > 30
    assert item_row(ask(RULES[-4], clip, np.random.default_rng(0))[0], "a", is_free=True, seed=0)["number"] > 0


def test_the_films_of_a_set_share_a_frame() -> None:
    """Both ways and both orders about one frame of a source: the first, the middle or the last is the same in all."""
    clip = clip_of(track_of("ball", 100 + 20 * T + 15 * T**2, 100 + 0 * T))
    for seed in range(12):
        cuts = about_a_frame(clip, (5, 46), np.random.default_rng(seed))
        rows = [cut.rows for cut in cuts]
        same = [len({int(each[place]) for each in rows}) == 1 for place in (0, -1)]
        middle = {int(each[(len(each) - 1) // 2]) for each in rows}
        assert any(same) or max(middle) - min(middle) <= 1
        lasting = {round((len(each) - 1) / cut.speed, 6) for each, cut in zip(rows, cuts, strict=True)}
        assert len(lasting) == 1


def test_a_set_about_energy_says_what_was_measured() -> None:
    """A pendulum without loss, with a little, with much, and backwards: four answers, each with its energies."""
    rule = next(rule for rule in RULES if rule.name == "energy")
    number = next(k for k, world in enumerate(WORLDS) if world.name == "pendulum")
    clips = (scene_clip(make_scene(4, number + 15 * k)) for k in range(20))
    items = next(found for clip in clips if clip.is_steady() and (found := ask(rule, clip, np.random.default_rng(0))))
    assert [item.answer for item in items[:3]] == list(items[0].proposal.answers[:3]) and "rises" in items[3].answer
    for item in items:
        energy = [float(word) for word in re.findall(r"([\d.]+) J/kg", item.proposal.evidence(item.clip))]
        change = energy[-1] / energy[0] - 1
        assert item.answer == rule_answer(change)


def rule_answer(change: float) -> str:
    """The words for a share of energy gained."""
    if abs(change) < 0.03:
        return "it stays the same"
    return "it rises" if change > 0 else f"it falls by {'less' if change > -0.5 else 'more'} than half"


def test_whether_energy_is_conserved_is_yes_as_often_as_no(sets) -> None:
    """And each number of turns comes with both."""
    for items in sets:
        if items[0].rule.name == "conserves":
            words = [item.answer.split("; ") for item in items]
            assert sorted(word for word, _ in words) == ["no", "no", "yes", "yes"]
            assert len({tuple(each) for each in words}) == 4


def test_only_what_a_film_shows_is_foretold() -> None:
    """Ways that go on plainly: seen for long enough, and no wall ahead."""
    rise = track_of("ball", 100 + 40 * T, 100 + 5 * T + 2 * T**2)
    seen, ahead = (clip_of(rise).edited(Cut(*each)).tracks[0] for each in ((10, 30), (29, 40)))
    assert facts.foretelling_share(seen, ahead) < 0.05
    bounced = track_of("ball", 100 + 40 * np.minimum(T, 1.2) - 40 * np.maximum(T - 1.2, 0), 100 + 0 * T)
    seen, ahead = (clip_of(bounced).edited(Cut(*each)).tracks[0] for each in ((10, 30), (29, 50)))
    assert facts.foretelling_share(seen, ahead) > 0.5
    swing = track_of("bob", 160 + 60 * np.sin(3 * T), 100 + 0 * T)
    seen, ahead = (clip_of(swing).edited(Cut(*each)).tracks[0] for each in ((20, 28), (27, 47)))
    assert facts.foretelling_share(seen, ahead) > 0.1


def test_ways_to_choose_from_are_apart() -> None:
    """By more than one may be off."""
    way = "{} of its diagonal {}"
    assert facts.are_apart(way.format(0.4, "up"), way.format(0.6, "up"))
    assert facts.are_apart(way.format(0.4, "up"), way.format(0.4, "to the left"))
    assert not facts.are_apart(way.format(0.5, "up"), way.format(0.55, "up"))


def test_a_touch_is_asked_about_where_the_frames_before_it_show_it() -> None:
    """Discs that come together in sight; not where one is hidden then."""
    number = next(k for k, world in enumerate(WORLDS) if world.name == "collision")
    clip = scene_clip(make_scene(4, number))
    names = (clip.tracks[0].name, clip.tracks[1].name)
    touch = facts.contact_s(clip, *clip.tracks[:2])
    assert touch is not None
    before = np.arange(int(np.ceil(touch * clip.fps)))[-4:]
    gap = gaps_px(clip, names, before)
    assert np.all(np.diff(gap) < 0) and 0 < gap[-1] <= -np.diff(gap)[-1] + 1e-6
    assert touch_error(clip, names, touch) < 0.2 / clip.fps
    hidden = clip.tracks[0]
    hidden.confidence[before[-1]] = 0.0
    assert touch_error(clip, names, touch) == float("inf")
