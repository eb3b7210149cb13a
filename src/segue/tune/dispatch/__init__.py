"""The driver's side of workers that train several trials: Tune runs workers, the study has trials.

The dispatcher assigns the study's trials to workers, passes their reports on, and replies. It has
no durable state: the study and the trials' directories are the record.
"""
