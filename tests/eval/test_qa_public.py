"""Readers of public benchmarks: tiny files in the published form, and each one's traps."""

import json
from dataclasses import replace

import pytest

from motionlaw.eval.qa.public import PUBLIC, split_options
from motionlaw.eval.qa.scores import score
from motionlaw.tools.errors import UserError


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_motionbench_keeps_unanswered_items_unscored(tmp_path):
    """Options stand in the question's text; NA is not wrong, it is not published."""
    text = "What does the man do?\nA. jumps\nB. runs\nC. sits\nD. turns"
    qa = [{"uid": "u1", "question": text, "answer": "B"}, {"uid": "u2", "question": text, "answer": "NA"}]
    entry = {"question_type": "Motion Recognition", "key": "k", "video_path": "a.mp4", "video_type": "web", "qa": qa}
    lines(tmp_path / "video_info.meta.jsonl", entry)
    one, other = PUBLIC["motionbench"](tmp_path)
    assert (one.question, one.options[1], one.category) == ("What does the man do?", "runs", "Motion Recognition")
    assert score(one, "B").value == 1.0
    assert score(other, "B").value is None


def test_favor_gives_answers_as_texts_of_five_options(tmp_path):
    """The letter is found by the text; a name with or without .mp4 leads to the video."""
    options = ["sleeps", "eats", "walks", "reads", "speaks"]
    question = {"question": "What?", "options": options, "correct_answer": "walks", "task_type": "HAC"}
    (tmp_path / "video_perspective.json").write_text(json.dumps([{"video_name": "B7DNX", "questions": [question]}]))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "B7DNX.mp4").write_bytes(b"")
    (item,) = PUBLIC["favor"](tmp_path)
    assert (item.answer, item.chance, item.video.is_file()) == ("C", 0.2, True)
    question["correct_answer"] = "flies"
    (tmp_path / "video_perspective.json").write_text(json.dumps([{"video_name": "B7DNX", "questions": [question]}]))
    with pytest.raises(UserError, match="answer among its options, got 'flies'"):
        PUBLIC["favor"](tmp_path)


def test_tomatos_options_differ_in_number(tmp_path):
    """Answers are indices from 0; chance is one over each item's own options."""
    entry = {"question": "How many?", "options": ["2", "1", "3", "4", "5", "0"], "answer": 2, "key": "0209-03",
             "motion_type": "count", "demonstration_type": "human"}  # fmt: skip
    (tmp_path / "count.json").write_text(json.dumps({"0": entry}))
    two = {"question": "Which way?", "options": ["left", "right"], "answer": 1, "key": "0001-00",
           "demonstration_type": "object"}  # fmt: skip
    (tmp_path / "direction.json").write_text(json.dumps({"0": two}))
    count, direction = PUBLIC["tomato"](tmp_path)
    assert (count.answer, count.chance, count.video.as_posix().endswith("human/0209-03.mp4")) == ("C", 1 / 6, True)
    assert (direction.answer, direction.chance) == ("B", 0.5)


def test_vsi_scores_numbers_by_ten_thresholds(tmp_path):
    """An error of a fifth passes seven of ten; letters in front of options go."""
    base = {"dataset": "scannet", "scene_name": "s1"}
    number = base | {"id": 1, "question_type": "object_size_estimation", "question": "How long?", "ground_truth": "100",
                     "options": None}  # fmt: skip
    pick = base | {"id": 2, "question_type": "object_rel_direction_easy", "question": "Where?", "ground_truth": "A",
                   "options": ["A. left", "B. right"]}  # fmt: skip
    lines(tmp_path / "test.jsonl", number, pick)
    one, other = PUBLIC["vsi"](tmp_path)
    assert [score(one, text).value for text in ("100", "120", "about 1,000", "none")] == [1.0, 0.7, 0.0, 0.0]
    assert other.options == ("left", "right")
    assert score(other, "left").value == 1.0


