"""Public benchmarks of video questions, read from a local folder in the form in which they were published.

None can be downloaded here: each reader was written from its project's own loader or files and is tested on tiny files
of that form. Videos are looked for below the same folder; only those that are asked about must be there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from motionlaw.data_builders.foundation_motion import questions_in, read_questions
from motionlaw.eval.qa.items import LETTERS, Item, found_video, letter_of, need, read_csv, read_json
from motionlaw.eval.qa.vstar import vstar
from motionlaw.tools.errors import UserError

_OPTION = re.compile(r"(?m)^\s*\(?([A-J])[).:]\s*(.+?)\s*$")


def _one_file(folder: Path, pattern: str, name: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if not found:
        raise UserError(f"No {pattern} of {name} in '{folder}'. Give the folder of its files with --data.")
    return found[0]


def split_options(text: str) -> tuple[str, tuple[str, ...]]:
    """Parts a question from options that are written below it, one a line.

    Example:
        >>> split_options("Which way?\\nA. left\\nB. right")
        ('Which way?', ('left', 'right'))
    """
    found = list(_OPTION.finditer(text))
    letters = [each[1] for each in found]
    if len(found) < 2 or letters != list(LETTERS[: len(found)]):
        return text.strip(), ()
    return text[: found[0].start()].strip(), tuple(each[2] for each in found)


def motionbench(folder: Path) -> list[Item]:
    """MotionBench (Hong et al. 2025): ``video_info.meta.jsonl``.

    Half of its answers are ``"NA"``, kept back for its leaderboard. Its own scorer counts them in the denominator of
    ``acc``; here they are not scored.
    """
    items = []
    for entry in read_json(_one_file(folder, "video_info.meta.jsonl", "MotionBench")):
        need(entry, ("question_type", "video_path", "qa"), "A line of MotionBench")
        video = found_video(folder, str(entry["video_path"]))
        for qa in entry["qa"]:
            need(qa, ("uid", "question", "answer"), f"A question on {entry['video_path']}")
            question, options = split_options(str(qa["question"]))
            answer = None if qa["answer"] == "NA" else str(qa["answer"])
            items.append(
                Item(str(qa["uid"]), video, question, answer, "choice", str(entry["video_path"]), options,
                     str(entry["question_type"]))
            )  # fmt: skip
    return items


def favor(folder: Path) -> list[Item]:
    """FAVOR-Bench (Tu et al. 2025), close-ended: ``video_perspective.json``; five options, the answer as its text.

    Its own script asks for the text and looks for it anywhere in the reply: a reply with all options is right.
    """
    items = []
    for entry in read_json(_one_file(folder, "video_perspective.json", "FAVOR-Bench")):
        need(entry, ("video_name", "questions"), "An entry of FAVOR-Bench")
        video = found_video(folder, str(entry["video_name"]))  # with or without .mp4
        for number, each in enumerate(entry["questions"]):
            where = f"Question {number} on {entry['video_name']}"
            need(each, ("question", "options", "correct_answer", "task_type"), where)
            options = tuple(map(str, each["options"]))
            letter = letter_of(str(each["correct_answer"]), options, where)
            items.append(
                Item(f"{entry['video_name']} {number}", video, str(each["question"]), letter, "choice",
                     str(entry["video_name"]), options, str(each["task_type"]))
            )  # fmt: skip
    return items


def tomato(folder: Path) -> list[Item]:
    """TOMATO (Shangguan et al. 2024): ``data/{kind}.json``, ids to entries; the answer is an index from 0.

    The number of options differs (two to six), so chance does, too.
    """
    kinds = ("count", "direction", "rotation", "shape&trend", "velocity&frequency", "visual_cues")
    files = [path for kind in kinds for path in sorted(folder.rglob(f"{kind}.json"))[:1]]
    if not files:
        raise UserError(f"No count.json, direction.json … of TOMATO in '{folder}'. Give its data folder with --data.")
    items = []
    for path in files:
        for key, each in read_json(path).items():
            need(each, ("question", "options", "answer"), f"{path.name}, {key}")
            options = tuple(map(str, each["options"]))
            number = int(each["answer"])
            if not 0 <= number < len(options):
                raise UserError(f"{path.name}, {key} must have an answer from 0 to {len(options) - 1}, got {number}.")
            video = Path(str(each.get("demonstration_type", ""))) / f"{each.get('key', key)}.mp4"
            items.append(
                Item(f"{path.stem} {key}", found_video(folder, video.as_posix()), str(each["question"]),
                     LETTERS[number], "choice", video.as_posix(), options, path.stem)
            )  # fmt: skip
    return items


def vsi(folder: Path) -> list[Item]:
    """VSI-Bench (Yang et al. 2024): ``test.jsonl``; options or numbers by mean relative accuracy."""
    items = []
    for each in read_json(_one_file(folder, "test*.jsonl", "VSI-Bench")):
        need(each, ("id", "dataset", "scene_name", "question_type", "question", "ground_truth"), "A line of VSI-Bench")
        name = f"{each['dataset']}/{each['scene_name']}.mp4"
        given = [str(option) for option in each.get("options") or ()]
        # Options come as "A. left"; a letter in front is not part of the text.
        options = tuple(re.sub(r"^[A-J][.)]\s*", "", option) for option in given)
        scorer = "choice" if options else "vsi_number"
        items.append(
            Item(str(each["id"]), found_video(folder, name), str(each["question"]), str(each["ground_truth"]), scorer,
                 str(each["scene_name"]), options, str(each["question_type"]))
        )  # fmt: skip
    return items


def quantiphy(folder: Path) -> list[Item]:
    """QuantiPhy (Li et al. 2025): ``quantiphy_validation.csv``; numbers, with one given quantity of the scene.

    Its score is the mean over four categories, made of the first letter of ``inference_type`` and the second of
    ``video_type`` (S2, D2, S3, D3), not over questions; the test answers are not published.
    """
    items = []
    # Its first column has no name, and neither have some at the end: rows are counted.
    for number, row in enumerate(read_csv(_one_file(folder, "quantiphy*.csv", "QuantiPhy"))):
        keys = ("video_id", "video_type", "inference_type", "question", "ground_truth_prior", "ground_truth_posterior")
        need(row, keys, "A row of QuantiPhy")
        depth = f" {row['depth_info']}" if row.get("depth_info") else ""
        truth = row["ground_truth_posterior"].strip()
        items.append(
            Item(f"{number} {row['video_id']}", found_video(folder, row["video_id"]),
                 row["question"], truth or None, "quantiphy_number", row["video_id"], (),
                 row["inference_type"][:1] + row["video_type"][1:2],
                 context=f"Given: {row['ground_truth_prior']}.{depth} Answer with a number in the unit asked for.")
        )  # fmt: skip
    return items


def mvp(folder: Path) -> list[Item]:
    """MVP, minimal video pairs (Krojer et al. 2025): its annotations as JSON lines; both of a pair must be right.

    A pair is two videos whose ids differ after the last underscore; the question is the same and the answers are not.
    Each subset has two splits, ``full`` and ``mini``, a part of it: what is in both is asked once.
    """
    items: dict[str, Item] = {}
    for path in sorted(folder.rglob("*.jsonl")):
        subset = path.parent.name if path.stem in ("full", "mini") else path.stem
        for each in read_json(path):
            need(each, ("video_id", "video_path", "question", "candidates", "answer"), f"A line of {path.name}")
            given = each["candidates"]
            options = tuple(map(str, ast.literal_eval(given) if isinstance(given, str) else given))
            letter = letter_of(str(each["answer"]), options, str(each["video_id"]))
            pair = str(each["video_id"]).rpartition("_")[0]
            item = Item(str(each["video_id"]), found_video(folder, str(each["video_path"])), str(each["question"]),
                        letter, "choice", pair, options, subset, pair)  # fmt: skip
            items.setdefault(item.id, item)
    if not items:
        raise UserError(f"No .jsonl of MVP in '{folder}'. Give the folder of its annotations with --data.")
    return list(items.values())


def intphys2(folder: Path) -> list[Item]:
    """IntPhys 2 (Bordes et al. 2025): ``metadata.csv``; is it possible? A scene's two films of a run are a pair."""
    items = []
    for row in read_csv(_one_file(folder, "metadata.csv", "IntPhys 2")):
        need(row, ("SceneIndex", "file_name", "type", "condition"), "A row of IntPhys 2")
        run, _, kind = row["type"].partition("_")
        if kind not in ("Possible", "Impossible"):
            raise UserError(f"{row['file_name']} must be of type RUN_Possible or RUN_Impossible, got {row['type']!r}.")
        items.append(
            Item(row["file_name"], found_video(folder, row["file_name"]),
                 "Does everything in this video obey the laws of physics?", "yes" if kind == "Possible" else "no",
                 "yes_no", row["SceneIndex"], category=row["condition"], pair=f"{row['SceneIndex']} {run}")
        )  # fmt: skip
    return items


