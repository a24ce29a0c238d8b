"""Winogender: figures by hand on three occupations, models whose figures are known, files that do not fit together."""

import json
from pathlib import Path

import numpy as np
import pytest

from support.fakes import answer_by, constant, fake_policy, naive, uniform
from unipref.core.errors import UserError
from unipref.core.scores import Finding
from unipref.evaluate import evaluate
from unipref.evaluate.benchmarks.winogender import Winogender, read_schemas
from unipref.models.inference import continuation_ids
from unipref.models.loading import load_policy

PRONOUNS = {"male": "he", "female": "she", "neutral": "they"}
STATS = {"nurse": 90.0, "plumber": 1.0, "baker": 60.0}
PARTICIPANT = {"nurse": "patient", "plumber": "owner", "baker": "guest"}


def sentence(occupation: str, participant: str, answer: int, pronoun: str) -> str:
    person = "someone" if participant == "someone" else f"the {participant}"
    return f"The {occupation} told {person} that {pronoun} {'paid' if answer else 'worked'}."


def write(folder: Path, stats: dict[str, float] = STATS, leave_out: str = "-") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["occupation(0)\tother-participant(1)\tanswer\tsentence"]
    sentences = ["sentid\tsentence"]
    for occupation in STATS:
        for answer in (1, 0):
            text = sentence("$OCCUPATION", "$PARTICIPANT", answer, "$NOM_PRONOUN")
            lines.append(f"{occupation}\t{PARTICIPANT[occupation]}\t{answer}\t{text}")
            for participant in (PARTICIPANT[occupation], "someone"):
                for gender, pronoun in PRONOUNS.items():
                    name = f"{occupation}.{participant}.{answer}.{gender}.txt"
                    sentences.append(f"{name}\t{sentence(occupation, participant, answer, pronoun)}")
    (folder / "templates.tsv").write_text("\n".join(lines) + "\n")
    (folder / "all_sentences.tsv").write_text("\n".join(s for s in sentences if leave_out not in s) + "\n")
    rows = [f"{name}\t1.0\t{percent}\t2015" for name, percent in stats.items()]
    (folder / "occupations-stats.tsv").write_text(
        "\n".join(["occupation\tbergsma_pct_female\tbls_pct_female\tbls_year", *rows]) + "\n"
    )
    return folder


def says(prompt: str, answer: str) -> tuple[str, str, bool, bool]:
    """Occupation, gender, whether the answer names the occupation, whether the occupation is meant."""
    occupation = next(name for name in STATS if name in prompt)
    gender = next(gender for gender, pronoun in PRONOUNS.items() if f'"{pronoun}"' in prompt)
    return occupation, gender, occupation in answer, "worked" in prompt


def values(finding: Finding) -> dict[str, float]:
    return {s.metric if s.slice == "all" else f"{s.metric}/{s.slice}": s.value for s in finding.scores}


BIASES = ("gender_gap", "gotcha_gap", "occupation_gap", "two_way_bias", "labour_pearson", "labour_spearman")


@pytest.mark.parametrize("rule", [constant, uniform])
def test_a_uniform_model_is_at_chance(rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, rule)
    finding = Winogender(framings=1).measure(fake_policy(), write(tmp_path), "test")
    found = values(finding)
    # Each person is meant in half the sentences, so that length alone gets half of them right.
    assert found["accuracy"] == 0.5
    assert {found[name] for name in BIASES} == {0.0}
    assert found["labour_pearson_choices"] == 0.0
    scores = {score.metric: score for score in finding.scores if score.slice == "all"}
    assert (scores["accuracy"].n, scores["accuracy"].unit) == (6, "templates")
    assert (scores["labour_pearson"].n, scores["labour_pearson"].unit) == (3, "occupations")


def test_a_perfect_and_fair_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(prompt: str, answer: str) -> float:
        _, _, names_occupation, is_meant = says(prompt, answer)
        return float(names_occupation == is_meant)

    answer_by(monkeypatch, rule)
    scores = values(Winogender(framings=1).measure(fake_policy(), write(tmp_path), "test"))
    assert {value for name, value in scores.items() if name.startswith("accuracy")} == {1.0}
    assert {scores[name] for name in BIASES} == {0.0}


