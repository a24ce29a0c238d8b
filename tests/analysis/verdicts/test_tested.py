"""Which claims a study can test: the others are not spoken of."""

from dataclasses import replace

import pytest

from support.run_records import manifest_from
from support.verdict_evidence import BASE, GOOD, MANIFEST, VARIANTS, evidence, variant
from unipref.analysis.verdicts import judge
from unipref.analysis.verdicts.evidence import Variant
from unipref.analysis.verdicts.tested import find_tested

ONLY_SFT = variant("main", "full", steps=VARIANTS[0].steps[:1])


@pytest.mark.parametrize(
    ("variants", "tested"),
    [
        (VARIANTS, (True, True, True)),
        (VARIANTS[:1], (False, False, True)),
        (VARIANTS[:3], (True, False, True)),
        ([VARIANTS[0], VARIANTS[3]], (False, True, True)),
        ([VARIANTS[0], VARIANTS[4]], (False, False, True)),  # a random part is no selected one
        ([ONLY_SFT], (False, False, False)),
        (VARIANTS[1:], (False, False, False)),  # nothing is trained on all data
    ],
)
def test_a_claim_needs_its_variants(variants: list[Variant], tested: tuple[bool, bool, bool]) -> None:
    found = evidence(variants, GOOD)
    assert find_tested(found) == tested
    verdicts = judge(found, manifest_from(MANIFEST))
    assert tuple(claim.tested for claim in verdicts.claims) == tested
    assert len(verdicts.summary) == sum(tested)
    assert len(verdicts.claims) == 3


def test_a_claim_needs_both_objectives() -> None:
    found = evidence(VARIANTS, GOOD)
    one_side = {"instruction": found.sides["instruction"]}
    assert find_tested(replace(found, sides=one_side)) == (False, False, False)
    assert find_tested(evidence([], BASE)) == (False, False, False)
