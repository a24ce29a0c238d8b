"""The section on rounds: what the newest policy answered in each, what the judges said, and what was trained on."""

from unipref.core.run_folder import Manifest, RoundInfo
from unipref.report.content import Points, Section, format_count, format_number, format_share
from unipref.report.tables import make_table, merge_sentences

NOTE = (
    "In each round the policy in the column 'asked' answers, judges compare its answers, and the step trains it on the "
    "preferences made of their votes. Decided: pairs in which some judge finds one answer better. Mean score: of the "
    "answers in judged pairs, by judges that give scores. "
    "The scores of each round's model, if a benchmark measures it, are in Results."
)


def make_round_section(manifest: Manifest) -> Section | None:
    """The section; None if no step has rounds."""
    rows, warnings = [], []
    for variant, seed, step, one in manifest.each_round():
        trained = manifest.trained(variant, seed).get(step)
        row = [variant, seed, step, one.policy, format_count(one.prompts), _describe_answers(one)]
        row += [format_count(one.pairs), _describe_decided(one.decided, one.pairs), _describe_judges(one)]
        rows.append([*row, _describe_preferences(one), format_count(trained.used if trained else None)])
        warnings += [(f"{variant}, seed {seed}, {step}", text) for text in one.warnings]
    heads = ["variant", "seed", "step", "asked", "prompts", "answers", "pairs", "decided", "judges"]
    table = make_table("Rounds", [*heads, "preferences made", "trained on"], rows, NOTE)
    if table is None:
        return None
    points = [Points("Warnings", merge_sentences(warnings))] if warnings else []
    return Section("Rounds", points=points, tables=[table])


def _describe_answers(one: RoundInfo) -> str:
    cut = one.answers - one.ended
    return format_count(one.answers) + (f", {cut:,} cut off" if cut else "")


def _describe_decided(decided: int, pairs: int) -> str:
    return f"{decided:,} ({format_share(decided, pairs)})"


def _describe_judges(one: RoundInfo) -> str:
    texts = []
    for judge in one.judges:
        score = "" if judge.mean_score is None else f", mean score {format_number(judge.mean_score)}"
        texts.append(f"{judge.judge}: {_describe_decided(judge.decided, judge.pairs)} decided{score}")
    return "; ".join(texts)


def _describe_preferences(one: RoundInfo) -> str:
    removed = f", {one.removed:,} removed" if one.removed else ""
    return f"{one.preferences:,}{removed}, {one.kept:,} selected"
