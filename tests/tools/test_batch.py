"""Batches: one row for every recording whatever happens, the same rows for any number of workers, laws across runs."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from chat_server import chat_server
from springs import spring, write_springs

import motionlaw
from motionlaw.agent.hypothesise import ServerProposer, server_proposer
from motionlaw.tools.algebraic import find_algebraic_law
from motionlaw.tools.batch.across import AcrossLaw, constants_of, laws_across, read_metadata
from motionlaw.tools.batch.page import write_batch_page
from motionlaw.tools.batch.run import BatchSettings, run_batch
from motionlaw.tools.batch.tasks import Task, count_tasks, find_sources, make_tasks
from motionlaw.tools.batch.work import Job, failed, structure_of
from motionlaw.tools.batch.workers import TRIALS, work_locally
from motionlaw.tools.errors import UserError

CHILD_DIES = "ended from outside"
ROW = {"status": "ok", "reason": "", "seconds": 0.0}


def comparable(path):
    """A table of laws without what differs from run to run: the seconds."""
    laws = pd.read_parquet(path).drop(columns="seconds")
    told = laws["discovery"].map(lambda text: {**json.loads(text), "seconds": 0, "objects": []} if text else None)
    return laws.assign(discovery=told).astype(str)


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "motionlaw", "batch", *map(str, words)], capture_output=True, text=True, **options
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A batch that was let alone: springs, one of them twice, a damaged table and white noise."""
    folder = tmp_path_factory.mktemp("batch")
    paths = write_springs(folder / "runs", [2.0, 3.0, 4.0, 5.0, 6.0])
    (folder / "runs" / "run005.csv").write_bytes(paths[1].read_bytes())
    (folder / "runs" / "run006.csv").write_text("t,x\n0,1\n0.1,oops\n")
    noise = pd.DataFrame({"t": np.arange(200) / 50, "x": np.random.default_rng(0).normal(size=200)})
    noise.to_csv(folder / "runs" / "run007.csv", index=False)
    run_batch([folder / "runs"], folder / "laws.parquet", settings=BatchSettings(workers=1))
    return folder


def test_every_recording_has_a_row(finished):
    """Laws, refusals and damaged files come in the order of the inputs, each with its reason."""
    laws = pd.read_parquet(finished / "laws.parquet")
    assert laws["status"].tolist() == ["ok"] * 6 + ["failed", "refused"]
    assert laws["structure"].tolist()[:6] == ["v' = v + x"] * 6
    assert [round(terms[0]["coefficient"], 3) for terms in laws["terms"][:5]] == [-2, -3, -4, -5, -6]
    assert "run006.csv" in laws["reason"][6] and "white noise" in laws["reason"][7]
    manifest = json.loads((finished / "laws.parquet.parts" / "manifest.json").read_text())
    assert manifest["rows"] == 8 and len(manifest["shards"]) >= 1


def test_equal_recordings_share_a_result(finished):
    """A copy is recognised by its content, keeps its own name, and says whose law it shares."""
    laws = pd.read_parquet(finished / "laws.parquet")
    assert laws["same_as"][5].endswith("run001.csv") and laws["law"][5] == laws["law"][1]
    assert json.loads(laws["discovery"][5])["input"].endswith("run005.csv")
    results = sum(len(pd.read_parquet(part)) for part in (finished / "laws.parquet.parts").glob("part-*.parquet"))
    assert results == 7


def test_the_number_of_workers_does_not_matter(finished, tmp_path):
    """Two workers write the rows that one writes."""
    run_batch([finished / "runs"], tmp_path / "laws.parquet", settings=BatchSettings(workers=2))
    pd.testing.assert_frame_equal(comparable(tmp_path / "laws.parquet"), comparable(finished / "laws.parquet"))


