"""Hand-written rows of published datasets, and what they must give."""

from typing import Any

MOON, SUN, IO = "Name a moon.", "The Sun.", "Io."
USER = {"role": "user", "content": MOON}


def said(*answers: str) -> list[dict[str, str]]:
    """A dialogue in which each answer follows a question."""
    dialogue = []
    for number, answer in enumerate(answers):
        question = MOON if number == 0 else "Another one?"
        dialogue += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return dialogue


def arena(winner: str, **more: Any) -> dict[str, Any]:
    row = {"model_a": "a", "model_b": "b", "winner": winner, "language": "English", "turn": 1, "tstamp": 1.0}
    return {"question_id": "q", "conversation_a": said(SUN), "conversation_b": said(IO), "anony": True, **row, **more}


def prm(steps: list[dict[str, Any]], generation: int | None, **question: Any) -> dict[str, Any]:
    return {
        "labeler": "l",
        "timestamp": "2022-07-17T16:56:51",
        "generation": generation,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {"problem": "What is 2 + 3 * 4?", "ground_truth_answer": "14", **question},
        "label": {"steps": steps, "total_time": 1, "finish_reason": "solution"},
    }


def step(*versions: tuple[str, int | None], chosen: int | None = 0) -> dict[str, Any]:
    completions = [{"text": text, "rating": rating, "flagged": False} for text, rating in versions]
    return {"completions": completions, "human_completion": None, "chosen_completion": chosen}


PRM_STEPS = [
    step(("First 3 * 4 = 12.", 1), ("First 2 + 3 = 5.", -1), ("Hm.", None)),
    step(("So 14.", 1), ("So 24.", -1)),
]
PRM_PAIRS = [
    ("First 3 * 4 = 12.", "First 2 + 3 = 5."),
    ("So 14.", "So 24."),
]
JUDGED = [("A-is-slightly-better", "Tie"), ("B-is-clearly-better", "B-is-clearly-better")]

