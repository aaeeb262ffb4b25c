"""Questions to practise: their columns, the mirrored twin, and the tool that fits an ansatz."""

import numpy as np
import pytest

from motionlaw.agent.messages import Image
from motionlaw.agent.pictures import decode
from motionlaw.data_builders.chain_rows import builder as chains
from motionlaw.data_builders.physsymbol_rows import builder as laws
from motionlaw.training.conversations import Asking
from motionlaw.training.dry_run import rehearse, require_live
from motionlaw.training.grpo import FitEnvironment, law_task, mirrored_task, motion_task
from motionlaw.training.motion_rewards import equivariance_reward, trajectory_reward
from motionlaw.training.rewards import LAW_REWARDS


def test_a_mirrored_twin_is_a_true_question():
    """Frames, tracks and reference are mirrored together; with its twin the group reward is alive."""
    rows = [chains().make(5, index)[0] for index in (0, 3)]
    pairs = []
    for row in rows:
        task = motion_task(row) | {"group": row["name"]}
        twin = mirrored_task(task)
        one, other = (decode(Image(each["images"][0]["bytes"])).astype(int) for each in (task, twin))
        assert np.abs(one[:, ::-1] - other).mean() < 6
        pairs += [task, twin]
    require_live(rehearse([trajectory_reward, equivariance_reward], pairs))
    assert all(task["reference"] == task["chain"] for task in pairs)


@pytest.mark.parametrize("asking", [Asking(rows=8), Asking("brief")], ids=["full", "brief"])
def test_the_rewards_of_laws_are_alive_on_the_columns_of_tasks(asking):
    """The dry run passes on questions as practice gets them, in both forms."""
    rows = [laws().make(0, index)[0] for index in range(4)]
    require_live(rehearse(LAW_REWARDS, [law_task(row, asking) for row in rows]))


def test_a_policy_can_fit_its_ansatz_and_see_what_is_left():
    """The true structure leaves nothing, a part of it leaves more, and nonsense comes back as a sentence."""
    row = laws().make(0, 0)[0]
    environment = FitEnvironment()
    environment.reset(**law_task(row, Asking(rows=8), has_tools=True))
    left = [float(environment.fit(law).split("leaves ")[1].split(" of")[0]) for law in (row["law"], "-x")]
    assert left[0] < 1e-9 < left[1]
    for text in ("", "import os", "q*x", "9**9**9**9", "x" * 5000):
        assert environment.fit(text).startswith("Not fitted:")


def test_settings_say_what_is_wrong():
    """Unknown rewards and missing data end in a sentence."""
    from motionlaw.tools.errors import UserError
    from motionlaw.training.grpo import GrpoSettings

    with pytest.raises(UserError, match="No reward 'x_reward'"):
        GrpoSettings(data="laws=x", rewards=["x_reward"])
    with pytest.raises(UserError, match="Practice needs data"):
        GrpoSettings()
