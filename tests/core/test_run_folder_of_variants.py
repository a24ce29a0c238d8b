"""Which records of a run belong to a variant."""

from unipref.core.run_folder import CleanCounts, Manifest, SourceCounts, VariantInfo


def test_a_variant_with_its_own_sources_has_not_the_counts_of_the_study_as_written() -> None:
    study, own = CleanCounts(folder="clean"), CleanCounts(folder="clean-own")
    variants = {
        "shares": VariantInfo(),
        "unfinished": VariantInfo(sources={"s": SourceCounts()}),
        "finished": VariantInfo(sources={"s": SourceCounts()}, clean=own),
    }
    manifest = Manifest(clean=study, variants=variants)
    found = [manifest.clean_of(name) for name in ("main", "shares", "unfinished", "finished")]
    assert found == [study, study, None, own]
