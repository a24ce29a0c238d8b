"""Scores that are proxies: the report says so, once per headline metric."""

import msgspec

from unipref.core.run_folder import Manifest
from unipref.report.sections.proxies import make_proxy_section


def manifest(**captions: str) -> Manifest:
    judged = {label: {"objective": "bias", "metric": "gap", "caption": text} for label, text in captions.items()}
    return msgspec.convert({"variants": {"main": {"judged": judged}, "other": {"judged": judged}}}, Manifest)


def test_each_proxy_is_named_once() -> None:
    section = make_proxy_section(manifest(bold="a word list.", winobias=""))
    assert section is not None
    assert [points.items for points in section.points] == [["bold, gap: a word list."]]


def test_no_proxy_gives_no_section() -> None:
    assert make_proxy_section(manifest(winobias="")) is None
    assert make_proxy_section(Manifest()) is None