SHAPES: dict[str, tuple[list[dict[str, Any]], list[tuple[str | None, str | None]]]] = {
    "arena_100k": (
        [
            arena(
                "model_b", conv_metadata="{}", is_code=False, is_refusal=False, dedup_tag="{}", category_tag="{}",
                judge_hash="h", conversation_a=str(said(SUN)), conversation_b=str(said(IO)),
            )
        ],
        [(IO, SUN)],
    ),
    "arena_140k": (
        [
            {
                "id": "i", "evaluation_session_id": "e", "evaluation_order": 1, "model_a": "a", "model_b": "b",
                "winner": winner, "language": "en", "is_code": False, "full_conversation": [],
                "conversation_a": [
                    {"role": m["role"], "content": [{"type": "text", "text": m["content"], "image": None}]}
                    for m in said(SUN)
                ],
                "conversation_b": [
                    {"role": m["role"], "content": [{"type": "text", "text": m["content"], "image": None}]}
                    for m in said(IO)
                ],
            }
            for winner in ("model_b",)
        ],
        [(IO, SUN)],
    ),
    "arena_55k": (
        [
            {
                "id": 1, "model_a": "a", "model_b": "b", "prompt": f'["{MOON}"]', "response_a": f'["{SUN}"]',
                "response_b": f'["{IO}"]', "winner_model_a": 0, "winner_model_b": 1, "winner_tie": 0,
            }
        ],
        [(IO, SUN)],
    ),
    "beavertails": (
        [
            {"prompt": MOON, "response": text, "category": {"animal_abuse": not is_safe}, "is_safe": is_safe}
            for text, is_safe in ((SUN, False), (IO, True))
        ],
        [(IO, SUN)],
    ),
    "chatbot_arena": (
        [arena("model_b", judge="j", openai_moderation={}, toxic_chat_tag={}), arena("tie (bothbad)", judge="k",
         openai_moderation={}, toxic_chat_tag={}, conversation_a=said("A"), conversation_b=said("B"))],
        [(IO, SUN)],
    ),
    "code_ultrafeedback": (
        [
            {
                "instruction": MOON, "preference": "readability", "models": ["a", "b"],
                "responses": [{"model": "a", "response": SUN}, {"model": "b", "response": IO}],
                "annotations": [
                    {"model": "b", "rating": "5", "rationale": "so"},
                    {"model": "a", "rating": "1", "rationale": "no"},
                ],
            }
        ],
        [(IO, SUN)],
    ),
    "feedbackqa": (
        [
            {
                "question": MOON, "domain": "WHO", "feedback": ["so", "so"], "rating": ratings,
                "passage": {"passage_id": 1, "source": "s", "reference": {"section_content": text}},
            }
            for text, ratings in ((SUN, ["Bad", "Could be Improved"]), (IO, ["Excellent", "Good"]))
        ],
        [(IO, SUN)],
    ),
    "helpsteer": (
        [
            {"prompt": MOON, "response": text, "helpfulness": h, "correctness": 3, "coherence": 4, "complexity": 1,
             "verbosity": v}
            for text, h, v in ((SUN, 1, 4), (IO, 4, 0))
        ],
        [(IO, SUN)],
    ),
    "helpsteer3_edit": (
        [
            {"domain": "general", "language": "english", "context": [USER], "original_response": SUN,
             "edited_response": IO, "feedback": ["The response is not helpful."], "change_summary": "A moon."}
        ],
        [(IO, SUN)],
    ),
    "helpsteer3_edit_quality": (
        [
            {"domain": "general", "language": "english", "context": [USER], "original_response": "Mars.",
             "good_edited_response": IO, "bad_edited_response": SUN, "feedback": ["It is no moon."]}
        ],
        [(IO, SUN)],
    ),
    "judgebench": (
        [
            {"pair_id": f"p{label}", "original_id": "1", "source": "s", "question": question, "response_model": "m",
             "response_A": a, "response_B": b, "label": label}
            for question, a, b, label in ((MOON, SUN, IO, "B>A"), ("Is ice cold?", "Yes.", "No.", "A>B"))
        ],
        [(IO, SUN), ("Yes.", "No.")],
    ),
    "math_shepherd": (
        [
            {
                "task": "GSM8K",
                "input": "What is 2 + 3 * 4? Step 1: First 3 * 4 = 12. ки\nStep 2: So 14. The answer is: 14 ки",
                "label": "What is 2 + 3 * 4? Step 1: First 3 * 4 = 12. +\nStep 2: So 14. The answer is: 14 +",
            },
            {
                "task": "GSM8K",
                "input": "What is 5 + 2? Step 1: 5 + 2 = 8. ки\nStep 2: The answer is: 8 ки",
                "label": "What is 5 + 2? Step 1: 5 + 2 = 8. -\nStep 2: The answer is: 8 -",
            },
        ],
        [
            ("Step 1: First 3 * 4 = 12.\nStep 2: So 14. The answer is: 14", None),
            (None, "Step 1: 5 + 2 = 8."),
        ],
    ),
    "mt_bench_human": (
        [
            {
                "question_id": 81, "model_a": "a", "model_b": "b", "winner": winner, "judge": judge, "turn": turn,
                "conversation_a": said(SUN, "Mars."), "conversation_b": said(IO, "Europa."),
            }
            for winner, judge, turn in (
                ("model_b", "expert_1", 1), ("model_b", "expert_2", 1), ("model_a", "expert_3", 1),
                ("model_a", "expert_1", 2),
            )
        ],
        [(IO, SUN), ("Mars.", "Europa.")],
    ),
    "multipref": (
        [
            {
                "comparison_id": "c", "prompt_id": "p", "text": MOON, "model_a": "a", "model_b": "b",
                "completion_a": SUN, "completion_b": IO, "source": "wildchat", "category": "x",
                "normal_worker_annotations": [{"overall_pref": one} for one in JUDGED[0]],
                "expert_worker_annotations": [{"overall_pref": one} for one in JUDGED[1]],
            }
        ],
        [(IO, SUN)],
    ),
    "preference_collection": (
        [
            {
                "orig_instruction": MOON, "orig_response_A": SUN, "orig_response_B": IO, "orig_reference_answer": "Io",
                "orig_criteria": "Is it one?", "orig_score_A": "1", "orig_score_B": "5", "orig_preference": "B",
                "orig_feedback_A": "no", "orig_feedback_B": "yes", "instruction": "Judge.", "output": "So. [RESULT] B",
            }
        ],
        [(IO, SUN)],
    ),
    "prm800k_phase1": ([prm(PRM_STEPS, None)], PRM_PAIRS),
    "prm800k_phase2": (
        [
            prm(PRM_STEPS, 7, ground_truth_solution="s", pre_generated_steps=["x"], pre_generated_answer="14",
                pre_generated_verifier_score=0.5)
        ],
        PRM_PAIRS,
    ),
    "reward_bench_2": (
        [
            {
                "id": "1", "prompt": MOON, "chosen": [IO], "rejected": [SUN], "num_correct": 1, "num_incorrect": 1,
                "total_completions": 2, "models": ["a", "b"], "subset": "Factuality", "additional_metadata": {},
            }
        ],
        [(IO, SUN)],
    ),
    "unipref_collect": (
        [
            {
                "pair": "p", "prompt": [USER], "first": SUN, "second": IO, "vote": vote, "judge": judge,
                "shown_first": "first", "objective": "instruction", "kind": "checker", "first_score": 0.0,
                "second_score": 1.0, "first_seed": 1, "second_seed": 2, "first_ended": True, "second_ended": True,
                "policy": "m", "source": "alpaca", "constraints": [],
            }
            for vote, judge in (("second", "checker"), ("second", "llm"), ("first", "people"))
        ],
        [(IO, SUN)],
    ),
    "unipref_corrections": (
        [
            {
                "prompt": [USER], "original": SUN, "corrected": IO, "constraints": ["punctuation:no_comma"],
                "objective": "instruction", "seed": 1, "ended": True, "temperature": 0.8, "policy": "m",
                "source": "alpaca",
            }
        ],
        [(IO, SUN)],
    ),
    "unipref_review": (
        [
            {
                "pair": "p", "prompt": [USER], "first": [{"role": "assistant", "content": SUN}],
                "second": [{"role": "assistant", "content": IO}], "vote": vote, "reviewer": reviewer,
                "shown_first": "second", "data": "first", "confidence": 0.5, "reasons": ["near tie"], "source": "stars",
                "objective": "instruction", "preference": "i", "prompt_key": "k", "at": "2026-01-31T12:00:00+00:00",
            }
            for vote, reviewer in (("second", "ann"), ("both_bad", "bob"), ("second", "eve"))
        ],
        [(IO, SUN)],
    ),
    "wildfeedback": (
        [
            {
                "conversations": [{"from": "human", "value": MOON}],
                "chosen": {"from": "gpt", "value": IO},
                "rejected": {"from": "gpt", "value": SUN},
            }
        ],
        [(IO, SUN)],
    ),
}  # fmt: skip
"""Dataset -> rows of the published shape, and the last message of both sides of each preference they give."""
