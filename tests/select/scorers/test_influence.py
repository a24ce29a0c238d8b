"""Gradient influence, against gradients of the last layer computed in full."""

import math

import numpy as np
import pytest
import torch

from support.hand_made import hand_made
from unipref.core.candidates import Dialogue
from unipref.core.errors import UserError
from unipref.models.inference import all_answer_tokens
from unipref.models.loading import load_policy
from unipref.select.gradients import make_projection, project_gradients
from unipref.select.scorers.influence import Influence


def pair(question: str, chosen: str | None, rejected: str | None) -> Dialogue:
    def side(text):
        return None if text is None else [{"role": "assistant", "content": text}]

    return Dialogue([{"role": "user", "content": question}], side(chosen), side(rejected))


PAIRS = [
    pair("Who was late?", "The nurse was late.", "He said so."),
    pair("Who called her?", "The engineer called.", "She."),
    pair("Who?", "The nurse because she was late, he said.", "He."),
]
SHOWN = pair("Who called?", "The engineer called.", None)
DOWN = pair("Who called?", None, "The engineer called.")
LONG = pair("Who? " * 300, "The nurse.", "He.")


def full_gradient(policy, dialogue, loss):
    """The gradient in the last layer's weights: sum over the answer's tokens of (p - onehot) h', term by term."""
    total = torch.zeros(policy.model.get_output_embeddings().weight.shape)
    sides = [(1.0, dialogue.chosen)] if loss == "sft" else [(1.0, dialogue.chosen), (-1.0, dialogue.rejected)]
    for sign, answer in sides:
        tokens = all_answer_tokens(policy, [(dialogue.prompt, answer)])[0]
        with torch.no_grad():
            out = policy.model(input_ids=torch.tensor([tokens.ids]), output_hidden_states=True)
        hidden, chances = out.hidden_states[-1][0], out.logits[0].softmax(dim=-1)
        for at in range(tokens.start, len(tokens.ids)):
            error = chances[at - 1].clone()
            error[tokens.ids[at]] -= 1
            scale = 1 / (len(tokens.ids) - tokens.start) if loss == "sft" else 1.0
            total += sign * scale * torch.outer(error, hidden[at - 1])
    return total


@pytest.mark.parametrize("loss", ["sft", "dpo"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_projection_is_that_of_the_full_gradient(tiny_model, loss, batch_size):
    policy = load_policy(str(tiny_model))
    projection = make_projection(policy, 6)
    found = project_gradients(policy, PAIRS, loss == "dpo", projection, batch_size)
    for vector, dialogue in zip(found, PAIRS, strict=True):
        expected = projection.rows.T @ full_gradient(policy, dialogue, loss) @ projection.columns
        assert vector == pytest.approx(expected.flatten().numpy(), abs=1e-4)
    assert all(weight.requires_grad for weight in policy.model.parameters())


def test_the_projection_keeps_inner_products(tiny_model):
    """Over many projections, the mean product of two projected gradients is that of the gradients."""
    policy = load_policy(str(tiny_model))
    first, second = (full_gradient(policy, dialogue, "sft") for dialogue in PAIRS[:2])
    products = []
    for seed in range(300):
        rows, columns = make_projection(policy, 8, seed)
        products.append(float(((rows.T @ first @ columns) * (rows.T @ second @ columns)).sum()))
    error = np.std(products) / math.sqrt(len(products))
    assert np.mean(products) == pytest.approx(float((first * second).sum()), abs=4 * error)


def test_the_score_is_the_best_mean_cosine_of_an_objective(tiny_model):
    policy = load_policy(str(tiny_model))
    dev = hand_made([0.5] * 3, dialogues=PAIRS, objectives=["bias", "bias", "help"], model=str(tiny_model))
    given = hand_made([0.5] * 2, dialogues=[PAIRS[2], PAIRS[0]], model=str(tiny_model), read_dev=lambda: dev)
    scorer = Influence(loss="sft", side=128)
    found = given.score(scorer)
    whole = [full_gradient(policy, dialogue, "sft").flatten() for dialogue in PAIRS]
    units = [one / one.norm() for one in whole]

    def best(mine):
        cosines = [float(mine @ other) for other in units]
        return max((cosines[0] + cosines[1]) / 2, cosines[2])

    # With 128 x 128 numbers, the projected cosines are near those of the full gradients.
    assert found == pytest.approx([best(units[2]), best(units[0])], abs=0.06)
    assert found[0] == pytest.approx(1, abs=1e-5)
    bias = given.score(Influence(loss="sft", side=128, objective="bias"))
    assert bias[1] == pytest.approx((1 + float(units[0] @ units[1])) / 2, abs=0.06)
    one = given.score(Influence(loss="sft", side=128, objective="bias", most_targets=1))
    assert one[1] == pytest.approx(1, abs=1e-5)


def test_what_lacks_an_answer_or_is_too_long_has_no_score(tiny_model):
    dev = hand_made([0.5] * 3, dialogues=PAIRS, model=str(tiny_model))
    given = hand_made([0.5] * 4, dialogues=[PAIRS[0], SHOWN, DOWN, LONG], model=str(tiny_model), read_dev=lambda: dev)
    assert np.isnan(given.score(Influence())).tolist() == [False, True, True, True]
    assert np.isnan(given.score(Influence(loss="sft"))).tolist() == [False, False, True, True]


def test_a_missing_dev_part_is_the_users_to_mend(tiny_model):
    given = hand_made([0.5], dialogues=[PAIRS[0]], model=str(tiny_model))
    with pytest.raises(UserError, match="there is none") as caught:
        given.score(Influence())
    assert caught.value.mend == "Set 'split: {dev: 0.1}', or choose another scorer."
    given.read_dev = lambda: hand_made([0.5], dialogues=[SHOWN], model=str(tiny_model))
    with pytest.raises(UserError, match="no preference of the dev part has a gradient"):
        given.score(Influence())
    with pytest.raises(UserError, match="no dev preference has the objective 'instuction'") as caught:
        given.score(Influence(objective="instuction"))
    assert caught.value.mend == "Did you mean 'instruction'?"


def test_vectors_are_cached(tiny_model, tmp_path, monkeypatch):
    dev = hand_made([0.5] * 3, dialogues=PAIRS, model=str(tiny_model), cache=tmp_path)
    given = hand_made([0.5] * 2, dialogues=PAIRS[:2], model=str(tiny_model), read_dev=lambda: dev, cache=tmp_path)
    first = given.score(Influence())
    monkeypatch.setattr(Influence, "judge", lambda self, model, dialogues: pytest.fail("judged again"))
    assert given.score(Influence(batch_size=1, most_targets=200, weight=2.0)).tolist() == first.tolist()
