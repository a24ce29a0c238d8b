"""Finds which of the paper's claims a study can test: those for which it has the variants and the benchmarks."""

from unipref.analysis.verdicts.claims import find_combined_variant, find_later_steps, find_single_sources
from unipref.analysis.verdicts.evidence import Evidence
from unipref.analysis.verdicts.read import OBJECTIVES


def find_tested(evidence: Evidence) -> tuple[bool, bool, bool]:
    """Returns for each claim, in the order of `judge_claims`, whether the study can test it.

    All need a variant with all data and a benchmark of each objective. The first needs a variant of one source, the
    second one with a selected part, and the third a step that starts from SFT.
    """
    full = find_combined_variant(evidence)
    if full is None or any(objective not in evidence.sides for objective in OBJECTIVES):
        return False, False, False
    parts = [variant for variant in evidence.variants.values() if variant.settings_hash == full.settings_hash]
    has_part = any(variant.kind == "selected" for variant in parts)
    return bool(find_single_sources(evidence)), has_part, bool(find_later_steps(full))
