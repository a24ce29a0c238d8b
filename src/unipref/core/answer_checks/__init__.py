"""Checks of an answer by rule: ours, and IFEval's."""
