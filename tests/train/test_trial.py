"""One trial in its directory: what it leaves there, and what it reports."""

import pytest

from segue.record.checkpoints import steps_of
from segue.train import Mlp, member_seeds
from segue.train.checkpoint import newest_first
from segue.train.play import Players
from segue.train.trials import files
from tests.train.support.pipelines import ROLLOUT, stage
from tests.train.support.trials import interrupted_after, plan, rows, run
from tests.worlds.probes import ContextualAction


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    run(directory)
    return directory


def test_rows_contain_the_progress_of_the_trial(whole):
    found = rows(whole)
    keys = ("env_steps", "stage", "stage_steps", "stage_done", "final")
    assert [tuple(row[key] for key in keys) for row in found] == [
        (2 * ROLLOUT, 0, 2 * ROLLOUT, False, False),
        (3 * ROLLOUT, 0, 3 * ROLLOUT, True, False),
        (4 * ROLLOUT, 1, 1 * ROLLOUT, False, False),
        (6 * ROLLOUT, 1, 3 * ROLLOUT, False, False),
        (7 * ROLLOUT, 1, 4 * ROLLOUT, True, True),
    ]
    for row in found:
        assert row["total_env_steps"] == 2 * row["env_steps"]
        assert row["return"] == pytest.approx(sum(row["metric_per_seed"]) / 2)
        assert row["evaluation"] == {"return": row["return"], "length": row["return"]}


def test_every_row_is_reported_once_it_is_written_and_the_last_one_returned(tmp_path, whole):
    heard = []

    def report(row):
        heard.append(row)
        assert rows(tmp_path)[-1] == row

    assert run(tmp_path, report=report) == heard[-1]
    assert heard == rows(whole)


@pytest.mark.parametrize(
    ("save_interval", "saved"),
    [
        (None, [7]),
        (0, [3, 7]),
        (-5, [3, 7]),
        (ROLLOUT, [1, 2, 3, 4, 5, 6, 7]),
        (2 * ROLLOUT, [2, 3, 4, 6, 7]),
    ],
)
def test_checkpoints_are_written_at_save_interval(tmp_path, monkeypatch, save_interval, saved):
    written = []
    monkeypatch.setattr(
        files,
        "save_checkpoint",
        lambda directory, env_steps, state: written.append(env_steps),
    )
    run(tmp_path, plan(save_interval=save_interval))
    assert written == [rollouts * ROLLOUT for rollouts in saved]


@pytest.mark.parametrize("mode", [pytest.param("max", marks=pytest.mark.slow), "min"])
def test_the_members_of_the_best_report_are_stored(tmp_path, mode):
    whole = tmp_path / "whole"
    run(whole, mode=mode)
    values = [row["return"] for row in rows(whole)]
    best = values.index(max(values) if mode == "max" else min(values))
    (stored,) = (whole / "best").iterdir()
    assert steps_of(stored) == rows(whole)[best]["env_steps"]
    for reports in range(1, len(values)):
        parted = tmp_path / str(reports)
        interrupted_after(parted, reports, mode=mode)
        if reports == best + 1:
            there = newest_first(parted / "checkpoints")[0]
            members = [Players.load(path, "CartPole-v1", Mlp((8,))) for path in (stored, there)]
            assert members[0].parameters.equal(members[1].parameters)
        run(parted, mode=mode)
        assert [path.name for path in (parted / "best").iterdir()] == [stored.name]


def test_a_stage_may_have_a_save_interval_of_its_own(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        files,
        "save_checkpoint",
        lambda directory, env_steps, state: written.append(env_steps),
    )
    run(tmp_path, plan(stage(save_interval=None), stage(save_interval=ROLLOUT)))
    assert written == [rollouts * ROLLOUT for rollouts in (4, 5, 6)]


def test_a_checkpoint_of_another_pipeline_is_refused_and_unchanged(tmp_path):
    interrupted_after(tmp_path, 2)
    before = (tmp_path / "results.jsonl").read_bytes(), newest_first(tmp_path / "checkpoints")
    with pytest.raises(
        ValueError, match=r"holds a checkpoint of another trial .*: begin in an empty directory"
    ):
        run(tmp_path, plan(gamma=0.5))
    assert before == (
        (tmp_path / "results.jsonl").read_bytes(),
        newest_first(tmp_path / "checkpoints"),
    )


def test_a_metric_of_the_world_is_averaged_over_seeds(tmp_path):
    row = run(tmp_path, metric="success", world=ContextualAction)
    assert (
        row["success"]
        == pytest.approx(sum(row["metric_per_seed"]) / 2)
        == row["evaluation"]["success"]
    )
    assert row["evaluation"].keys() == {"return", "length", "success"}


def test_an_unknown_metric_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(
        ValueError, match="no metric 'sucess' in this world: did you mean 'success'"
    ):
        run(tmp_path, metric="sucess", world=ContextualAction)
    assert not (tmp_path / "results.jsonl").exists()


def test_a_metric_that_is_nan_ends_the_trial(tmp_path):
    class Silent(ContextualAction):
        length = 100  # no evaluation episode comes to its end, where the metric is given

    with pytest.raises(FloatingPointError, match="'success' is nan after 128 steps"):
        run(tmp_path, metric="success", world=Silent)
    assert not (tmp_path / "results.jsonl").read_bytes()


def test_member_seeds_are_distinct_and_the_first_do_not_depend_on_how_many_follow():
    assert member_seeds(7, 2) == member_seeds(7, 5)[:2]
    assert len({*member_seeds(7, 100), *member_seeds(8, 100)}) == 200
