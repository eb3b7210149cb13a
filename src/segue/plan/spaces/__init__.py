"""Search spaces: dictionaries of `ray.tune` domains, and functions that ask for one parameter at a
time.
"""
