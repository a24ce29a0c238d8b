"""The files with which a target starts: YAML with a first line, and shell scripts."""

from collections.abc import Mapping
from typing import Any

from unipref.core import yaml_files
from unipref.core.display import shorten

NOTE = "Settings other than the data are examples. See docs/export_targets.md of unipref."


def make_yaml(command: str, settings: Mapping[str, Any]) -> str:
    """Makes a YAML file whose first lines say how to run it."""
    return f"# {command}\n# {NOTE}\n{yaml_files.write(dict(settings))}"


def make_script(*lines: str) -> str:
    """Makes a shell script that runs one command in the folder of the script; `lines` are its parts."""
    return f'#!/bin/sh\n# {NOTE}\nset -eu\ncd "$(dirname "$0")"\n' + " \\\n    ".join(lines) + "\n"


def quote_model(model: str) -> str:
    """Returns the name of a model for a shell script."""
    import shlex

    return shlex.quote(shorten(model, 4096, one_line=True))
