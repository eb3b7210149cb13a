"""Trials that a trainer of the user's own trains: a function or class, in place of a pipeline."""

from segue.train.own.reported import check_reported_name
from segue.train.own.run import run_own_trial, run_trainer
from segue.train.own.signals import Signal, TrainerError
from segue.train.own.spec import TrainerSpec
from segue.train.own.trial import Trial

__all__ = [
    "Signal",
    "TrainerError",
    "TrainerSpec",
    "Trial",
    "check_reported_name",
    "run_own_trial",
    "run_trainer",
]