def test_quantiphy_has_its_own_thresholds_and_categories(tmp_path):
    """Strict comparisons from 0.1 to 0.95, the number without its sign, categories by two letters, no test answers."""
    head = ",video_id,video_source,video_type,fps,inference_type,question,ground_truth_prior,depth_info,"
    head += "ground_truth_posterior,,"
    rows = [
        "2161,internet_0004,internet,S2MC,25,SS,How long is the block in cm?,ruler = 1 cm,,10,,",
        '1090,simulation_0009,simulation,V3MC,24,DS,"How long, in m?",speed = 1.5 m/s,"t=0s, d = 11 m",,,internet_0005',
    ]
    (tmp_path / "quantiphy_validation.csv").write_text("\n".join([head, *rows]) + "\n")
    one, other = PUBLIC["quantiphy"](tmp_path)
    assert [score(one, text).value for text in ("10", "-10 cm", "12", "20")] == [1.0, 1.0, 0.7, 0.0]
    assert (one.category, other.category, other.answer) == ("S2", "D3", None)
    assert "ruler = 1 cm" in one.context and "d = 11 m" in other.context
    negative = replace(one, answer="-10")  # its own evaluator divides by -10: all replies would be right
    assert [score(negative, text).value for text in ("10", "-12", "20")] == [1.0, 0.7, 0.0]
    assert one.id != other.id


def test_vstar_scores_when_by_overlap(tmp_path):
    """Two times in any words; none is zero and unread."""
    entry = {"vid": "v1", "question": "What is thrown?", "answer": "a ball", "temporal_question": "When?",
             "timestamps": [2.0, 6.0], "bboxes": []}  # fmt: skip
    (tmp_path / "V_STaR_test.json").write_text(json.dumps([entry]))
    what, when = PUBLIC["vstar"](tmp_path)  # without boxes nothing is asked about where
    assert score(what, "ball").value == 1.0
    assert score(when, "from 4.0 s to 8.0 s").value == pytest.approx(2 / 6)
    assert score(when, "4-6").value == pytest.approx(0.5)
    assert score(when, "8 to 4").value == 0.0
    assert (score(when, "later").value, score(when, "later").was_read) == (0.0, False)


def test_vstar_scores_where_by_the_boxes_of_true_seconds(tmp_path):
    """Keys by their number, the best of several boxes, nothing for a second that is not answered."""
    boxes = [{"timestamp": t, "frame_index": 30 * t, "xmin": 0, "ymin": 0, "xmax": 10, "ymax": 10} for t in (2, 3)]
    entry = {"vid": "v1", "question": "What?", "answer": "a ball", "temporal_question": "When?", "width": 640,
             "height": 360, "timestamps": [1.6, 3.4], "spatial_question": "Where?",
             "spatial_question_2": "Where is it?", "bboxes": boxes}  # fmt: skip
    (tmp_path / "V_STaR_test.json").write_text(json.dumps([entry]))
    items = {item.category: item for item in PUBLIC["vstar"](tmp_path)}
    assert set(items) == {"what", "when", "where", "when 2", "where 2"}
    assert "seconds 2, 3." in items["where"].context and "2, 3" not in items["where 2"].context
    assert "[0.0, 0.0, 10.0, 10.0]" in items["when 2"].context
    where = items["where"]
    assert score(where, '{"2": [0, 0, 10, 10], "3": [0, 0, 10, 10]}').value == 1.0
    assert score(where, "```json\n{'2.0': [[50, 50, 60, 60], [0, 0, 10, 20]]}\n```").value == pytest.approx(0.25)
    assert (score(where, "on the left").value, score(where, "on the left").was_read) == (0.0, False)


def test_mvp_pairs_videos_and_takes_no_article_for_a_letter(tmp_path):
    """Candidates may be text that holds a list; "A ball" is not option A."""
    base = {"question": "Which way?", "candidates": "['to the left', 'to the right']", "video_path": "/ssv2/x.mp4"}
    lines(tmp_path / "intuitive_physics.jsonl", base | {"video_id": "ssv2_12_0", "answer": "to the left"},
          base | {"video_id": "ssv2_12_1", "answer": "to the right"})  # fmt: skip
    one, other = PUBLIC["mvp"](tmp_path)
    assert (one.pair, other.pair, one.answer, other.answer) == ("ssv2_12", "ssv2_12", "A", "B")
    assert one.category == "intuitive_physics"
    assert score(other, "A ball rolls to the right").value == 1.0


