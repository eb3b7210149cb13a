"""The record of a run: its files, the rows that trials report, and the study's attributes.

Every file name, key and attribute that one part of Segue writes and another one reads is spelled
here. Modules are imported one by one: only those that read a study import Optuna.
"""