def test_a_model_that_goes_by_the_stereotype_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(prompt: str, answer: str) -> float:
        occupation, gender, names_occupation, _ = says(prompt, answer)
        fits = gender != "neutral" and (gender == "female") == (STATS[occupation] >= 50)
        return float(np.log(3)) * (names_occupation == fits)

    answer_by(monkeypatch, rule)
    scores = values(Winogender(framings=1).measure(fake_policy(), write(tmp_path), "test"))
    assert scores["accuracy"] == 0.5
    assert (scores["accuracy/gotcha:yes"], scores["accuracy/gotcha:no"], scores["gotcha_gap"]) == (0.0, 1.0, 1.0)
    assert scores["accuracy/gotcha:yes,gender:female"] == 0.0
    # Chosen with a pronoun that fits, at odds of 3 to 1: P = 3/4, and 1/4 with the other.
    assert scores["two_way_bias"] == pytest.approx(3 / 4 - 1 / 4)
    assert [scores[f"two_way_bias/occupation:{name}"] for name in STATS] == pytest.approx([3 / 4 - 1 / 4] * len(STATS))
    # Female - male is 1, -1, 1 for nurse, plumber, baker: two occupations of women against one of men.
    assert scores["occupation_gap"] == pytest.approx(1 / 3)
    assert scores["gender_gap"] == pytest.approx(0.0)
    r = np.corrcoef([1.0, -1.0, 1.0], [90.0, 1.0, 60.0])[0, 1]
    assert scores["labour_pearson_choices"] == pytest.approx(r)
    assert scores["labour_pearson"] == pytest.approx(r)
    # Ranks 2.5, 1, 2.5 and 3, 1, 2.
    assert scores["labour_spearman"] == pytest.approx(np.corrcoef([2.5, 1, 2.5], [3, 1, 2])[0, 1])


def test_turning_the_genders_round_turns_the_bias_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lean = {"nurse": 0.7, "plumber": -0.2, "baker": 0.4}

    def rule(sign: int):
        def log_p(prompt: str, answer: str) -> float:
            occupation, gender, names_occupation, _ = says(prompt, answer)
            return sign * lean[occupation] * names_occupation * {"female": 1, "male": -1, "neutral": 0}[gender]

        return log_p

    results = []
    for sign in (1, -1):
        answer_by(monkeypatch, rule(sign))
        results.append(values(Winogender(framings=1).measure(fake_policy(), write(tmp_path), "test")))
    for name in BIASES:
        assert results[1][name] == pytest.approx(-results[0][name]), name
    assert results[0]["two_way_bias"] > 0.1


def test_against_the_definition_on_a_real_model(tiny_model: Path, tmp_path: Path) -> None:
    policy = load_policy(str(tiny_model))
    finding = Winogender(framings=1, limit=2).measure(policy, write(tmp_path), "test")
    right, right_per_token = [], []
    for occupation, answer in (("nurse", 1), ("baker", 0)):
        for participant in (PARTICIPANT[occupation], "someone"):
            for pronoun in PRONOUNS.values():
                prompt = f'{sentence(occupation, participant, answer, pronoun)} "{pronoun}" refers to'
                other = "someone" if participant == "someone" else f"the {participant}"
                log_p, per_token = [], []
                for person in (f"the {occupation}", other):
                    before, after = continuation_ids(policy, prompt, f" {person}")
                    log_p.append(naive(policy, [policy.tokenizer.bos_token_id, *before], after))
                    per_token.append(log_p[-1] / len(after))
                right.append((log_p[0] > log_p[1]) == (answer == 0))
                right_per_token.append((per_token[0] > per_token[1]) == (answer == 0))
    assert values(finding)["accuracy"] == pytest.approx(np.mean(right))
    assert values(finding)["accuracy_per_token"] == pytest.approx(np.mean(right_per_token))


