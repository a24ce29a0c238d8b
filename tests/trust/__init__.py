"""Campaigns that try to break unipref: faults while a study runs, and damaged input. `make trust` runs them.

Each campaign is a function that takes a seed and a size and returns an `Outcome`. The tests in this folder run small
parts of them.
"""
