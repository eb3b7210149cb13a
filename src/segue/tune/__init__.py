"""Run many trials: Ray executes them, Optuna proposes and records them.

No other room depends on Ray. `record`, `store` and `report` use Optuna, to read studies.
"""
