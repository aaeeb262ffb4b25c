"""Tracking metrics: published numbers of a public sequence, hand-made cases, and what must not matter."""

import numpy as np
import pytest

from motionlaw.eval.tracking import Boxes, box_scores, read_mot, tap_vid
from motionlaw.tools.errors import UserError


def test_the_published_example_of_motmetrics(shared_data):
    """TUD-Stadtmitte and the tracker that ships with motmetrics: its documented numbers, and TrackEval's HOTA."""
    folder = shared_data / "mot_tud_text" / "TUD-Stadtmitte"
    if not folder.is_dir():
        pytest.skip("no mot_tud_text here")
    found = box_scores(read_mot(folder / "gt.txt"), read_mot(folder / "test.txt"))
    assert (round(100 * found.mota, 1), round(100 * found.idf1, 1)) == (56.4, 64.5)
    assert (found.false_positives, found.misses, found.switches) == (45, 452, 7)
    assert (found.hota, found.det_a, found.ass_a) == pytest.approx((0.39785, 0.39226, 0.40884), abs=2e-5)


def boxes(*rows):
    frame, tracker_id, left = np.array(rows).T
    xyxy = np.stack([left, 0 * left, left + 10, 0 * left + 10], axis=1).astype(float)
    return Boxes(frame.astype(int), tracker_id.astype(int), xyxy)


def test_a_perfect_tracker_scores_one_whatever_its_ids_are_called():
    """Renaming changes nothing."""
    truth = boxes((1, 1, 0), (1, 2, 100), (2, 1, 5), (2, 2, 95))
    found = boxes((1, 77, 0), (1, 5, 100), (2, 77, 5), (2, 5, 95))
    scores = box_scores(truth, found)
    assert (scores.mota, scores.idf1, scores.hota) == (1.0, 1.0, 1.0)


def test_a_switch_half_way_costs_identity_and_not_detection():
    """Two things that trade ids after two of four frames: IDF1 a half, DetA one, AssA a third, two switches."""
    truth = boxes(*((t, k, 100 * k) for t in range(4) for k in (1, 2)))
    found = boxes(*((t, k if t < 2 else 3 - k, 100 * k) for t in range(4) for k in (1, 2)))
    scores = box_scores(truth, found)
    assert (scores.idf1, scores.det_a, scores.switches) == (0.5, 1.0, 2)
    assert scores.ass_a == pytest.approx(2 / (4 + 4 - 2))
    assert scores.hota == pytest.approx(np.sqrt(1 / 3))
    assert scores.mota == pytest.approx(1 - 2 / 8)


def test_boxes_without_truth_are_refused(tmp_path):
    """No truth, or no table."""
    with pytest.raises(UserError, match="must have a box"):
        box_scores(boxes((1, 1, 0)).__class__(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4))), boxes((1, 1, 0)))
    (tmp_path / "bad.txt").write_text("frame,id\n")
    with pytest.raises(UserError, match="MOTChallenge's text"):
        read_mot(tmp_path / "bad.txt")


def test_points_that_are_right_score_one():
    """All visible, all within a pixel."""
    tracks = np.random.default_rng(0).uniform(0, 256, (3, 6, 2))
    hidden = np.zeros((3, 6), bool)
    query = np.concatenate([np.zeros((3, 1)), tracks[:, 0, ::-1]], axis=1)
    scores = tap_vid(query, tracks, hidden, tracks + 0.3, hidden)
    assert (scores.average_jaccard, scores.average_pts_within_thresh, scores.occlusion_accuracy) == (1.0, 1.0, 1.0)


def test_points_by_hand():
    """Four frames after the query; off by 0, 3, 20 px, and one hidden that is claimed to be seen.

    Within k: 1, 1, 2, 2, 2 of 3 visible. Jaccard: hits over visible + false claims: 1/(3+3), 1/6, 2/(3+2), 2/5, 2/5.
    """
    truth = np.zeros((1, 5, 2))
    found = truth.copy()
    found[0, 2, 0], found[0, 3, 0] = 3, 20
    hidden = np.array([[0, 0, 0, 0, 1]], bool)
    scores = tap_vid(np.zeros((1, 3)), truth, hidden, found, np.zeros((1, 5), bool))
    assert scores.average_pts_within_thresh == pytest.approx((1 + 1 + 2 + 2 + 2) / 15)
    assert scores.average_jaccard == pytest.approx((1 / 6 + 1 / 6 + 2 / 5 + 2 / 5 + 2 / 5) / 5)
    assert scores.occlusion_accuracy == 0.75


def test_frames_before_the_query_count_only_in_strided_mode():
    """First: frames after the query alone; strided: all but its own."""
    truth = np.zeros((1, 4, 2))
    found = truth.copy()
    found[0, 0] = 100
    hidden = np.zeros((1, 4), bool)
    query = np.array([[2.0, 0, 0]])
    assert tap_vid(query, truth, hidden, found, hidden).average_pts_within_thresh == 1.0
    strided = tap_vid(query, truth, hidden, found, hidden, query_mode="strided")
    assert strided.average_pts_within_thresh == pytest.approx(2 / 3)
    with pytest.raises(UserError, match="query_mode must be"):
        tap_vid(query, truth, hidden, found, hidden, query_mode="last")
