"""A report as HTML, Markdown or terminal text."""
