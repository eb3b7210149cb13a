"""What a report computes of a run's data: fronts, pauses, stopped trials, what matters."""
