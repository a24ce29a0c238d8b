"""Constraints that are added to prompts."""

import json
import re
from pathlib import Path

import pytest
from support.shared_data import shared  # noqa: F401
