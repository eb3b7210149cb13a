"""Reports written in one statement are what Optuna reads, and would have written."""

import math
from pathlib import Path

import optuna
from optuna.storages import RDBStorage

from segue.store.study_storage import StudyStorage

ATTRIBUTES = {"value": 1.5, "named": {"a": [1, None, "ü"]}, "of": math.inf}
VALUES = {0: 0.5, 10: math.inf, 20: -math.inf, 30: math.nan, 40: -0.0, 50: 1e-300}


def written(path: Path, kind: type[RDBStorage]) -> str:
    url = f"sqlite:///{path}"
    storage = kind(url)
    trial = optuna.create_study(storage=storage, study_name="s").ask()
    for step, value in VALUES.items():
        storage.set_trial_intermediate_value(trial._trial_id, step, value)
    storage.set_trial_intermediate_value(trial._trial_id, 10, 7.0)
    if isinstance(storage, StudyStorage):
        storage.set_trial_user_attrs(trial._trial_id, {"of": 3, "value": 0})
        storage.set_trial_user_attrs(trial._trial_id, ATTRIBUTES)
        storage.set_trial_user_attrs(trial._trial_id, {})
    else:
        for key, value in ATTRIBUTES.items():
            storage.set_trial_user_attr(trial._trial_id, key, value)
    storage.engine.dispose()
    (found,) = optuna.load_study(storage=url, study_name="s").trials
    return repr((sorted(found.intermediate_values.items()), sorted(found.user_attrs.items())))


def test_optuna_reads_what_it_would_have_written(tmp_path: Path) -> None:
    assert written(tmp_path / "ours.db", StudyStorage) == written(
        tmp_path / "optunas.db", RDBStorage
    )
