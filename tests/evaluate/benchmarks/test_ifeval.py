"""IFEval: verdicts compared with those by hand, figures by hand, what cannot be checked, and bad input."""

import builtins
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.ifeval_verdicts import VERDICTS
from unipref.core.answer_checks.ifeval import SENTENCES, Checks
from unipref.core.errors import UserError
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks import ifeval
from unipref.evaluate.benchmarks.ifeval import IFEval
from unipref.models.inference import GeneratedText
from unipref.models.loading import Policy, load_policy
from unipref.study.load import load as load_study

pytest.importorskip("lm_eval", reason="the extra eval is not installed")
CASES = [
    (kind, arguments, output, follows)
    for kind, (arguments, good, bad) in VERDICTS.items()
    for outputs, follows in ((good, True), (bad, False))
    for output in outputs
]


@pytest.fixture(scope="module")
def checks() -> Checks:
    return Checks()


@pytest.fixture
def no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checks, "has_table", lambda self: False)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A `punkt_tab` that knows no abbreviations, where there is none."""
    import nltk
    from lm_eval.tasks.ifeval import instructions_util

    folder = tmp_path / "nltk" / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    for name in ("abbrev_types.txt", "collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (folder / name).write_text("", encoding="utf-8")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk")])
    instructions_util._get_sentence_tokenizer.cache_clear()
    yield
    instructions_util._get_sentence_tokenizer.cache_clear()


def item(key: int, kinds: list[str], prompt: str = "Write.") -> dict[str, Any]:
    return {
        "key": key,
        "prompt": prompt,
        "instruction_id_list": kinds,
        "kwargs": [VERDICTS[kind][0] if kind in VERDICTS else {} for kind in kinds],
    }


def write(folder: Path, items: list[dict[str, Any]]) -> Path:
    (folder / "input_data.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items), encoding="utf-8")
    return folder


@pytest.fixture
def policy(tiny_model: Path) -> Policy:
    return load_policy(str(tiny_model))


def answering(monkeypatch: pytest.MonkeyPatch, outputs: list[str]) -> None:
    """Lets the model write these."""

    def write(policy: Policy, prompts: list[list[int]], *_: Any, **__: Any) -> list[GeneratedText]:
        assert len(prompts) == len(outputs)
        return [GeneratedText(output, len(output.split()), True) for output in outputs]

    monkeypatch.setattr(ifeval, "generate_detailed", write)


def test_every_type_has_outputs_judged_by_hand(checks: Checks) -> None:
    published = set(checks.types())
    assert set(VERDICTS) == published
    assert len(VERDICTS) == 25
    assert all(len(good) >= 2 and len(bad) >= 2 for _, good, bad in VERDICTS.values())


@pytest.mark.parametrize(("kind", "arguments", "output", "follows"), CASES)
def test_verdicts_are_those_by_hand(
    kind: str, arguments: dict[str, Any], output: str, follows: bool, checks: Checks, table: None
) -> None:
    assert checks.has_table()
    verdict = checks.verdict(1, "Write.", [kind], [arguments], output)
    assert verdict.strict == [follows]
    assert verdict.loose[0] >= verdict.strict[0]


def test_loose_takes_a_preamble_and_asterisks_away(checks: Checks) -> None:
    kinds, arguments = ["startend:quotation", "punctuation:no_comma"], [{}, {}]
    verdict = checks.verdict(1, "p", kinds, arguments, 'Sure, here it is:\n**"The frog."**')
    # Strict: begins with S, has a comma. Without the first line and asterisks: "The frog."
    assert verdict == ([False, False], [True, True])
    assert checks.verdict(1, "p", kinds, arguments, "One,\ntwo,\nthree,").loose == [False, False]


def test_an_empty_answer_follows_nothing(checks: Checks) -> None:
    assert checks.verdict(1, "p", ["punctuation:no_comma"], [{}], " \n") == ([False], [False])


def test_a_random_letter_is_the_same_each_time_and_leaves_the_random_state_alone(checks: Checks) -> None:
    asked = ["keywords:letter_frequency"], [{"letter": "#", "let_frequency": 4, "let_relation": "at least"}]
    outputs = [letter * 4 for letter in "abcdefghijklmnopqrstuvwxyz"]
    random.seed(5)
    state = random.getstate()
    one = [checks.verdict(1122, "p", *asked, output).strict[0] for output in outputs]
    assert random.getstate() == state
    random.seed(6)
    assert [checks.verdict(1122, "p", *asked, output).strict[0] for output in outputs] == one
    assert sum(one) == 1


def test_verdicts_on_language_do_not_change_from_call_to_call(checks: Checks) -> None:
    verdict = [
        checks.verdict(1, "p", ["language:response_language"], [{"language": "fr"}], "un table on la")
        for _ in "12345678"
    ]
    assert len({tuple(one.strict) for one in verdict}) == 1


def test_loading_the_checkers_neither_downloads_nor_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import nltk

    def refuse(*_: Any, **__: Any) -> bool:
        raise AssertionError("a download was tried")

    monkeypatch.setattr(nltk, "download", refuse)
    monkeypatch.setattr(nltk.data, "path", [])
    for name in [name for name in sys.modules if name.startswith("lm_eval.tasks.ifeval")]:
        monkeypatch.delitem(sys.modules, name)
    assert not Checks().has_table()
    assert nltk.download is refuse
    assert capsys.readouterr().out == ""


def test_figures_by_hand(policy: Policy, tmp_path: Path, no_table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    quote, comma, sentences = "startend:quotation", "punctuation:no_comma", "length_constraints:number_sentences"
    data = write(tmp_path, [item(1, [quote]), item(2, [quote, comma]), item(3, [comma]), item(4, [comma, sentences])])
    answering(monkeypatch, ['"The frog."', 'It is:\n"The frog."', "One, two."])
    finding = IFEval().measure(policy, data, "test")
    found = {(s.slice, s.metric.removesuffix("_acc")): (s.value, s.n) for s in finding.scores}
    # Prompt 2: no quotation, loose without its first line; no comma either way. Prompt 4 is unchecked.
    assert found["all", "prompt_level_strict"] == (pytest.approx(1 / 3), 3)
    assert found["all", "prompt_level_loose"] == (pytest.approx(2 / 3), 3)
    assert found["all", "inst_level_strict"] == (pytest.approx(2 / 4), 3)
    assert found["all", "inst_level_loose"] == (pytest.approx(3 / 4), 3)
    assert found[f"type:{quote}", "inst_level_strict"] == (0.5, 2)
    assert found[f"type:{quote}", "inst_level_loose"] == (1.0, 2)
    assert found[f"type:{comma}", "inst_level_strict"] == (0.5, 2)
    assert len(found) == 8
    assert {s.unit for s in finding.scores} == {"prompts"}
    unchecked = finding.examples[3]
    assert (unchecked["key"], unchecked["unchecked"], "strict" in unchecked) == (4, "punkt_tab", False)
    assert finding.notes == [
        "1 of 4 prompts unchecked and in no metric: their checkers need NLTK's table punkt_tab, which is not "
        "installed. With a network connection, run: python -m nltk.downloader punkt_tab"
    ]
    from_table = [statistic.score() for statistic in IFEval.statistics(json.loads(json.dumps(finding.examples)))]
    assert from_table == finding.scores


def test_with_the_table_all_prompts_are_checked(
    policy: Policy, tmp_path: Path, table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path, [item(at, [kind]) for at, kind in enumerate(sorted(SENTENCES))])
    answering(monkeypatch, ["The USA and NATO.", "One. Two. Three."])
    finding = IFEval().measure(policy, data, "test")
    assert [row["strict"] for row in finding.examples] == [[True], [False]]
    assert finding.notes == []


def test_long_prompts_and_cut_answers_are_counted(policy: Policy, tmp_path: Path, no_table: None) -> None:
    kinds = ["punctuation:no_comma"]
    finding = IFEval(new_tokens=3).measure(
        policy, write(tmp_path, [item(1, kinds), item(2, kinds, "long " * 300)]), "test"
    )
    assert [row["key"] for row in finding.examples] == [1]
    assert finding.notes[0] == "1 of 2 prompts skipped: longer than the model's context of 256 tokens."
    assert not finding.examples[0]["ended"]
    assert finding.notes[1].startswith("1 of 1 answers cut before they ended (new_tokens: 3, ")


def test_nothing_to_judge_gives_no_score(policy: Policy, tmp_path: Path, no_table: None) -> None:
    finding = IFEval().measure(policy, write(tmp_path, [item(1, ["change_case:capital_word_frequency"])]), "test")
    assert finding.scores == []
    assert "1 of 1 prompts unchecked" in finding.notes[0]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([item(1, ["punctuation:no_coma"])], "unknown instruction type 'punctuation:no_coma'.\n  Did you mean 'punct"),
        ([{**item(1, ["punctuation:no_comma"]), "kwargs": []}], "it has 1 instructions but 0 sets of arguments"),
        ([item(1, [])], "it has 0 instructions"),
        ([item(7, ["punctuation:no_comma"])] * 2, "the prompt with key 7: another prompt has the same key"),
        ([{"key": 1, "prompt": "p"}], "instruction_id_list"),
        (
            [{**item(1, ["keywords:existence"]), "kwargs": [{"keyword": "x"}]}],
            r"'keywords:existence' cannot be checked with the arguments \{'keyword': 'x'\}",
        ),
        ([{**item(1, ["keywords:existence"]), "kwargs": [{"keywords": ["("]}]}], "cannot be checked"),
    ],
)  # fmt: skip
def test_wrong_items_are_reported(
    items: list[dict[str, Any]], message: str, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["An answer."])
    with pytest.raises(UserError, match=message):
        IFEval().measure(policy, write(tmp_path, items), "test")


def test_the_extra_is_named_where_it_is_missing(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "nltk":
            raise ModuleNotFoundError("No module named 'nltk'", name="nltk")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match="The benchmark ifeval needs the package 'nltk'") as caught:
        IFEval().measure(policy, tmp_path, "test")
    assert "unipref[eval]" in str(caught.value.mend)


@pytest.mark.shared
def test_the_published_prompts_have_a_verdict_each_or_are_unchecked(
    shared: Path, policy: Policy, no_table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "context", 10**6)
    answering(monkeypatch, ['"My answer is yes."'] * 477)
    data = shared / "data/eval/ifeval"
    finding = IFEval(data="ifeval").measure(policy, data, "test")
    judged = [row for row in finding.examples if "strict" in row]
    assert (len(judged), len(finding.examples)) == (477, 541)
    assert all(len(row["strict"]) == len(row["loose"]) == len(row["instructions"]) for row in judged)
    assert {kind for row in finding.examples for kind in row["instructions"]} == set(VERDICTS)
    found = {s.slice.removeprefix("type:"): s.value for s in finding.scores if s.metric == "inst_level_strict_acc"}
    # What this one answer follows in every prompt, and what in none.
    assert found["startend:quotation"] == found["punctuation:no_comma"] == 1.0
    assert found["detectable_format:constrained_response"] == 1.0
    assert found["detectable_format:title"] == found["combination:two_responses"] == 0.0
    again = IFEval(data="ifeval").measure(policy, data, "test")
    assert again.examples == finding.examples


def test_a_missing_package_is_an_error_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Policy:
        raise AssertionError("the model was loaded")

    write(tmp_path, [item(1, ["punctuation:no_comma"])])
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UserError, match="The benchmark ifeval needs the package 'lm_eval'"):
        evaluate("no-model", [IFEval(data=str(tmp_path))], data_root=tmp_path, splits={}, out=None, load=load)
    source = {"name": "pairs", "path": "input_data.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    asked = {"model": "org/name", "data_root": str(tmp_path), "sources": [source]}
    with pytest.raises(UserError, match="The benchmark lm_eval needs the package 'lm_eval'"):
        load_study({**asked, "evaluate": ["lm_eval:hellaswag"]})
