"""Data sets on disk: the same bytes whatever happens on the way, opened by `datasets` as they are."""

import json
import subprocess
import sys
import time

import pytest

from motionlaw.data_builders.build import BuildSettings, build
from motionlaw.data_builders.shards import file_hash
from motionlaw.data_builders.splits import overlaps, split_of_group
from motionlaw.tools.errors import UserError

COUNT = 40


def contents(folder):
    """The hash of every file below a folder."""
    return {str(path.relative_to(folder)): file_hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "laws"
    build(BuildSettings("physsymbol", COUNT, 7), folder, workers=1)
    return folder


def test_the_bytes_are_the_same_for_any_number_of_workers(built, tmp_path):
    """Shards, card and manifest."""
    build(BuildSettings("physsymbol", COUNT, 7), tmp_path / "laws", workers=3)
    assert contents(tmp_path / "laws") == contents(built)


def killed_in_between(folder, line):
    """Starts a build, kills it after its first part, and tells whether more were still to come."""
    process = subprocess.Popen([*line, "--out", str(folder)], stderr=subprocess.DEVNULL)
    while not list(folder.glob(".parts/*.parquet")) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    return 0 < len(list(folder.glob(".parts/*.parquet"))) < 3 and not (folder / "manifest.json").exists()


def test_a_killed_build_goes_on_to_the_same_bytes(built, tmp_path):
    """kill -9 with some parts done and some not; its workers end too."""
    line = [sys.executable, "-m", "motionlaw", "build", "physsymbol", "--n", str(COUNT), "--seed", "7"]
    line += ["--workers", "1"]
    tries = (tmp_path / str(number) / "laws" for number in range(10))  # on a busy machine a kill may come too late
    folder = next(one for one in tries if killed_in_between(one, line))
    line += ["--out", str(folder)]
    assert subprocess.run([*line, "--resume"], capture_output=True, timeout=60).returncode == 0
    assert contents(folder) == contents(built)


def test_a_complete_build_is_left_as_it_is(built):
    """Resuming it changes nothing."""
    before = contents(built)
    build(BuildSettings("physsymbol", COUNT, 7), built, resume=True)
    assert contents(built) == before


def test_the_manifest_holds_the_hash_of_every_shard(built):
    """And the options that made them."""
    manifest = json.loads((built / "manifest.json").read_text())
    assert {each["file"]: each["sha256"] for each in manifest["shards"]} == {
        name: value for name, value in contents(built).items() if name.startswith("data/")
    }
    assert sum(manifest["rows"].values()) == COUNT and manifest["config"]["seed"] == 7


def test_datasets_opens_the_folder(built, tmp_path):
    """With its splits, and every column as described."""
    datasets = pytest.importorskip("datasets")
    data = datasets.load_dataset(str(built), cache_dir=str(tmp_path))
    manifest = json.loads((built / "manifest.json").read_text())
    assert {name: split.num_rows for name, split in data.items()} == manifest["rows"]
    assert len(data["train"][0]["x"]) == len(data["train"][0]["t"])


def test_a_folder_in_use_is_refused(built, tmp_path):
    """In one sentence that says what to do."""
    with pytest.raises(UserError, match="is not empty"):
        build(BuildSettings("physsymbol", COUNT, 7), built)
    with pytest.raises(UserError, match="its seed is 7, not 8"):
        build(BuildSettings("physsymbol", COUNT, 8), built, resume=True)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds no build to resume"):
        build(BuildSettings("physsymbol", COUNT, 7), tmp_path, resume=True)
    with pytest.raises(UserError, match="is a file"):
        build(BuildSettings("physsymbol", COUNT, 7), tmp_path / "notes.txt")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        build(BuildSettings("physsymbol", COUNT, 7), tmp_path / "notes.txt" / "laws")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"builder": "physsymbl", "n": 1}, "No builder 'physsymbl'. Did you mean 'physsymbol'"),
        ({"builder": "physsymbol", "n": 0}, "n must be at least 1, got 0"),
        ({"builder": "physsymbol", "n": 1, "seed": -1}, "seed must be at least 0, got -1"),
        ({"builder": "physsymbol", "n": 1, "settings": {"x": "1"}}, "physsymbol has no setting 'x'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, sentence):
    """Name, rule, value."""
    with pytest.raises(UserError, match=sentence):
        BuildSettings(**options)


def test_overlap_is_found_across_data_sets(built, tmp_path):
    """The same seed gives the same tasks; another seed none of them; and a data set does not overlap with itself."""
    build(BuildSettings("physsymbol", 3, 7), tmp_path / "same")
    build(BuildSettings("physsymbol", 3, 8), tmp_path / "other")
    assert {each.kind for each in overlaps([built, tmp_path / "same"])} == {"pair"}
    assert len(overlaps([built, tmp_path / "same"])) == 3
    assert overlaps([built, tmp_path / "other"]) == []
    with pytest.raises(UserError, match="holds no data set"):
        overlaps([tmp_path])


def test_a_group_decides_the_split_alone():
    """Nine in ten groups are for training; which ones does not depend on the data set."""
    splits = [split_of_group(f"scene {k}") for k in range(2000)]
    assert splits == [split_of_group(f"scene {k}") for k in range(2000)]
    assert 0.88 < splits.count("train") / 2000 < 0.92
