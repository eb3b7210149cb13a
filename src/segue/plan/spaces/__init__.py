"""Search spaces: dictionaries of `ray.tune` domains, and define-by-run functions."""