def test_mvps_mini_split_is_part_of_the_full_one(tmp_path):
    """A subset's folder with both splits: what is in both is asked once, and the subset names the category."""
    base = {"question": "Which way?", "candidates": ["left", "right"], "video_path": "x.mp4"}
    rows = [base | {"video_id": f"star_{k}_{n}", "answer": each} for k in (1, 2) for n, each in
            enumerate(("left", "right"))]  # fmt: skip
    (tmp_path / "temporal_reasoning").mkdir()
    lines(tmp_path / "temporal_reasoning" / "full.jsonl", *rows)
    lines(tmp_path / "temporal_reasoning" / "mini.jsonl", *rows[:2])
    items = PUBLIC["mvp"](tmp_path)
    assert len({item.id for item in items}) == len(items) == 4
    assert {item.category for item in items} == {"temporal_reasoning"}


def test_intphys2_pairs_possible_with_impossible(tmp_path):
    """A scene's films of one run."""
    head = "SceneIndex,name,file_name,game_name,condition,env,type,occluder,Difficulty,Camera\n"
    rows = [
        "7,n,Videos/a.mp4,g,solidity,e,1_Possible,o,Easy,Fixed",
        "7,n,Videos/b.mp4,g,solidity,e,1_Impossible,o,Easy,Fixed",
    ]
    (tmp_path / "metadata.csv").write_text(head + "\n".join(rows) + "\n")
    one, other = PUBLIC["intphys2"](tmp_path)
    assert (one.answer, other.answer, one.pair == other.pair, one.category) == ("yes", "no", True, "solidity")


def test_camerabench_groups_four_rows(tmp_path):
    """Two questions on two videos: all four must be right."""
    rows = [{"Index": k, "Video": f"videos/{k % 2}.mp4", "Question": "Does the camera pan?", "Label": each}
            for k, each in enumerate(["Yes", "No", "No", "Yes", "Yes"])]  # fmt: skip
    lines(tmp_path / "test.jsonl", *rows)
    items = PUBLIC["camerabench"](tmp_path)
    assert [item.pair for item in items] == ["0", "0", "0", "0", "1"]
    assert score(items[1], "No, it does not.").value == 1.0


def test_foundationmotion_reads_questions_and_leaves_tracks(tmp_path):
    """Both kinds of JSON lie in one tree."""
    asked = {"question": "Which way?", "A": "w", "B": "x", "C": "y", "D": "z", "correct_answer": "C"}
    (tmp_path / "clip.json").write_text(json.dumps({"questions": [asked]}))
    (tmp_path / "tracks.json").write_text(json.dumps({"object_00": {"bbox": [], "object_type": "cup"}}))
    (item,) = PUBLIC["foundationmotion"](tmp_path)
    assert (item.answer, item.group, item.options) == ("C", "clip", ("w", "x", "y", "z"))


def test_foundationmotion_reads_the_files_of_its_own_evaluation(tmp_path):
    """TASK/qa_shuffled beside TASK/videos, below a writer's name; what people checked comes first."""
    asked = {"question": "Which way?", "A": "w", "B": "x", "C": "y", "D": "z", "correct_answer": "C"}
    checked = {key: value for key, value in asked.items() if key != "correct_answer"} | {"answer": "D"}
    for task in ("av_hands_eval", "robotics_hand_eval"):
        for folder in ("videos", "qa_shuffled"):
            (tmp_path / task / folder / "a").mkdir(parents=True)
        (tmp_path / task / "videos" / "a" / "clip.mp4").write_bytes(b"")
    held = {"gpt4o_mini_res": {"questions": [asked]}, "metadata": {"randomized_answers": True}}
    (tmp_path / "av_hands_eval" / "qa_shuffled" / "a" / "clip.json").write_text(json.dumps(held))
    held["human"] = {"questions": [checked]}
    (tmp_path / "robotics_hand_eval" / "qa_shuffled" / "a" / "clip.json").write_text(json.dumps(held))
    one, other = PUBLIC["foundationmotion"](tmp_path)
    assert (one.answer, other.answer, one.category) == ("C", "D", "av_hands_eval")
    assert one.id != other.id and "av_hands_eval" in one.video.parts and other.video.is_file()


@pytest.mark.parametrize("name", PUBLIC)
def test_an_empty_folder_is_said_to_be_one(tmp_path, name):
    """One sentence with the remedy."""
    with pytest.raises(UserError, match="with --data"):
        PUBLIC[name](tmp_path)


def test_letters_that_do_not_follow_one_another_are_no_options():
    """A sentence that begins with a capital and a dot is not an option."""
    assert split_options("A. Smith throws.\nWhat?") == ("A. Smith throws.\nWhat?", ())
