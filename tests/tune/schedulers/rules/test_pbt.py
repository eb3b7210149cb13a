"""Population-based training with stages: worked numbers, laws, and a real run."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState
from ray import tune
from ray.tune.schedulers import TrialScheduler
from rich.console import Console
from torch import optim

from segue.base.files import read_rows
from segue.experiment_utils import Builder, PipelineStage, TrainingPipeline
from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.sweeps.sweep import Sweep
from segue.train import PPO, EntropyBonus, Mlp, Network
from segue.tune.checks.sweep import check_sweep
from segue.tune.cluster.session import suppress_ray_warnings
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from segue.tune.run.decisions import decide_exploit, decide_stage_end, decision_for, has_exploit_at
from segue.tune.schedulers.choice import make_scheduler
from segue.tune.schedulers.rules.explore import explored
from segue.tune.schedulers.rules.pbt import StagedPBT
from segue.tune.search.domains import SearchSpace
from segue.tune.worker.solo import Runner
from tests.tune.support.paced import make_paced, turn

STEPS = 64 * 8  # environment steps of a rollout


def pipeline(first: int, lr: float, entropy: float, second_lambda: float) -> TrainingPipeline:
    """A stage that `entropy` shapes, then one that `second_lambda` shapes; `lr` shapes both."""
    return TrainingPipeline(
        named_losses={"ppo": PPO(entropy_coef=0.0), "entropy": EntropyBonus()},
        pipeline_stages=[
            PipelineStage(
                ["ppo", "entropy"],
                max_stage_steps=first,
                loss_weights=[1.0, entropy],
                gae_lambda=0.9,
            ),
            PipelineStage(["ppo"], max_stage_steps=12 * STEPS - first, gae_lambda=second_lambda),
        ],
        optimizer_builder=Builder(optim.Adam, {"lr": lr}),
        num_mini_batch=2,
        update_repeats=2,
        max_grad_norm=0.5,
        num_steps=64,
        gamma=0.99,
        use_gae=True,
        gae_lambda=0.95,
        advance_scene_rollout_period=None,
        save_interval=STEPS,
        metric_accumulate_interval=STEPS,
    )


def with_sgd(made: TrainingPipeline, lr: float) -> TrainingPipeline:
    return TrainingPipeline(
        named_losses=made.named_losses,
        pipeline_stages=made.pipeline_stages,
        optimizer_builder=Builder(optim.SGD, {"lr": lr}),
        **made.given,  # type: ignore[arg-type]
    )


SPACE = {
    "first": tune.choice([6 * STEPS, 8 * STEPS]),
    "lr": tune.loguniform(1e-5, 1e-2),
    "entropy": tune.uniform(0.0, 0.1),
    "second_lambda": tune.uniform(0.8, 1.0),
}


# Trials 1 and 3 hardly learn: they keep the first policy, which is the better one for some reports.
TWO_LEARN_TWO_STAY = [
    {"first": 8 * STEPS, "lr": lr, "entropy": 0.01, "second_lambda": 0.85 + 0.01 * index}
    for index, lr in enumerate([3e-3, 1e-5, 4e-3, 1.1e-5])
]


def make_sweep(**given: Any) -> Sweep:
    space: dict[str, Any] = {
        "pipeline": pipeline,
        "space": SPACE,
        "world": "CartPole-v1",
        "evaluation": Evaluation(every=2 * STEPS, episodes=3, max_episode_steps=200),
        "trials": 4,
        "search": "random",
        "scheduler": StagedPBT(STEPS, quantile=0.5, resample_probability=0.0),
        "concurrency": 4,
        "resources": {"cpu": 0.5},
    }
    return Sweep(**(space | given))


def report(
    steps: int, value: float, stage: int = 0, final: bool = False, done: bool = False
) -> dict[str, Any]:
    where = {"stage": stage, "stage_steps": steps, "stages": 2, "stage_done": done}
    return {"return": value, "env_steps": steps, "final": final} | where


def donors_after(scheduler: StagedPBT, trial: int, row: dict[str, Any]) -> list[str]:
    said = scheduler.on_trial_result(None, SimpleNamespace(trial_id=str(trial)), row)
    assert said == TrialScheduler.CONTINUE
    return scheduler.donors(str(trial), 0)


class TestWhoExploitsWhom:
    @pytest.fixture
    def scheduler(self) -> StagedPBT:
        made = StagedPBT(100)
        made.set_search_properties("return", "max")
        return made

    def test_the_worst_quarter_continues_from_the_best_quarter(self, scheduler: StagedPBT) -> None:
        found = [donors_after(scheduler, trial, report(100, float(trial))) for trial in range(8)]
        assert found == [[]] * 8  # each was the best when it came
        assert (
            set(donors_after(scheduler, 0, report(200, 0.5))) == set()
        )  # no other trial is as far
        assert [
            donors_after(scheduler, trial, report(200, float(trial))) for trial in range(1, 8)
        ] == [[]] * 7
        donors_after(scheduler, 7, report(400, 9.0))
        donors_after(scheduler, 6, report(400, 8.0))
        assert sorted(donors_after(scheduler, 1, report(400, 0.7))) == ["6", "7"]
        assert donors_after(scheduler, 2, report(400, 2.0)) == []

    def test_no_trial_goes_back_to_an_earlier_stage_or_step(self, scheduler: StagedPBT) -> None:
        for trial in range(1, 4):
            donors_after(scheduler, trial, report(500, float(trial)))
        assert donors_after(scheduler, 0, report(500, 0.0, stage=1)) == []
        assert donors_after(scheduler, 4, report(600, 0.0)) == []
        assert donors_after(scheduler, 5, report(400, -1.0)) == ["3"]

    def test_a_stage_that_has_ended_counts_as_the_next(self, scheduler: StagedPBT) -> None:
        for trial in range(1, 4):
            donors_after(scheduler, trial, report(500, float(trial), done=True))
        assert donors_after(scheduler, 0, report(500, 0.0, stage=1)) == ["3"]

    def test_it_is_considered_once_an_interval(self, scheduler: StagedPBT) -> None:
        for trial in range(1, 4):
            donors_after(scheduler, trial, report(1000, float(trial)))
        assert [
            donors_after(scheduler, 0, report(steps, 0.0)) for steps in (90, 110, 150, 199, 200)
        ] == [
            [],
            ["3"],
            [],
            [],
            ["3"],
        ]

    def test_finished_trials_and_equals_are_no_donors(self, scheduler: StagedPBT) -> None:
        for trial in range(1, 4):
            donors_after(scheduler, trial, report(1000, 1.0, final=True))
        assert donors_after(scheduler, 0, report(100, 0.0)) == []
        for trial in range(1, 4):
            donors_after(scheduler, trial, report(1000, 0.0))
        assert donors_after(scheduler, 0, report(200, 0.0)) == []

    def test_less_can_be_better(self) -> None:
        scheduler = StagedPBT(100)
        scheduler.set_search_properties("return", "min")
        for trial in range(1, 4):
            donors_after(scheduler, trial, report(500, float(trial)))
        assert donors_after(scheduler, 0, report(400, 9.0)) == ["1"]

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"interval": 0}, "interval must be"),
            ({"quantile": 0.0}, "quantile must be above 0 and at most 0.5, got 0.0"),
            ({"quantile": 0.6}, "at most 0.5"),
            ({"explore": "all"}, "explore must be 'later' or 'current', got 'all'"),
        ],
    )
    def test_numbers_that_cannot_work_are_refused(self, given: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            StagedPBT(**({"interval": 100} | given))


class TestWhatIsExplored:
    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 1))
    def test_only_what_later_stages_depend_on_changes(
        self, seed: int, resample: float, stage: int
    ) -> None:
        sweep = make_sweep()
        start = {"first": 6 * STEPS, "lr": 1e-3, "entropy": 0.05, "second_lambda": 0.9}
        generator = np.random.default_rng(seed)
        found = explored(sweep, start, stage, 100, generator, resample=resample, current=False)
        changed = {name for name in start if found[name] != start[name]}
        assert changed <= ({"second_lambda"} if stage == 0 else set())
        assert 0.8 <= found["second_lambda"] <= 1.0

    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0]))
    def test_with_current_everything_may_change_but_the_past(
        self, seed: int, resample: float
    ) -> None:
        sweep = make_sweep()
        start = {"first": 8 * STEPS, "lr": 1e-3, "entropy": 0.05, "second_lambda": 0.9}
        generator = np.random.default_rng(seed)
        found = explored(sweep, start, 0, 7 * STEPS, generator, resample=resample, current=True)
        assert found["first"] == 8 * STEPS  # the shorter one would have ended before
        space = SearchSpace.of(SPACE)
        assert space.recorded(space.parameters(found))[0] == found

    def test_the_optimizer_s_class_stays(self) -> None:
        def either(optimizer: str, lr: float) -> TrainingPipeline:
            made = pipeline(6 * STEPS, lr, 0.01, 0.9)
            return made if optimizer == "adam" else with_sgd(made, lr)

        sweep = make_sweep(
            pipeline=either,
            space={"optimizer": tune.choice(["adam", "sgd"]), "lr": tune.loguniform(1e-5, 1e-2)},
        )
        for seed in range(20):
            start = {"optimizer": "adam", "lr": 1e-3}
            found = explored(
                sweep, start, 0, 1, np.random.default_rng(seed), resample=0.0, current=True
            )
            assert found["optimizer"] == "adam" and found["lr"] != 1e-3

    @pytest.mark.parametrize("part", ["world", "evaluation", "lanes", "policy"])
    def test_what_the_setup_depends_on_besides_the_pipeline_stays(self, part: str) -> None:
        functions = {
            "world": lambda size: f"MiniGrid-Empty-{size}x{size}-v0",
            "evaluation": lambda size: Evaluation(every=size),
            "lanes": lambda size: size,
            "policy": lambda size: Mlp((size,)),
        }
        sweep = make_sweep(
            pipeline=lambda lr: pipeline(6 * STEPS, lr, 0.01, 0.9),
            space={"size": tune.choice([5, 6, 8]), "lr": tune.loguniform(1e-5, 1e-2)},
            **{part: functions[part]},
        )
        start = {"size": 6, "lr": 1e-3}
        for seed in range(20):
            found = explored(
                sweep, start, 0, 1, np.random.default_rng(seed), resample=0.0, current=True
            )
            assert found["size"] == 6 and found["lr"] != 1e-3

    def test_numbers_move_by_a_fifth(self) -> None:
        start = {"first": 6 * STEPS, "lr": 1e-3, "entropy": 0.05, "second_lambda": 0.9}
        found = {
            round(
                explored(
                    make_sweep(),
                    start,
                    0,
                    1,
                    np.random.default_rng(seed),
                    resample=0.0,
                    current=True,
                )["lr"],
                9,
            )
            for seed in range(20)
        }
        assert found == {8e-4, 1.2e-3}


class TestAnswers:
    def test_the_checkpoint_outlasts_its_removal_by_the_donor(self, tmp_path: Path) -> None:
        checkpoint = tmp_path / "checkpoint-000000002000-ab.pt"
        answers = tmp_path / "decisions" / "0003.json"
        checkpoint.write_bytes(b"weights")
        decide_stage_end(answers, 0, 500, "ASHA")
        decide_exploit(answers, 1_000, 7, checkpoint, {"lr": 0.1})
        decide_exploit(answers, 3_000, 2, checkpoint, {"lr": 0.2})
        checkpoint.unlink()
        assert [has_exploit_at(answers, steps) for steps in (500, 1_000, 2_000, 3_000)] == [
            False,
            True,
        ] * 2
        before, after = (
            decision_for(answers, {"stage": 0, "env_steps": steps}) for steps in (999, 3_500)
        )
        assert (before.end_stage, before.exploit) == (0, None)
        assert after.exploit is not None and after.exploit.generation == 2
        assert after.exploit.checkpoint.read_bytes() == b"weights"
        assert after.exploit.parameters == {"lr": 0.2}


class TestWhatIsRefused:
    def test_without_checkpoints(self) -> None:
        sweep = make_sweep(evaluation=Evaluation(every=STEPS // 2))
        with pytest.raises(
            ValueError,
            match=r"resumes from checkpoints, but a stage has save_interval=\[512, 512\]",
        ):
            check_sweep(sweep)

    def test_a_space_that_is_a_function(self) -> None:
        def space(trial: Any) -> dict[str, Any]:
            return {
                "first": 6 * STEPS,
                "lr": trial.suggest_float("lr", 1e-4, 1e-2),
                "entropy": 0.0,
            } | {"second_lambda": 0.9}

        with pytest.raises(ValueError, match="make the space a dictionary"):
            check_sweep(make_sweep(space=space, scheduler="pbt"))

    def test_a_search_that_would_learn_wrongly(self) -> None:
        with pytest.raises(
            ValueError, match="The search 'gp' would learn from trials whose parameters change"
        ):
            check_sweep(make_sweep(search="gp"))

    def test_by_name_it_fits_the_pipeline(self) -> None:
        made = make_scheduler(make_sweep(scheduler="pbt"))
        assert (made.interval, made.explore) == (2 * STEPS, "later")


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestOnRay:
    def test_weights_progress_network_and_later_parameters_are_taken_over(
        self, tmp_path: Path
    ) -> None:
        widths = [32, 16, 32, 16]
        sweep = make_sweep(
            evaluation=Evaluation(every=STEPS, episodes=5),
            space=SPACE | {"width": tune.choice([16, 32])},
            points=[
                point | {"width": width}
                for point, width in zip(TWO_LEARN_TWO_STAY, widths, strict=True)
            ],
            policy=lambda width: Network(hidden=width),
        )
        trials = run(tmp_path, sweep, runner=make_paced(STEPS, 12 * STEPS))
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
        moved = [trial for trial in trials if "lineage" in trial.user_attrs]
        assert any(
            step["parameters"]["width"] != trial.params["width"]
            for trial in moved
            for step in trial.user_attrs["lineage"]
        )
        for trial in moved:
            rows = read_rows(tmp_path / "trials" / f"{trial.number:04d}" / "results.jsonl")
            assert [row["env_steps"] for row in rows] == sorted({row["env_steps"] for row in rows})
            assert [row["stage"] for row in rows] == sorted(row["stage"] for row in rows)
            assert rows[-1]["final"] and rows[-1]["env_steps"] == 12 * STEPS
            for step in trial.user_attrs["lineage"]:
                donor = trials[step["from"]]
                exploits = [
                    each
                    for each in donor.user_attrs.get("lineage", [])
                    if turn(donor.number, each["at"], STEPS) < turn(trial.number, step["at"], STEPS)
                ]
                given = exploits[-1]["parameters"] if exploits else donor.params
                changed = {name for name in given if given[name] != step["parameters"][name]}
                assert changed == {"second_lambda"}
            assert list(
                (tmp_path / "trials" / f"{trial.number:04d}").glob("checkpoints-*/checkpoint-*.pt")
            )

    def test_an_interrupted_sweep_resumes(self, tmp_path: Path) -> None:
        sweep = make_sweep()
        with suppress_ray_warnings():
            stopped = run_sweep(
                sweep,
                "pbt",
                tmp_path,
                Options(max_hours=4.0 / 3600),
                console=Console(file=io.StringIO()),
            )
        assert stopped.problem or stopped.trained
        trials = run(tmp_path, sweep)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
        for trial in trials:
            rows = read_rows(tmp_path / "trials" / f"{trial.number:04d}" / "results.jsonl")
            assert rows[-1]["env_steps"] == 12 * STEPS and rows[-1]["final"]


def run(path: Path, sweep: Sweep, runner: Runner | None = None) -> list[FrozenTrial]:
    with suppress_ray_warnings():
        run_sweep(sweep, "pbt", path, console=Console(file=io.StringIO()), runner=runner)
    return optuna.load_study(study_name="pbt", storage=f"sqlite:///{path / 'study.db'}").trials
