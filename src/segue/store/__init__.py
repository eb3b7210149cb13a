"""Runs that are kept in an object store: objects that are whole or absent, and folders that follow
them.
"""
