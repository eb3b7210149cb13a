"""Settings of RL Baselines3 Zoo (Raffin, 2020), translated to sweep files.

The zoo's files, such as `ppo.yml`, have the hyperparameters of Stable-Baselines3's algorithms by
environment.
"""

from segue.zoo.entry import ZooEntry, read_entry
from segue.zoo.sweep_text import sweep_text

__all__ = ["ZooEntry", "read_entry", "sweep_text"]
