"""Dialogues that a model's chat template refuses: they alone are left out and counted, in every place that renders."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core.candidates import Dialogue
from unipref.core.chat_models import Policy, RefusedDialogue, RewardModel, render
from unipref.core.contracts import Benchmark
from unipref.core.errors import UserError
from unipref.core.records import Messages, preference_schema
from unipref.evaluate.benchmarks.bbq import BBQ
from unipref.evaluate.benchmarks.coreference import Coreference
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.evaluate.benchmarks.preference_accuracy import PreferenceAccuracy
from unipref.models.inference import answer_log_likelihoods, rewards
from unipref.models.loading import load_policy, load_reward_model
from unipref.models.side_by_side import generate_answers
from unipref.select.scorers.ifd import Ifd
from unipref.select.scorers.policy_margin import PolicyMargin
from unipref.select.scorers.reward_margin import RewardMargin
from unipref.train.checks.model import check_template, measure_own_accuracy
from unipref.train.rewards.sample_answers import AnswerSampler

BODY = "[{{ m['role'] }}]{{ m['content'] }}{{ eos_token }}"
END = "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
START = "{{ bos_token }}{% for m in messages %}"
REFUSES_SYSTEM = START + "{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + BODY + END
FAILS_ON_SYSTEM = START + "{% if m['role'] == 'system' %}{{ 'a' + 1 }}{% endif %}" + BODY + END
REFUSES_ALL = START + "{{ m['role'] + 1 }}" + END


def turn(role: str, content: str) -> Messages:
    return [{"role": role, "content": content}]


PLAIN = turn("user", "Who was late?")
WITH_SYSTEM = [*turn("system", "Be brief."), *PLAIN]
YES, NO = turn("assistant", "The nurse."), turn("assistant", "Nobody at all.")


def with_template(model: Any, template: str) -> Any:
    changed = copy.copy(model)
    changed.tokenizer = copy.deepcopy(model.tokenizer)
    changed.tokenizer.chat_template = template
    return changed


@pytest.fixture(scope="module", params=[REFUSES_SYSTEM, FAILS_ON_SYSTEM], ids=["refuses", "fails"])
def policy(request: pytest.FixtureRequest, tiny_model: Path) -> Policy:
    return with_template(load_policy(str(tiny_model)), request.param)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def reward_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    from unipref.models.loading import load_model

    folder = tmp_path_factory.mktemp("reward")
    load_model(str(tiny_model), "reward").save_pretrained(folder)
    load_policy(str(tiny_model)).tokenizer.save_pretrained(folder)
    return with_template(load_reward_model(str(folder)), REFUSES_SYSTEM)  # type: ignore[no-any-return]


def test_likelihoods_of_the_others_are_as_without_them(policy: Policy) -> None:
    pairs = [(PLAIN, YES), (WITH_SYSTEM, YES), (PLAIN, NO), ([*PLAIN, *YES, *turn("system", "Hm.")], NO)]
    sums, n_tokens = answer_log_likelihoods(policy, pairs)
    alone, n_alone = answer_log_likelihoods(policy, [pairs[0], pairs[2]])
    np.testing.assert_allclose(sums, [alone[0], np.nan, alone[1], np.nan], atol=1e-4)
    assert n_tokens.tolist() == [n_alone[0], 1, n_alone[1], 1]
    assert np.isnan(answer_log_likelihoods(policy, [(WITH_SYSTEM, YES)])[0]).all()


def test_rewards_of_the_others_are_as_without_them(reward_model: RewardModel) -> None:
    values = rewards(reward_model, [[*WITH_SYSTEM, *YES], [*PLAIN, *YES]])
    np.testing.assert_allclose(values, [np.nan, rewards(reward_model, [[*PLAIN, *YES]])[0]], atol=1e-5)


def test_scorers_have_no_score_for_them(policy: Policy, reward_model: RewardModel) -> None:
    dialogues = [Dialogue(WITH_SYSTEM, YES, NO), Dialogue(PLAIN, YES, NO)]
    for scorer, model in ((PolicyMargin(), policy), (Ifd(), policy), (RewardMargin(model="a/b"), reward_model)):
        numbers = scorer.judge(model, dialogues)
        assert np.isnan(numbers).tolist() == [True, False]
        np.testing.assert_allclose(numbers[1:], scorer.judge(model, dialogues[1:]), atol=1e-4)


def test_prompts_that_are_refused_are_not_sampled(policy: Policy) -> None:
    sampler = AnswerSampler.from_policy(policy, 4)
    assert sampler.keep_fitting([WITH_SYSTEM, PLAIN], policy.context) == [PLAIN]


def write_preferences(path: Path, prompts: list[Messages], chosen: Messages) -> None:
    rows = []
    for number, prompt in enumerate(prompts):
        row: dict[str, Any] = dict.fromkeys(preference_schema().names, "") | {"id": str(number), "prompt": prompt}
        row |= {"chosen": chosen, "rejected": NO, "axes": [], "origin": [], "n_judgements": 1, "n_responses": 2}
        row |= dict.fromkeys(("axis", "chosen_score", "rejected_score", "margin", "margin_percentile", "confidence"))
        row["n_annotators"] = None
        rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), path)


def test_preference_accuracy_counts_them(policy: Policy, reward_model: RewardModel, tmp_path: Path) -> None:
    prompts = [WITH_SYSTEM, PLAIN, PLAIN, turn("user", "word " * 300)]
    write_preferences(tmp_path / "test.parquet", prompts, YES)
    for model in (policy, reward_model):
        examples, notes = PreferenceAccuracy().examine(model, tmp_path, "test")
        assert [example["id"] for example in examples] == ["1", "2"]
        assert notes == [
            "1 of 4 preferences skipped (bad_role): the model's chat template refuses their dialogue.",
            "1 of 4 preferences skipped: longer than the model's context of 256 tokens.",
        ]


def test_an_answer_without_a_token_of_the_assistant_has_no_value(tiny_model: Path, tmp_path: Path) -> None:
    """The template changes texts, and the user begins the answer: which tokens are the assistant's is not known."""
    upper = with_template(
        load_policy(str(tiny_model)), START + BODY.replace("'] }}{{ eos", "'] | upper }}{{ eos") + END
    )
    begun_by_user = [*turn("user", "Hm."), *YES]
    sums, n_tokens = answer_log_likelihoods(upper, [(PLAIN, begun_by_user), (PLAIN, YES)])
    assert (np.isnan(sums).tolist(), n_tokens[0]) == ([True, False], 0)
    assert n_tokens[1] > 0
    for scorer in (Ifd(), PolicyMargin()):
        numbers = scorer.judge(upper, [Dialogue(PLAIN, begun_by_user, NO), Dialogue(PLAIN, YES, NO)])
        assert np.isnan(numbers).tolist() == [True, False]
    write_preferences(tmp_path / "test.parquet", [PLAIN], begun_by_user)
    examples, notes = PreferenceAccuracy().examine(upper, tmp_path, "test")
    assert examples == []
    assert notes[0] == "1 of 1 preferences skipped: an answer has no token that the assistant wrote."
    assert not any("longer" in note for note in notes)


