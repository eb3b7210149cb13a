"""Further objectives, constraints, and trials of an earlier run, on a real study.

The study is called in Tune's order.
"""

import io
import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from segue.plan.sweeps.objectives import StepsTo
from segue.plan.sweeps.sweep import Sweep
from segue.record.study.attributes import ADOPTED_FROM
from segue.report.data.summary import read_summary
from segue.report.overview import show
from segue.tune.checks.sweep import check_sweep
from segue.tune.drive import run_sweep
from segue.tune.options.options import Options
from segue.tune.run.directory import RunDirectory
from segue.tune.run.opening import open_run
from segue.tune.study.record import StudyRecord
from segue.tune.study.warm_start import trials_to_adopt
from tests.tune.support.doubles import MIXED, make_sweep
from tests.tune.support.fake_tune import FakeTune

GP = pytest.param("gp", marks=pytest.mark.slow)


def run(path: Path, sweep: Sweep, trials: int = 12, adopt: Path | None = None) -> StudyRecord:
    """A whole run directory, without Ray."""
    with open_run(RunDirectory(path), sweep, "double"):
        record = StudyRecord(
            path / "study.db",
            "double",
            sweep.mode,
            check_sweep(sweep).space,
            [mode for _, mode in sweep.objectives],
        )
        if adopt and not len(record):
            record.adopt(*trials_to_adopt(adopt))
        record.plan(sweep.planned())
        FakeTune(record, sweep, trials, {}).run()
        record.close()
    return record


def loaded(path: Path) -> optuna.Study:
    return optuna.load_study(study_name="double", storage=f"sqlite:///{path / 'study.db'}")


