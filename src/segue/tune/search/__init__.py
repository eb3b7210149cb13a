"""Search spaces and samplers, as Optuna's distributions and samplers."""
