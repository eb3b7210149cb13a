"""Run many trials: Ray executes them, Optuna proposes and records them.

No other package depends on Ray. `record`, `store` and `report` use Optuna, to read studies.
"""
