"""Commands on sweeps that are trained."""
