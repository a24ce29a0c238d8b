"""Rendering of a report as HTML, Markdown or terminal text."""
