"""Freeze-thaw search: any trial may be paused at a report, and the most promising resumes.

After Swersky, Snoek and Adams, "Freeze-Thaw Bayesian Optimization" (2014). What is decided is a
function of the trials' parameters and reports alone.
"""
