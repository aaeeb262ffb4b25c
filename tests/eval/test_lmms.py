"""Our questions go out as a task of lmms-eval, and its log comes back as ours."""

import importlib.util
import json

import pytest

from motionlaw.eval.qa.lmms import METRIC, doc_to_text, doc_to_visual, import_log, main, mean_score, process_results
from motionlaw.tools.errors import UserError


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """The text questions of a made sequence, exported through the command."""
    folder = tmp_path_factory.mktemp("lmms")
    sequence = folder / "data" / "walk"
    sequence.mkdir(parents=True)
    rows = [(frame, person, 10 * person + sign * frame, 5, 20, 40) for frame in (1, 2, 30) for person, sign in
            ((1, 1), (2, -1))]  # fmt: skip
    (sequence / "gt.txt").write_text("".join(",".join(map(str, row)) + ",1\n" for row in rows))
    facts = {"frames": 30, "distinct_people": 2, "max_at_once": 2, "people_in_frame_1": 2,
             "net_dx_px_by_id": {"1": 29.0, "2": -29.0}}  # fmt: skip
    (sequence / "facts.json").write_text(json.dumps(facts))
    out = folder / "task"
    assert main(["export", "mot-text", "--data", str(folder / "data"), "--out", str(out)]) == 0
    return out


def docs_of(task):
    return [json.loads(line) for line in (task / "questions.jsonl").read_text().splitlines()]


def test_the_task_has_the_form_that_lmms_eval_reads(task):
    """YAML with its functions by name; the json loader's file; the names are there in utils.py."""
    yaml = pytest.importorskip("yaml")
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!function", lambda loader, node: ("function", loader.construct_scalar(node)))
    config = yaml.load((task / "motionlaw_mot_text.yaml").read_text(), Loader=loader)
    assert (config["task"], config["dataset_path"], config["test_split"]) == ("motionlaw_mot_text", "json", "test")
    assert config["dataset_kwargs"]["data_files"]["test"].endswith("questions.jsonl")
    names = {value[1].removeprefix("utils.") for value in [*config.values(), config["metric_list"][0]["aggregation"]]
             if isinstance(value, tuple)}  # fmt: skip
    found = importlib.util.spec_from_file_location("utils", task / "utils.py")  # as lmms-eval does
    utils = importlib.util.module_from_spec(found)
    found.loader.exec_module(utils)
    assert names == {"doc_to_visual", "doc_to_text", "doc_to_target", "process_results", "mean_score"}
    assert all(callable(getattr(utils, name)) for name in names)


def test_replies_are_scored_there_as_here_and_come_back(task, tmp_path):
    """A log as lmms-eval 0.7.3 writes it: without the question's own line, but with what our scorer returned."""
    docs = docs_of(task)
    assert doc_to_visual(docs[0]) == [] and "person left,top" in doc_to_text(docs[0])
    scored = [process_results(doc, [str(doc["answer"])])[METRIC] for doc in docs]
    assert mean_score(scored) == 1.0
    wrong = process_results(docs[0], ["none"])[METRIC]
    assert wrong["score"] == 0.0
    path = tmp_path / "20261126_samples_motionlaw_mot_text.jsonl"
    lines = [{"doc_id": k, "target": "", "filtered_resps": each["reply"], "doc_hash": "", "input": "", METRIC: each}
             for k, each in enumerate([wrong, *scored[1:]])]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = import_log(path, tmp_path / "run", model="tiny")
    assert [row["scores"]["right"] for row in rows] == [0.0] + [1.0] * (len(docs) - 1)
    table = (tmp_path / "run" / "table.md").read_text()
    assert "mot-text, tiny" in table and "| majority |" in table and "Cost" not in table


def test_a_log_of_another_task_is_refused(tmp_path):
    """One sentence with the remedy."""
    path = tmp_path / "samples_mme.jsonl"
    path.write_text(json.dumps({"doc_id": 0, "mme_score": 1}) + "\n")
    with pytest.raises(UserError, match="must be lmms-eval's samples of a task of ours"):
        import_log(path, tmp_path / "run", model="x")
