"""Optuna's storage in a database, with the writes that happen at every report made quick."""

import json
from collections.abc import Mapping
from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._rdb.models import TrialIntermediateValueModel, TrialUserAttributeModel
from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

_VALUES, _ATTRIBUTES = TrialIntermediateValueModel.__table__, TrialUserAttributeModel.__table__


class StudyStorage(RDBStorage):
    """Writes an intermediate value in one statement, and the user attributes of a trial in one
    transaction.

    Optuna first asks for the trial, its state and what is there, which the only writer of a study
    knows: four times the work, on the thread that all trials wait for. The tables' names are not
    public; tests read them through Optuna.
    """

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """As Optuna's, of a trial that runs. Where the step has a value already, it is replaced."""
        stored, kind = TrialIntermediateValueModel.intermediate_value_to_stored_repr(
            intermediate_value
        )
        row = {
            "trial_id": trial_id,
            "step": step,
            "intermediate_value": stored,
            "intermediate_value_type": kind,
        }
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(_VALUES), row)
        except IntegrityError:
            super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attrs(self, trial_id: int, attributes: Mapping[str, Any]) -> None:
        """As Optuna's set_trial_user_attr for each, of a trial that runs; a kill leaves all of them
        or none.
        """
        if not attributes:
            return
        rows = [
            {"trial_id": trial_id, "key": key, "value_json": json.dumps(attributes[key])}
            for key in attributes
        ]
        theirs = (_ATTRIBUTES.c.trial_id == trial_id) & _ATTRIBUTES.c.key.in_(list(attributes))
        with self.engine.begin() as connection:
            connection.execute(delete(_ATTRIBUTES).where(theirs))
            connection.execute(insert(_ATTRIBUTES), rows)