def camerabench(folder: Path) -> list[Item]:
    """CameraBench's questions (Lin et al. 2025): ``Index``, ``Video``, ``Question``, ``Label`` as JSON lines or csv.

    Four rows in a row are two questions on two videos; the group is right if all four are (its G-Acc).
    """
    path = next((p for end in ("jsonl", "csv") for p in sorted(folder.rglob(f"*.{end}"))), None)
    if path is None:
        raise UserError(f"No .jsonl or .csv of CameraBench in '{folder}'. Give the folder of its files with --data.")
    items = []
    for row in read_csv(path) if path.suffix == ".csv" else read_json(path):
        need(row, ("Index", "Video", "Question", "Label"), f"A row of {path.name}")
        label = str(row["Label"]).strip().lower()
        if label not in ("yes", "no"):
            raise UserError(f"Row {row['Index']} of {path.name} must have the label Yes or No, got {row['Label']!r}.")
        items.append(
            Item(str(row["Index"]), found_video(folder, str(row["Video"])), str(row["Question"]), label, "yes_no",
                 str(row["Video"]), pair=str(int(row["Index"]) // 4))
        )  # fmt: skip
    return items


def foundationmotion(folder: Path) -> list[Item]:
    """FoundationMotion (arXiv 2512.10927): a JSON of questions for each video, ``TASK/qa_shuffled`` as ``TASK/videos``.

    Its own scorer looks for the letter anywhere before the first colon, comma or full stop of the reply: "A" is right
    in nearly every sentence.
    """
    items = []
    for path in sorted(folder.rglob("*.json")):
        values: Any = read_json(path)
        if questions_in(values) is None:
            continue  # tracks and captions lie beside them under the same names
        name = path.relative_to(folder).with_suffix("").as_posix()
        task, _, video = name.rpartition("qa_shuffled/")
        film = found_video(folder, f"{task}videos/{video}")
        for number, each in enumerate(read_questions(values)):
            items.append(
                Item(f"{name} {number}", film, each["question"], each["answer"], "choice", name,
                     tuple(each["options"]), task.strip("/"))
            )  # fmt: skip
    if not items:
        raise UserError(f"No JSON of questions of FoundationMotion in '{folder}'. Give its folder with --data.")
    return items


PUBLIC: dict[str, Callable[[Path], list[Item]]] = {
    "motionbench": motionbench, "favor": favor, "tomato": tomato, "vsi": vsi, "quantiphy": quantiphy, "vstar": vstar,
    "mvp": mvp, "intphys2": intphys2, "camerabench": camerabench, "foundationmotion": foundationmotion,
}  # fmt: skip
