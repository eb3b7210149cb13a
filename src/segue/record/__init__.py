"""The record of a run: its files and the rows that trials report; `study` is its Optuna study.

Every file name, key and attribute that one part of Segue writes and another one reads is spelled
here. Modules are imported one by one: only those that read a study import Optuna.
"""
