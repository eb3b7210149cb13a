"""A study read without trust: a damaged trial or attribute is left out and named.

Optuna returns whatever a SQLite file holds, since SQLite does not enforce the types of columns, and
raises whatever its own parts raise for a file that it cannot read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import StudyModel, TrialIntermediateValueModel, TrialModel
from optuna.trial import FrozenTrial
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from segue.base.checks import is_number
from segue.base.files import is_deep
from segue.record.study import attributes
from segue.record.study.forms import SteeredAttribute, TrialAttributes
from segue.record.validation import Checked

_LONGEST = 200  # characters of an error that are shown
_YEARS = range(1970, 9000)  # of which the operating system knows the seconds


_STEERING: TypeAdapter[list[SteeredAttribute]] = TypeAdapter(
    list[SteeredAttribute], config=Checked.model_config
)
_PER_SEED: TypeAdapter[list[float]] = TypeAdapter(list[float], config=Checked.model_config)


@dataclass(frozen=True)
class StudyContent:
    """The trials of a study, the names of its values, and what of it is damaged."""

    trials: tuple[FrozenTrial, ...]
    metric_names: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What was left out, in a few words each."""
    steering: tuple[dict[str, Any], ...] = ()
    """The requests of people that the study records for no trial; `segue.record.study.steering`
    describes them.
    """


def read_study(storage: RDBStorage, name: str, shown: str) -> StudyContent:
    """Return the content of a study, as far as it is sound, and close its storage.

    `shown` names the storage in messages. Raise ValueError, in one sentence, for a storage that
    does not have the study, and for one that Optuna cannot read.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        content = checked(study.get_trials(deepcopy=False), study.metric_names)
        return with_steering(content, study.user_attrs)
    except KeyError as error:
        raise ValueError(f"{shown} has no study {name!r}, or a damaged one.") from error
    except Exception as error:  # of Optuna, SQLAlchemy or SQLite, for a damaged file
        raise unreadable(shown, error) from error
    finally:
        close_storage(storage)


def read_report_order(storage: RDBStorage, name: str, shown: str) -> list[tuple[int, int]]:
    """Return the reports of a study in the order in which they were recorded, and close it.

    Each is a trial's number and the environment steps of its report. It is the order in which the
    scheduler decided on them. Raise ValueError as `read_study` does.
    """
    values = TrialIntermediateValueModel
    query = (
        select(TrialModel.number, values.step)
        .join(TrialModel, values.trial_id == TrialModel.trial_id)
        .join(StudyModel, TrialModel.study_id == StudyModel.study_id)
        .where(StudyModel.study_name == name)
        .order_by(values.trial_intermediate_value_id)
    )
    try:
        with storage.engine.connect() as connection:
            return [(int(number), int(step)) for number, step in connection.execute(query)]
    except Exception as error:  # of SQLAlchemy or SQLite, for a damaged file
        raise unreadable(shown, error) from error
    finally:
        close_storage(storage)


def close_storage(storage: RDBStorage) -> None:
    """Close the connections to a storage; SQLite then merges its log into the file."""
    storage.remove_session()
    storage.engine.dispose()


def unreadable(shown: str, error: Exception) -> ValueError:
    """Return the refusal of a storage that Optuna cannot read."""
    cause = error.__cause__ if isinstance(error, OptunaError) and error.__cause__ else error
    cause = getattr(cause, "orig", None) or cause  # SQLite's own message, without SQLAlchemy's
    return ValueError(f"{shown} cannot be read as an Optuna study ({_in_words(cause)}).")


def checked(trials: Iterable[FrozenTrial], metric_names: Sequence[str] | None) -> StudyContent:
    """Return the sound trials by number, without their damaged attributes."""
    sound: dict[int, FrozenTrial] = {}
    problems: list[str] = []
    for trial in trials:
        problem = _problem(trial) or (trial.number in sound and "it exists twice")
        if problem:
            problems.append(f"trial {trial.number!r}: {problem}")
            continue
        sound[trial.number] = trial
        damaged = damaged_attributes(trial.user_attrs)
        problems += [f"attribute {each!r} of trial {trial.number}" for each in damaged]
        if damaged:
            trial.user_attrs = {
                key: value for key, value in trial.user_attrs.items() if key not in damaged
            }
    names = metric_names or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        problems.append("the names of the metrics")
        names = ()
    ordered = tuple(sound[number] for number in sorted(sound))
    return StudyContent(ordered, tuple(names), tuple(problems))


def with_steering(content: StudyContent, known: Mapping[str, Any]) -> StudyContent:
    """Return the content with the requests among the user attributes of its study."""
    recorded = known.get(attributes.STEERING, [])
    try:
        _STEERING.validate_python(recorded)
    except ValidationError:
        problem = f"attribute {attributes.STEERING!r} of the study"
        return replace(content, problems=(*content.problems, problem))
    return replace(content, steering=tuple(recorded))


def damaged_attributes(known: dict[str, Any]) -> list[str]:
    """Return the names of those user attributes of a trial that do not have their type."""
    found = [
        name
        for name, value in known.items()
        if name.endswith(attributes.per_seed("")) and not _is_list_of_numbers(value)
    ]
    found += [name for name, value in known.items() if is_deep(value)]
    try:
        TrialAttributes.model_validate(known)
    except ValidationError as error:
        found += (str(each["loc"][0]) for each in error.errors(include_url=False))
    return list(dict.fromkeys(found))


def _is_list_of_numbers(value: object) -> bool:
    try:
        _PER_SEED.validate_python(value)
    except ValidationError:
        return False
    return True


def _problem(trial: FrozenTrial) -> str | None:
    """Return what is wrong with a trial itself; None for a sound one."""
    if not isinstance(trial.number, int) or trial.number < 0:
        return "its number"
    if not all(is_number(value) for value in trial.intermediate_values.values()):
        return "an intermediate value"
    if not all(isinstance(step, int) and step >= 0 for step in trial.intermediate_values):
        return "the step of an intermediate value"
    values = trial.values or [0.0]
    if not is_number(values[0]) or not all(isinstance(value, float | int) for value in values):
        return "its values"
    dates = [date for date in (trial.datetime_start, trial.datetime_complete) if date is not None]
    if not all(date.year in _YEARS for date in dates):
        return "its dates"
    if not all(map(_is_sound, trial.distributions.values())):
        return "the range of a parameter"
    try:
        trial._validate()  # as `Study.add_trial` does
    except Exception as error:  # whatever a distribution raises for a value of another type
        return _in_words(error)
    return None


def _is_sound(distribution: BaseDistribution) -> bool:
    """Return whether the parts of a distribution have their types, which Optuna does not check."""
    if isinstance(distribution, CategoricalDistribution):
        return all(isinstance(each, str | int | float | None) for each in distribution.choices)
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return False
    step = 1 if distribution.step is None else distribution.step
    numbers = (distribution.low, distribution.high, step)
    return isinstance(distribution.log, bool) and all(map(is_number, numbers))


def _in_words(error: BaseException) -> str:
    message = (isinstance(error, OSError) and error.strerror) or str(error)
    return " ".join(message.split())[:_LONGEST].rstrip(".") or type(error).__name__
