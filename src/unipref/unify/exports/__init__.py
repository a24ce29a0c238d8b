"""Exports of tools: every module here is one tool, named like its file."""
