"""Search spaces and samplers, expressed as Optuna's distributions and samplers."""