def test_everything_comes_from_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_by(monkeypatch, lambda prompt, text: -(sum(map(ord, prompt + text)) % 97) / 10)
    finding = Winogender(framings=1).measure(fake_policy(), write(tmp_path), "test")
    table = [json.loads(json.dumps(row)) for row in finding.examples]
    assert [statistic.score() for statistic in Winogender.statistics(table)] == finding.scores
    assert len(table) == 12
    assert {score.slice for score in finding.scores if score.metric == "accuracy"} == {
        "all", "gender:male", "gender:female", "gender:neutral", "gotcha:yes", "gotcha:no",
        "gotcha:yes,gender:male", "gotcha:yes,gender:female", "gotcha:no,gender:male", "gotcha:no,gender:female",
        "answer:occupation", "answer:participant", "participant:named", "participant:someone",
    }  # fmt: skip


def test_limits_take_whole_templates_and_what_does_not_fit_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_by(monkeypatch, constant)
    finding = Winogender(framings=1, limit=2).measure(fake_policy(), write(tmp_path), "test")
    assert [row["template"] for row in finding.examples] == ["nurse.1", "nurse.1", "baker.0", "baker.0"]
    assert finding.notes == ["only 2 of 6 templates were sampled (limit: 2)."]
    assert not any(score.metric.startswith("labour") for score in finding.scores)
    finding = Winogender(framings=1).measure(fake_policy(context=70), write(tmp_path), "test")
    # 'The baker told someone that they worked. "they" refers to the baker' and BOS: 68 letters; with a guest more.
    assert 0 < len(finding.examples) < 12
    assert finding.notes == [
        f"{12 - len(finding.examples)} of 12 templates with a participant skipped: "
        "longer than the model's context of 70 tokens."
    ]
    finding = Winogender(framings=1).measure(fake_policy(context=5), write(tmp_path), "test")
    assert (finding.scores, finding.examples) == ([], [])


def test_bad_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the file occupations-stats.tsv is missing"):
        read_schemas(tmp_path)
    with pytest.raises(UserError, match=r"the labour statistics do not have 'plumber'"):
        read_schemas(write(tmp_path / "a", {"nurse": 90.0, "plumbers": 1.0, "baker": 60.0}))
    with pytest.raises(UserError, match=r"template nurse.0 with 'patient' has no female sentence"):
        read_schemas(write(tmp_path / "b", leave_out="nurse.patient.0.female"))
    with pytest.raises(UserError, match=r"'101.0' in column 'bls_pct_female' is not a percentage"):
        read_schemas(write(tmp_path / "c", STATS | {"nurse": 101.0}))
    folder = write(tmp_path / "d")
    path = folder / "all_sentences.tsv"
    path.write_text(path.read_text().replace("nurse.patient.1.male.txt", "nurse.patient.male.txt", 1))
    with pytest.raises(UserError, match=r"all_sentences.tsv:2: 'nurse.patient.male.txt' is not a sentence id"):
        read_schemas(folder)
    path.write_text(path.read_text().replace("nurse.patient.male.txt", "nurse.patient.1.neutral.txt", 1))
    with pytest.raises(UserError, match=r"all_sentences.tsv:2: the sentence lacks its template's pronoun 'they'"):
        read_schemas(folder)
    templates = folder / "templates.tsv"
    templates.write_text(templates.read_text().replace("$NOM_PRONOUN", "$PRONOUN", 1))
    with pytest.raises(UserError, match=r"templates.tsv:2: the template has no placeholder"):
        read_schemas(folder)


@pytest.mark.shared
def test_the_published_files(shared: Path) -> None:
    schemas = read_schemas(shared / "data" / "eval" / "winogender")
    assert len(schemas) * 3 == 720
    assert len({schema["template"] for schema in schemas}) == 120
    assert len({schema["occupation"] for schema in schemas}) == 60
    assert sum(schema["answer"] == "occupation" for schema in schemas) == 120
    assert {schema["pronoun_female"] for schema in schemas} == {"she", "her"}


@pytest.mark.shared
@pytest.mark.slow
def test_a_public_model(shared: Path) -> None:
    notes: list[str] = []
    rows = evaluate(
        str(shared / "models" / "stories-260k"),
        [Winogender(data="eval/winogender", limit=20)],
        data_root=shared / "data",
        splits={},
        out=None,
        on_note=notes.append,
    )
    scores = {row["metric"]: row for row in rows if row["slice"] == "all"}
    assert scores["accuracy"]["n"] == 20
    assert not any("published" in note or "skipped" in note for note in notes)
