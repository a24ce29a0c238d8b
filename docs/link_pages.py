"""Hook of mkdocs: names of pages in code marks become links, so that the sources stay readable as plain text."""

import re
from posixpath import dirname, relpath
from typing import Any

NAMED = re.compile(r"(?<!\[)`docs/([\w./-]+?)(\.md|/)`(?!\])")
"""`docs/page.md` or `docs/folder/`, unless it is the text of a link."""
FENCED = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def link_pages(text: str, page: str, known: set[str]) -> str:
    """Returns the text of a page with links to the pages that it names.

    Args:
        text: Markdown. Code blocks stay as they are.
        page: path of the page in docs/.
        known: paths of all pages. What is no page, stays as it is.
    """

    def link(match: re.Match[str]) -> str:
        target = f"{match[1]}.md" if match[2] == ".md" else f"{match[1]}/index.md"
        if target not in known or target == page:
            return match[0]
        return f"[{match[0]}]({relpath(target, dirname(page) or '.')})"

    parts = FENCED.split(text)
    return "".join(part if part.startswith("```") else NAMED.sub(link, part) for part in parts)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs for each page."""
    return link_pages(markdown, page.file.src_uri, {file.src_uri for file in files.documentation_pages()})