class TestObjectives:
    def test_the_study_has_a_value_for_each(self, tmp_path: Path) -> None:
        sweep = make_sweep(
            space=MIXED,
            trials=12,
            objectives=[(StepsTo(0.5), "min")],
            search="nsga2",
            scheduler="asha",
        )
        run(tmp_path, sweep)
        study = loaded(tmp_path)
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
        ended = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
        assert ended and len(study.trials) == 12
        for trial in ended:
            reached = [
                step for step, value in sorted(trial.intermediate_values.items()) if value >= 0.5
            ]
            assert trial.values == [
                trial.intermediate_values[1200],
                reached[0] if reached else math.inf,
            ]
        pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
        assert pruned and all(trial.values is None for trial in pruned)
        assert study.best_trials

    @pytest.mark.parametrize("search", ["tpe", "nsga2", GP, "random", "qmc"])
    def test_searchers_take_several(self, tmp_path: Path, search: str) -> None:
        sweep = make_sweep(
            space=MIXED, objectives=[("return", "min")], trials=14, search=search, scheduler=None
        )
        run(tmp_path, sweep, 14)
        values = [
            trial.values for trial in loaded(tmp_path).trials if trial.state == TrialState.COMPLETE
        ]
        assert values and all(first == second for first, second in values)

    @pytest.mark.parametrize("search", ["nsga2", GP, "random", "qmc"])
    def test_they_go_with_stopped_trials(self, tmp_path: Path, search: str) -> None:
        sweep = make_sweep(
            space=MIXED, objectives=[("return", "min")], trials=16, search=search, scheduler="asha"
        )
        run(tmp_path, sweep, 16)
        assert any(trial.state == TrialState.PRUNED for trial in loaded(tmp_path).trials)

    def test_a_summary_shows_the_metric(self, tmp_path: Path) -> None:
        sweep = make_sweep(
            space=MIXED, trials=12, objectives=[(StepsTo(0.5), "min")], scheduler=None
        )
        run(tmp_path, sweep)
        console = Console(file=io.StringIO(), width=60)
        show(read_summary(tmp_path), console)
        best = max(trial.values[0] for trial in loaded(tmp_path).trials if trial.values)
        assert f"{best:.4g}" in console.file.getvalue()  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"objectives": "length"}, "objectives must be a list such as"),
            ({"objectives": ["length"]}, "An objective must be a pair such as"),
            (
                {"objectives": [("length", "most")]},
                "The mode of an objective must be 'max' or 'min', got 'most'",
            ),
            (
                {"objectives": [("length", "min")], "search": "cmaes"},
                "'cmaes' supports one objective only",
            ),
            (
                {"objectives": [("length", "min")], "scheduler": "asha"},
                "TPE cannot learn several objectives from stopped",
            ),
            ({"constraints": {"short": 3}}, "constraints must be a dictionary of functions"),
        ],
    )
    def test_what_is_not_an_objective_is_refused(self, given: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            make_sweep(**given)

    def test_a_metric_that_is_never_reported_is_refused(self) -> None:
        with pytest.raises(ValueError, match="lenght"):
            check_sweep(make_sweep(objectives=[("lenght", "min")], scheduler=None))


def too_long(row: Any) -> float:
    return float(row["env_steps"] - 1000)


def too_good(row: Any) -> float:
    return float(row["return"] - 0.6)


class TestConstraints:
    def test_they_are_optuna_s_own(self, tmp_path: Path) -> None:
        run(tmp_path, make_sweep(constraints={"good": too_good}, scheduler=None))
        trials = [trial for trial in loaded(tmp_path).trials if trial.state == TrialState.COMPLETE]
        for trial in trials:
            assert trial.constraints == {"good": pytest.approx(trial.value - 0.6)}
            assert trial.user_attrs["constraints"] == trial.constraints
        allowed = [trial for trial in trials if trial.value <= 0.6]
        assert 0 < len(allowed) < len(trials)
        assert loaded(tmp_path).best_trial.value == max(trial.value for trial in allowed)

    def test_a_trial_that_violates_one_does_not_win(self, tmp_path: Path) -> None:
        run(tmp_path, make_sweep(constraints={"good": too_good}, scheduler=None))
        best = read_summary(tmp_path).best
        assert best[0].user_attrs["constraints"]["good"] <= 0
        broken = [trial.user_attrs["constraints"]["good"] > 0 for trial in best]
        assert broken == sorted(broken) and any(broken)

    def test_a_constraint_sees_the_whole_report(self, tmp_path: Path) -> None:
        sweep = make_sweep(
            constraints={"evaluated": lambda row: row["evaluation"]["return"] - row["return"]}
        )
        run(tmp_path, sweep)
        trials = [trial for trial in loaded(tmp_path).trials if trial.state == TrialState.COMPLETE]
        assert [trial.user_attrs["constraints"] for trial in trials] == [{"evaluated": 0.0}] * len(
            trials
        )

    @pytest.mark.parametrize(
        ("constraint", "said"),
        [
            (  # the report that the check makes up is of the first step
                lambda row: 0.0 if row["env_steps"] == 1 else row["evaluation"]["lenght"],
                "KeyError: 'lenght'",
            ),
            (lambda row: math.nan, "ValueError: The constraint 'broken' must be finite, got nan"),
        ],
    )
    def test_an_exception_in_one_fails_its_trial_with_a_reason(
        self, tmp_path: Path, constraint: Any, said: str
    ) -> None:
        run(tmp_path, make_sweep(constraints={"broken": constraint}, scheduler=None), 2)
        first, second = loaded(tmp_path).trials[:2]
        assert first.state == second.state == TrialState.FAIL
        assert first.user_attrs["reason"].startswith(
            f"The constraint 'broken' cannot be computed: {said}"
        )

    def test_stopped_trials_are_evaluated_as_well(self, tmp_path: Path) -> None:
        run(tmp_path, make_sweep(constraints={"long": too_long}))
        for trial in loaded(tmp_path).trials:
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
                assert trial.user_attrs["constraints"]["long"] == trial.last_step - 1000


class TestWarmStart:
    def test_fitting_trials_are_adopted_and_count_for_nothing_else(self, tmp_path: Path) -> None:
        run(tmp_path / "old", make_sweep(scheduler=None), 16)
        old = [
            trial for trial in loaded(tmp_path / "old").trials if trial.state == TrialState.COMPLETE
        ]
        record = run(tmp_path / "new", make_sweep(trials=20), 20, adopt=tmp_path / "old")
        trials = loaded(tmp_path / "new").trials
        adopted = [trial for trial in trials if ADOPTED_FROM in trial.user_attrs]
        assert [trial.params for trial in adopted] == [trial.params for trial in old]
        assert adopted[0].user_attrs[ADOPTED_FROM] == f"{tmp_path / 'old'}#{old[0].number}"
        assert trials[: len(adopted)] == adopted and len(trials) == len(adopted) + 20
        assert len(record) == 20
        assert all(
            ADOPTED_FROM not in trial.user_attrs for trial in read_summary(tmp_path / "new").trials
        )

    def test_it_resumes_after_an_interruption(self, tmp_path: Path) -> None:
        run(tmp_path / "old", make_sweep(scheduler=None), 16)
        outcomes = []
        for name, budgets in (("whole", [18]), ("parts", [5, 18])):
            for budget in budgets:
                record = run(tmp_path / name, make_sweep(trials=18), budget, adopt=tmp_path / "old")
            outcomes.append(
                [(trial.number, trial.params, trial.state, trial.value) for trial in record.trials]
            )
        assert outcomes[0] == outcomes[1]
        assert outcomes[0][0][0] == record.adopted

    def test_the_search_learns_from_them(self, tmp_path: Path) -> None:
        run(
            tmp_path / "old",
            make_sweep(space=MIXED, trials=40, search="random", scheduler=None),
            40,
        )
        asked = make_sweep(space=MIXED, trials=10, scheduler=None)
        cold = run(tmp_path / "cold", asked, 10)
        warm = run(tmp_path / "warm", asked, 10, adopt=tmp_path / "old")

        def distance(record: StudyRecord) -> float:
            return sum(abs(math.log10(trial.params["lr"] / 5e-4)) for trial in record.trials)

        assert distance(warm) < distance(cold)

    def test_trials_of_another_space_are_left_out(self, tmp_path: Path) -> None:
        run(tmp_path / "old", make_sweep(space=MIXED, trials=4, scheduler=None), 4)
        record = run(tmp_path / "new", make_sweep(scheduler=None), 4, adopt=tmp_path / "old")
        assert record.adopted == 0 and len(record) == 16

    def test_trials_of_a_function_fit_by_their_answers(self, tmp_path: Path) -> None:
        def exponents(trial: Any) -> dict[str, Any]:
            sizes = trial.suggest_categorical("sizes", [(400,), (800,)])
            lr = 10 ** trial.suggest_float("log10_lr", -4, -2)
            return {"first_steps": sizes[0], "lr": lr, "gae_lambda": 0.9}

        sweep = make_sweep(space=exponents, trials=4, scheduler=None)
        run(tmp_path / "old", sweep, 4)
        record = run(tmp_path / "new", sweep, 4, adopt=tmp_path / "old")
        assert record.adopted == 4 and len(record) == 4

    def test_a_directory_without_a_run_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"--warm-start: .* is not a run directory"):
            run_sweep(make_sweep(), "double", tmp_path / "run", Options(warm_start=tmp_path))
        assert not (tmp_path / "run").exists()

    def test_a_sweep_that_has_started_is_not_warmed_up(self, tmp_path: Path) -> None:
        record = run(tmp_path / "old", make_sweep(), 2)
        with pytest.raises(
            ValueError, match="cannot be warm-started: start from scratch with --fresh"
        ):
            record.adopt([], "x")
