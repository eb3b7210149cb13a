"""Many trials: Ray runs them, Optuna proposes and remembers them, and nothing else of Segue knows
either.
"""