@pytest.mark.parametrize("benchmark", [Instructions, Coreference, BBQ])
def test_a_template_that_refuses_all_leaves_a_benchmark_without_scores(
    benchmark: type[Benchmark], policy: Policy, tmp_path: Path
) -> None:
    for name, content in benchmark.example["files"].items():
        lines = [json.dumps(row) for row in content]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    mute = with_template(policy, REFUSES_ALL)
    examples, notes = benchmark().examine(mute, tmp_path, "test")  # type: ignore[attr-defined]
    assert examples == []
    assert any("skipped (bad_role): the model's chat template refuses" in note for note in notes)
    assert not any("longer" in note or "exceed" in note for note in notes)
    spoken, others = benchmark().examine(policy, tmp_path, "test")  # type: ignore[attr-defined]
    assert spoken
    assert not any("bad_role" in note for note in others)


def test_answers_side_by_side_say_why_there_is_none(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_model, tmp_path / "mute")
    (tmp_path / "mute" / "chat_template.jinja").write_text(REFUSES_ALL)
    rows = generate_answers([str(tmp_path / "mute"), str(tiny_model)], ["Who?"], 4, 0.0, 0)
    assert rows[0]["answers"][str(tmp_path / "mute")].startswith("(no answer: the chat template refuses a dialogue: ")
    assert not rows[0]["answers"][str(tiny_model)].startswith("(no answer")


def test_the_check_warns_of_some_and_stops_at_all(policy: Policy) -> None:
    rows = [{"prompt": prompt, "chosen": YES, "rejected": NO} for prompt in (PLAIN, WITH_SYSTEM, PLAIN)]
    warnings = check_template(policy.tokenizer, rows, "here")  # type: ignore[arg-type]
    assert warnings[0].startswith("the chat template refuses 1 of 3 dialogues, which are left out: ")
    mute = with_template(policy, REFUSES_ALL)
    with pytest.raises(UserError, match="here: the chat template refuses every dialogue: can only concatenate str"):
        check_template(mute.tokenizer, rows, "here")  # type: ignore[arg-type]


def test_the_models_own_accuracy_is_over_the_others(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_text(REFUSES_SYSTEM)
    rows = [{"prompt": prompt, "chosen": YES, "rejected": NO} for prompt in (PLAIN, WITH_SYSTEM, PLAIN)]
    assert measure_own_accuracy(str(tmp_path / "model"), rows)[0].n == 2  # type: ignore[arg-type]


def test_an_empty_rendering_is_a_refusal(policy: Policy) -> None:
    empty = with_template(policy, "{{ ''.__class__ }}")
    with pytest.raises(RefusedDialogue, match="empty text"):
        render(empty.tokenizer, PLAIN)
    assert np.isnan(answer_log_likelihoods(empty, [(PLAIN, YES)])[0]).all()