def test_a_killed_batch_goes_on_where_it_was(finished, tmp_path):
    """kill -9 in the middle costs no recording and does none twice; the table is that of a batch left alone."""
    out, words = tmp_path / "laws.parquet", ("-m", "motionlaw", "batch", finished / "runs", "--workers", "1")
    line = [sys.executable, *map(str, words), "--out", str(out)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "laws.parquet.parts" / "manifest.json").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGKILL)
    refused = command(finished / "runs", "--out", out)
    assert refused.returncode == 2 and "Go on with --resume" in refused.stderr
    done = command(finished / "runs", "--out", out, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == {"ok": 6, "failed": 1, "refused": 1}
    pd.testing.assert_frame_equal(comparable(out), comparable(finished / "laws.parquet"))


def test_other_settings_do_not_go_on(finished, tmp_path):
    """Results under one seed are not mixed with those under another."""
    write_springs(tmp_path / "runs", [2.0])
    run_batch([tmp_path / "runs"], tmp_path / "laws.parquet")
    again = command(tmp_path / "runs", "--out", tmp_path / "laws.parquet", "--resume", "--seed", "1")
    assert again.returncode == 2 and "other settings (search)" in again.stderr


def dies_twice(job, task):
    """Work that is killed from outside on its first two trials."""
    marks = sorted(os.listdir(task.path))
    if len(marks) < 2:
        open(os.path.join(task.path, str(len(marks))), "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return ROW | {"reason": f"trial {len(marks) + 1}"}


def always_dies(job, task):
    os.kill(os.getpid(), signal.SIGKILL)


def never_ends(job, task):
    while True:
        time.sleep(1)


def answers(job, task):
    return ROW | {"reason": task.name}


def test_work_that_is_killed_is_tried_again(tmp_path):
    """A worker that is lost costs a trial, not the recording."""
    task = Task("run", str(tmp_path), "digest")
    assert list(work_locally([task], Job(), workers=1, work=dies_twice)) == [(task, ROW | {"reason": "trial 3"}, True)]


def test_work_that_kills_its_worker_is_given_up(tmp_path):
    """After three trials the row says why, and a resumed batch may try again."""
    task = Task("run", str(tmp_path), "digest")
    ((_, row, is_final),) = work_locally([task], Job(), workers=1, work=always_dies)
    assert row["status"] == "failed" and CHILD_DIES in row["reason"] and str(TRIALS) in row["reason"]
    assert not is_final


def test_work_that_never_ends_is_stopped(monkeypatch):
    """One recording that would be worked on for ever fails, and the others do not wait for it."""
    monkeypatch.setattr("motionlaw.tools.batch.workers.seconds_of", lambda job: 1.0)
    tasks = [Task(str(number), "", str(number)) for number in range(3)]
    assert {task.name for task, *_ in work_locally(tasks, Job(), workers=2, work=answers)} == {"0", "1", "2"}
    ((_, row, _),) = work_locally(tasks[:1], Job(), workers=1, work=never_ends)
    assert (row["status"], row["reason"]) == ("failed", "Stopped after 1 s.")


def test_the_next_task_is_made_when_there_is_room():
    """A dataset larger than memory is not read ahead."""
    made = []

    def tasks():
        for number in range(6):
            made.append(number)
            yield Task(str(number), "", str(number))

    work = work_locally(tasks(), Job(), workers=2, work=answers)
    next(work)
    assert len(made) <= 3
    work.close()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes")
def test_a_full_disk_keeps_what_was_done(finished, tmp_path):
    """Where nothing more can be written the batch says so in a sentence; with room again it goes on."""
    out = tmp_path / "laws.parquet"
    full = command(
        finished / "runs", "--out", out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    )
    assert full.returncode == 2 and "What was done is kept; make room and go on with --resume." in full.stderr
    assert not out.exists() and not list((tmp_path / "laws.parquet.parts").glob("*.tmp"))
    assert command(finished / "runs", "--out", out, "--resume").returncode == 0
    pd.testing.assert_frame_equal(comparable(out), comparable(finished / "laws.parquet"))


def test_a_dataset_is_many_recordings(finished, tmp_path):
    """Trajectories in rows of their own, or one below the other, have the laws of their files."""
    tables = [spring(stiffness) for stiffness in (2.0, 3.0, 4.0)]
    lists = [{column: of[column].tolist() for column in of} for of in tables]
    nested = pd.DataFrame([{"name": f"r{k}", "k": 2.0 + k, **of} for k, of in enumerate(lists)])
    nested.to_parquet(tmp_path / "nested.parquet")
    pd.concat([of.assign(trajectory=k) for k, of in enumerate(tables)]).to_parquet(tmp_path / "long.parquet")
    sources = find_sources([tmp_path / "nested.parquet", tmp_path / "long.parquet"])
    assert [source.rows for source in sources] == ["nested", "long"] and count_tasks(sources) == 6
    tasks = list(make_tasks(sources))
    assert [task.name.rpartition(" ")[2] for task in tasks] == ["r0", "r1", "r2", "0", "1", "2"]
    assert [task.metadata.get("k") for task in tasks] == [2.0, 3.0, 4.0, None, None, None]
    assert [task.digest for task in tasks[:3]] == [task.digest for task in tasks[3:]]
    laws = motionlaw.batch(tmp_path / "nested.parquet", out=tmp_path / "laws.parquet")
    assert laws["law"].tolist() == pd.read_parquet(finished / "laws.parquet")["law"].tolist()[:3]


def test_a_folder_that_datasets_saved_is_many_recordings(tmp_path):
    """Arrow streams are read like parquet, in pieces, and the notes beside them are no recordings."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    tables = [spring(stiffness) for stiffness in (2.0, 3.0)]
    long = pd.concat([of.assign(trajectory=k) for k, of in enumerate(tables)], ignore_index=True)
    nested = [{"name": f"r{k}", "k": 2.0 + k, **of.to_dict("list")} for k, of in enumerate(tables)]
    datasets.Dataset.from_pandas(long).save_to_disk(tmp_path / "saved" / "long")
    datasets.Dataset.from_list(nested).save_to_disk(tmp_path / "saved" / "nested")
    sources = find_sources([tmp_path / "saved"])
    assert [source.rows for source in sources] == ["long", "nested"] and count_tasks(sources) == 4
    tasks = list(make_tasks(sources))
    assert tasks[0].digest == tasks[2].digest and tasks[1].digest == tasks[3].digest
    assert tasks[3].metadata == {"k": 3.0} and tasks[3].name.endswith(" r1")


def test_a_trajectory_in_two_places_is_refused(tmp_path):
    """Rows of one trajectory that do not lie together would be taken for two."""
    pd.concat([spring().assign(trajectory=k) for k in (0, 1, 0)]).to_parquet(tmp_path / "long.parquet")
    with pytest.raises(UserError, match=r"rows of trajectory 0 of long.parquet must lie together"):
        list(make_tasks(find_sources([tmp_path / "long.parquet"])))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_is_no_recording(tmp_path):
    """A pipe would be waited for, for ever, and could not be read twice."""
    os.mkfifo(tmp_path / "run.csv")
    with pytest.raises(UserError, match=r"run.csv' is neither a file nor a folder"):
        find_sources([tmp_path / "run.csv"])


def test_constants_lead_to_laws_across_runs(tmp_path):
    """The stiffnesses found in thirty runs are k/m of the metadata, and the run that is off is named."""
    rng = np.random.default_rng(0)
    mass, stiffness = rng.uniform(0.2, 2, 30), rng.uniform(1, 9, 30)
    ratio = stiffness / mass
    ratio[7] *= 1.5
    found = -ratio * (1 + 1e-9 * rng.normal(size=30))
    terms = [{"of": "v", "term": "x", "coefficient": c, "stderr": 1e-6 * abs(c), "unit": "1/s^2"} for c in found]
    plain = {"status": "ok", "quantities": [], "metadata": "{}"}
    laws = pd.DataFrame([{"name": f"run{k:02d}.csv", "terms": [terms[k]], **plain} for k in range(30)])
    table = pd.DataFrame({"file": [f"run{k:02d}.csv" for k in range(30)][::-1], "m": mass[::-1], "k": stiffness[::-1]})
    table.to_csv(tmp_path / "meta.csv", index=False)
    metadata = read_metadata(laws, tmp_path / "meta.csv")
    np.testing.assert_allclose(metadata["m"], mass)
    (across,) = laws_across(laws, metadata)
    assert (across.constant.name, across.constant.unit) == ("x in v'", "1/s^2")
    assert structure_of(across.found.law) == "x_in_v' = k/m" and across.outliers == (7,)


def test_metadata_of_other_runs_are_refused(tmp_path):
    """A table that names none of the runs is a mistake, not an empty answer."""
    (tmp_path / "meta.csv").write_text("file,m\nother.csv,1\nmore.csv,2\n")
    laws = pd.DataFrame({"name": ["run0.csv"], "metadata": ["{}"]})
    with pytest.raises(UserError, match=r"'meta.csv' names none of the runs"):
        read_metadata(laws, tmp_path / "meta.csv")


def test_the_page_shows_structures_constants_and_failures(finished, tmp_path):
    """One page without scripts: counts, structures, pictures, and why recordings have no law."""
    laws = pd.read_parquet(finished / "laws.parquet")
    assert constants_of(laws)[0].name == "x in v'"
    write_batch_page(tmp_path / "page.html", laws, command="motionlaw batch <runs>")
    page = (tmp_path / "page.html").read_text()
    wanted = ("6 laws that hold", "v&#x27; = v + x", "<svg", "run006.csv", "white noise", "batch &lt;runs&gt;")
    assert [text for text in wanted if text not in page] == []
    assert "<script" not in page


def test_the_page_of_many_runs_stays_small(tmp_path):
    """Thousands of runs are a thousand points and thirty lines; what is not shown is counted."""
    count = 4000
    m = np.linspace(1.0, 2.0, count)
    found = 3.0 / m
    found[::100] *= 1.5
    terms = [{"of": "v", "term": "x", "coefficient": c, "stderr": 1e-9, "unit": ""} for c in found]
    plain = {"status": "ok", "reason": "", "quantities": [], "structure": "v' = x", "same_as": "", "seconds": 1.0}
    plain |= {"discovery": ""}
    laws = pd.DataFrame([{"name": f"run{k:04d}", "terms": [terms[k]], **plain} for k in range(count)])
    law = find_algebraic_law({"m": m[::40]}, 3.0 / m[::40], target="x_in_v")
    across = [AcrossLaw(constants_of(laws)[0], law, tuple(range(0, count, 100)))]
    write_batch_page(tmp_path / "page.html", laws, metadata=pd.DataFrame({"m": m}), across=across)
    page = (tmp_path / "page.html").read_text()
    assert "1,000 of 4,000 runs, and all outliers" in page and "10 more outliers" in page
    assert len(page) < 500_000


def test_a_saved_law_can_be_played(finished):
    """The JSON in a row is a law that predicts the recording it was found in."""
    laws = pd.read_parquet(finished / "laws.parquet")
    law = motionlaw.Law.from_json(laws["discovery"][2])
    truth = spring(4.0)
    path = law.simulate(truth["t"].to_numpy(), [1.0, 0.0])
    np.testing.assert_allclose(path[:, 0], truth["x"], atol=1e-3)
    assert motionlaw.Law.from_json(law.to_json()).equations == law.equations


def test_a_law_that_is_code_is_refused():
    """Text in the place of a law goes through the grammar."""
    with pytest.raises(UserError):
        motionlaw.Law.from_json({"order": 2, "state": ["x", "v"], "law": {"v": "__import__('os').system('x')"}})


def test_an_engine_that_is_not_there_is_named(tmp_path):
    """Bad values of options are sentences."""
    with pytest.raises(UserError, match="workers must be at least 1, got 0"):
        BatchSettings(workers=0)
    with pytest.raises(UserError, match="An address is of a Ray cluster"):
        BatchSettings(address="auto")
    with pytest.raises(UserError, match=r"out must end in \.parquet"):
        run_batch([tmp_path], tmp_path / "laws.csv")
    assert failed("why")["status"] == "failed"


def test_a_model_proposes_laws_for_every_recording(tmp_path):
    """Each worker asks the server itself; a server that goes away costs rows that are done when the batch goes on."""
    paths = write_springs(tmp_path / "runs", [2.0, 3.0])
    out = tmp_path / "laws.parquet"
    with chat_server("It swings. <answer>a = -3 x - 0.2 v</answer>") as server:
        settings = BatchSettings(propose=ServerProposer(server.url, samples=1), model="scripted", workers=1)
        laws = motionlaw.batch(paths[:1], out=out, settings=settings)
        told = json.loads(laws["discovery"][0])
        assert told["hypotheses"][0]["used"] and told["model"] != "none" and len(server.requests) == 1
    laws = motionlaw.batch(paths, out=out, settings=settings, resume=True)
    assert laws["status"].tolist() == ["ok", "failed"] and "server" in laws["reason"][1]
    with chat_server("<answer>a = -3 x - 0.2 v</answer>") as server:
        settings = replace(settings, propose=ServerProposer(server.url, samples=1))
        assert motionlaw.batch(paths, out=out, settings=settings, resume=True)["status"].tolist() == ["ok", "ok"]


def test_recordings_are_spread_over_servers_and_one_may_die(tmp_path):
    """Two servers share the recordings; what goes to one that has died is asked of the other, with the same laws."""
    paths = write_springs(tmp_path / "runs", [2.0, 3.0, 4.0, 5.0])
    says = "<answer>a = -3 x - 0.2 v</answer>"

    def laws_of(out, *servers):
        url = ",".join(server.url for server in servers)
        settings = BatchSettings(propose=server_proposer(url, samples=1, prior=0.0, seed=0, timeout_s=60), workers=2)
        motionlaw.batch(paths, out=tmp_path / out, settings=settings)
        return comparable(tmp_path / out)

    with chat_server(says) as one:
        with chat_server(says) as other:
            both = laws_of("both.parquet", one, other)
            shares = len(one.requests), len(other.requests)
            assert sum(shares) == 4 and all(shares)
            settings = BatchSettings(
                propose=server_proposer(f"{one.url},{other.url}", samples=1, prior=0, seed=0, timeout_s=60), workers=1
            )
        motionlaw.batch(paths, out=tmp_path / "dead.parquet", settings=settings)
        assert len(one.requests) == shares[0] + 4
        alone = laws_of("alone.parquet", one, other)
    assert both["status"].tolist() == ["ok"] * 4
    for table in (comparable(tmp_path / "dead.parquet"), alone):
        pd.testing.assert_frame_equal(table, both)


def test_ray_writes_the_same_rows(finished, tmp_path):
    """The same tasks on Ray processes of this machine give the same table."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'motionlaw[ray]'")
    try:
        run_batch([finished / "runs"], tmp_path / "laws.parquet", settings=BatchSettings(engine="ray", workers=1))
    except UserError as error:  # Ray gives its processes thirty seconds to come up
        pytest.skip(str(error))
    pd.testing.assert_frame_equal(comparable(tmp_path / "laws.parquet"), comparable(finished / "laws.parquet"))
