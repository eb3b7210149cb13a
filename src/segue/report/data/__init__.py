"""What a report rests on: trials, curves, held-out results and statistics, read from a run
directory.
"""
