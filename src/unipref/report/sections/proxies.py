"""The section that says what a headline metric stands for, where it is a proxy."""

from unipref.core.run_folder import Manifest
from unipref.report.content import Points, Section

PROXIES = "Scores that are proxies"


def make_proxy_section(manifest: Manifest) -> Section | None:
    """The section; None if no headline metric has a caption."""
    captions = {
        f"{label}, {headline.metric}: {headline.caption}": None
        for variant in manifest.variants.values()
        for label, headline in variant.judged.items()
        if headline.caption
    }
    return Section(PROXIES, points=[Points("What stands behind the figures", list(captions))]) if captions else None
