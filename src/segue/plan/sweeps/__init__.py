"""A sweep: which pipelines are trained, and how their trials are run and evaluated."""
