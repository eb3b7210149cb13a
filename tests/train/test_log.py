"""TensorBoard events and rows of JSON: the same numbers under the documented tags."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segue.train.packs.interval import MemberInterval
from segue.train.trials.log import TrialLog
from tests.train.support.example_members import Patience
from tests.train.support.pipelines import ROLLOUT, stage
from tests.train.support.trials import AttemptEndedError, interrupted_after, plan, rows, run
from tests.worlds.probes import ContextualAction

MISC = {
    "train-misc/stage",
    "train-misc/lr",
    "train-misc/fps",
    "train-misc/teacher_ratio",
    "train-misc/teacher_ratio_scheduled",
}


DIAGNOSTICS = {
    f"train-diagnostics/{name}"
    for name in (
        "approx_kl",
        "clip_fraction",
        "entropy",
        "value_loss",
        "policy_loss",
        "explained_variance",
        "grad_norm",
    )
}


def events(directory):
    """(tag, env steps) -> number, as TensorBoard shows them."""
    accumulator = EventAccumulator(str(directory), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    found = [((tag, event.step), event.value) for tag in tags for event in accumulator.Scalars(tag)]
    assert len(dict(found)) == len(found), "a number is there twice"
    return dict(found)


def numbers(directory):
    """The same from the rows of JSON."""
    found = {}
    for row in rows(directory, "metrics.jsonl"):
        steps = row.pop("env_steps")
        _ = row.pop("total_env_steps")
        assert not {(tag, steps) for tag in row} & found.keys()
        found |= {(tag, steps): number for tag, number in row.items()}
    return found


def without_fps(found):
    return {at: number for at, number in found.items() if at[0] != "train-misc/fps"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    run(directory, plan(metric_accumulate_interval=ROLLOUT), world=ContextualAction)
    return directory


def test_tags_are_those_of_the_seed_engine(whole):
    tags = {tag for tag, _ in events(whole)}
    metrics = {
        f"{use}-metrics/{name}"
        for use in ("train", "valid")
        for name in ("return", "length", "success")
    }
    ppo = {
        f"train-losses/ppo/{name}" for name in ("ppo_total", "action", "value", "entropy", "ratio")
    }
    a2c = {f"train-losses/a2c/{name}" for name in ("a2c_total", "action", "value", "entropy")}
    assert tags == metrics | ppo | a2c | DIAGNOSTICS | MISC


def test_the_x_axis_is_environment_steps_of_a_member(whole):
    found = events(whole)
    assert [steps for tag, steps in found if tag == "train-misc/stage"] == [
        i * ROLLOUT for i in range(1, 8)
    ]
    assert [found["train-misc/stage", i * ROLLOUT] for i in range(1, 8)] == [0, 0, 0, 1, 1, 1, 1]
    assert {steps // ROLLOUT for tag, steps in found if tag.startswith("train-losses/a2c")} == {
        4,
        5,
        6,
        7,
    }
    assert [steps // ROLLOUT for tag, steps in found if tag == "valid-metrics/success"] == [
        2,
        3,
        4,
        6,
        7,
    ]


def test_the_rows_hold_the_same_numbers(whole):
    in_events = events(whole)
    in_rows = numbers(whole)
    assert in_events == pytest.approx(in_rows, rel=1e-6)
    assert all(number > 0 for (tag, _), number in in_rows.items() if tag == "train-misc/fps")


def test_valid_metrics_are_those_of_the_results(whole):
    found = numbers(whole)
    for row in rows(whole):
        for name, value in row["evaluation"].items():
            assert found[f"valid-metrics/{name}", row["env_steps"]] == pytest.approx(value)


def test_diagnostics_have_one_curve_across_stages(whole):
    found = events(whole)
    for tag in DIAGNOSTICS - {"train-diagnostics/clip_fraction"}:
        assert [at // ROLLOUT for one, at in found if one == tag] == [1, 2, 3, 4, 5, 6, 7]


def test_diagnostics_of_a_report_are_those_of_the_log(whole):
    found = numbers(whole)
    for row in rows(whole):
        assert row["diagnostics"]
        for name, value in row["diagnostics"].items():
            assert found[f"train-diagnostics/{name}", row["env_steps"]] == pytest.approx(value)


def test_each_seed_has_curves_of_its_own_on_request(tmp_path, whole):
    made = plan(metric_accumulate_interval=ROLLOUT, save_interval=0)
    interrupted_after(tmp_path, 3, made, world=ContextualAction, log_seeds=True)
    run(tmp_path, made, world=ContextualAction, log_seeds=True)
    means = without_fps(events(tmp_path))
    assert means == without_fps(events(whole))
    seeds = [events(tmp_path / f"seed-{seed}") for seed in (0, 1)]
    assert seeds[0].keys() == seeds[1].keys() == means.keys()
    assert seeds[0] != seeds[1]
    for at, mean in means.items():
        assert mean == pytest.approx((seeds[0][at] + seeds[1][at]) / 2, rel=1e-5, abs=1e-9)
    assert not (whole / "seed-0").exists()


@pytest.mark.parametrize("reports", [1, 3])
def test_after_an_interruption_nothing_is_there_twice_or_missing(tmp_path, whole, reports):
    made = plan(metric_accumulate_interval=ROLLOUT, save_interval=0)
    one = tmp_path / "interrupted"
    other = tmp_path / "whole"
    interrupted_after(one, reports, made)
    run(one, made)
    run(other, made)
    assert without_fps(numbers(one)) == without_fps(numbers(other))
    assert without_fps(events(one)) == without_fps(events(other))
    assert without_fps(events(one)) == pytest.approx(without_fps(numbers(one)), rel=1e-6)


@pytest.mark.slow
def test_also_when_members_stand_at_different_steps(tmp_path, monkeypatch):
    """One member's criterion sends it into a stage of longer rollouts, so that it is ahead at a
    checkpoint.
    """

    class Uneven(Patience):
        def __call__(self, stage_steps, total_steps, training_metrics):
            return training_metrics.means()["return"] > 0.5

    first = stage(steps=4 * ROLLOUT, early_stopping_criterion=Uneven(0))
    made = plan(first, stage(steps=6 * ROLLOUT, num_steps=40), metric_accumulate_interval=1)

    def times(directory):
        return [
            (row["env_steps"], row["total_env_steps"]) for row in rows(directory, "metrics.jsonl")
        ]

    run(tmp_path / "whole", made, world=ContextualAction)
    expected = times(tmp_path / "whole")
    assert len({total / steps for steps, total in expected}) > 1, "the members stayed together"
    written = sum("train-misc/stage" in row for row in rows(tmp_path / "whole", "metrics.jsonl"))
    for intervals in range(1, written, 4):
        directory = tmp_path / str(intervals)
        with monkeypatch.context() as patched, pytest.raises(AttemptEndedError):
            patched.setattr(TrialLog, "train", ending(TrialLog.train, intervals))
            run(directory, made, world=ContextualAction)
        run(directory, made, world=ContextualAction)
        assert times(directory) == expected


def ending(write, calls):
    """`TrialLog.train`, which ends the attempt after so many calls."""
    made = []

    def train(log, *arguments):
        write(log, *arguments)
        made.append(arguments)
        if len(made) == calls:
            raise AttemptEndedError

    return train


def test_without_should_log_there_is_neither(tmp_path):
    run(tmp_path, plan(should_log=False))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best",
        "checkpoints",
        "lock",
        "results.jsonl",
    ]


def test_numbers_are_means_over_the_members_that_have_them(tmp_path):
    logged = [
        MemberInterval(
            0,
            0,
            64,
            {"return": 1.0, "length": 5.0},
            {"ppo": {"value": 2.0}},
            lr=0.1,
            teacher={"teacher_ratio": 0.5},
        ),
        MemberInterval(
            1,
            1,
            64,
            {"return": 4.0},
            {"ppo": {"value": 4.0}, "a2c": {"value": 7.0}},
            lr=0.3,
            teacher={"teacher_ratio": 0.25},
        ),
    ]
    with TrialLog(tmp_path) as log:
        log.train(logged, 64, 128)
        log.train([], 65, 130)
        log.valid({"return": [1.0, 2.0]}, 64, 128)
    train, valid = rows(tmp_path, "metrics.jsonl")
    assert train.pop("train-misc/fps") > 0
    assert train == {
        "env_steps": 64,
        "total_env_steps": 128,
        "train-metrics/return": 2.5,
        "train-metrics/length": 5.0,
        "train-losses/ppo/value": 3.0,
        "train-losses/a2c/value": 7.0,
        "train-misc/stage": 0.5,
        "train-misc/lr": pytest.approx(0.2),
        "train-misc/teacher_ratio": 0.375,
    }
    assert valid == {"env_steps": 64, "total_env_steps": 128, "valid-metrics/return": 1.5}


def test_what_was_flushed_is_in_the_files(tmp_path):
    """A process that is killed after a flush loses nothing: no number waits in a thread."""
    values = {f"metric {index}": [float(index)] for index in range(200)}
    with TrialLog(tmp_path, seeds=1) as log:
        log.valid(values, 64, 64)
        log.flush()
        expected = {(f"valid-metrics/{name}", 64): value for name, (value,) in values.items()}
        assert events(tmp_path / "seed-0") == events(tmp_path) == expected
        assert numbers(tmp_path) == expected


def test_a_torn_row_is_cut_when_the_log_continues(tmp_path):
    with TrialLog(tmp_path) as log:
        log.valid({"return": [1.0]}, 64, 64)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"env_steps": 128, "tot')
    with TrialLog(tmp_path, 64, 64) as log:
        log.valid({"return": [2.0]}, 128, 128)
    assert [row["env_steps"] for row in rows(tmp_path, "metrics.jsonl")] == [64, 128]
