"""Writes the preferences of a run as the files of other tools: `export_run`."""

from unipref.export.export_run import Exported, export_run

__all__ = ["Exported", "export_run"]
