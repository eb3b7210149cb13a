"""Training of one pack of members, from the first step to the last."""

from segue.train.checks import check_metric, check_trial
from segue.train.data.demonstrations import Demonstrations, member_keywords
from segue.train.evaluate import EPISODE_METRICS, Evaluator
from segue.train.losses import (
    A2C,
    PPO,
    Advisor,
    BehaviorCloning,
    EntropyBonus,
    Imitation,
    MemberLoss,
    PPOValue,
)
from segue.train.own import (
    Signal,
    TrainerError,
    TrainerSpec,
    Trial,
    check_reported_name,
    run_own_trial,
    run_trainer,
)
from segue.train.policies import Mlp, Module, Network
from segue.train.trainer import Trainer
from segue.train.trials.attempt import ExploitRequested
from segue.train.trials.spec import TrialSpec
from segue.train.trials.trial import Preempted, member_seeds, run_trial

__all__ = [
    "A2C",
    "EPISODE_METRICS",
    "PPO",
    "Advisor",
    "BehaviorCloning",
    "Demonstrations",
    "EntropyBonus",
    "Evaluator",
    "ExploitRequested",
    "Imitation",
    "MemberLoss",
    "Mlp",
    "Module",
    "Network",
    "PPOValue",
    "Preempted",
    "Signal",
    "Trainer",
    "TrainerError",
    "TrainerSpec",
    "Trial",
    "TrialSpec",
    "check_metric",
    "check_reported_name",
    "check_trial",
    "member_keywords",
    "member_seeds",
    "run_own_trial",
    "run_trainer",
    "run_trial",
]
