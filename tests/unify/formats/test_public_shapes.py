"""Public datasets in their published shapes: each is read with at most 15 lines of YAML and no Python.

The rows are written by hand, with texts of our own, in the shapes as we know them from the datasets' cards; no row of
the datasets themselves was read. Four shapes without a dataset's name are common spellings.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref
from unipref.core import yaml_files

MOST_LINES = 15

Turns = list[str]
"""Turns as `u: ...`, `a: ...` and `s: ...`."""
Expected = tuple[Turns, Turns | None, Turns | None]
"""Prompt, chosen, rejected."""


@dataclass
class Shape:
    """A dataset: the entry that reads it, rows of its shape (or a CSV file) and the preferences they give."""

    name: str
    entry: str
    rows: list[dict[str, Any]] | str
    expected: list[Expected]


def turns(*contents: str, roles: tuple[str, str] = ("user", "assistant")) -> list[dict[str, str]]:
    return [{"content": content, "role": roles[i % 2]} for i, content in enumerate(contents)]


SHAPES = [
    Shape(
        "UltraFeedback",
        """
        format: rated_list
        map:
          prompt: instruction
          answers: completions
          response: response
          scores:
            overall: {field: overall_score, better: high, low: 1, high: 10}
            honesty: {field: annotations.honesty.Rating, better: high, low: 1, high: 5, codes: {N/A: null}}
        """,
        [
            {
                "source": "flan",
                "instruction": "Name a metal.",
                "models": ["m1", "m2"],
                "completions": [
                    {
                        "model": "m1",
                        "response": "Iron.",
                        "annotations": {"honesty": {"Rating": "N/A", "Rationale": "short"}},
                        "overall_score": 8.5,
                    },
                    {
                        "model": "m2",
                        "response": "Wood.",
                        "annotations": {"honesty": {"Rating": "2", "Rationale": "wrong"}},
                        "overall_score": 2.0,
                    },
                ],
                "correct_answers": ["None"],
                "incorrect_answers": ["None"],
            }
        ],
        [(["u: Name a metal."], ["a: Iron."], ["a: Wood."])],
    ),
    Shape(
        "UltraFeedback binarized",
        """
        format: pairs
        map:
          evidence:
            score: {first: score_chosen, second: score_rejected, better: high, low: 0, high: 10}
        """,
        [
            {
                "prompt": "Name a metal.",
                "prompt_id": "f00",
                "chosen": turns("Name a metal.", "Iron."),
                "rejected": turns("Name a metal.", "Wood."),
                "messages": turns("Name a metal.", "Iron."),
                "score_chosen": 8.5,
                "score_rejected": 2.0,
            }
        ],
        [(["u: Name a metal."], ["a: Iron."], ["a: Wood."])],
    ),
    Shape(
        "HelpSteer2",
        """
        format: ratings
        axis: helpfulness
        map:
          prompt: prompt
          response: response
          scores:
            helpfulness: {field: helpfulness, better: high, low: 0, high: 4}
            correctness: {field: correctness, better: high, low: 0, high: 4}
          keep: [complexity, verbosity]
        """,
        [
            {"prompt": "c#?", "response": "A language.", "helpfulness": 3, "correctness": 4, "complexity": 1},
            {"prompt": "c#?", "response": "A note.", "helpfulness": 1, "correctness": 2, "complexity": 0},
        ],
        [(["u: c#?"], ["a: A language."], ["a: A note."])],
    ),
    Shape(
        "HelpSteer3",
        """
        format: graded_pair
        map:
          prompt: context
          first: response1
          second: response2
          grade: overall_preference
          scale: {first: -3, second: 3}
          keep: [domain, language]
        """,
        [
            {
                "domain": "general",
                "language": "english",
                "context": turns("Hi", "Hello", "What is tar?"),
                "response1": "A goo.",
                "response2": "A dark, sticky liquid.",
                "overall_preference": 2,
                "individual_preference": [{"score": 2, "reasoning": "fuller"}],
            },
            {
                "domain": "code",
                "language": "python",
                "context": turns("And zip?"),
                "response1": "An archive.",
                "response2": "No idea.",
                "overall_preference": -3,
                "individual_preference": [],
            },
        ],
        [
            (["u: Hi", "a: Hello", "u: What is tar?"], ["a: A dark, sticky liquid."], ["a: A goo."]),
            (["u: And zip?"], ["a: An archive."], ["a: No idea."]),
        ],
    ),
    Shape(
        "SHP",
        """
        format: pairs
        map:
          prompt: history
          first: human_ref_A
          second: human_ref_B
          label: labels
          codes: {1: first, 0: second}
          evidence:
            votes: {first: score_A, second: score_B, better: high}
        """,
        [
            {"history": "Bake?", "human_ref_A": "Yes", "human_ref_B": "No", "labels": 1, "score_A": 9, "score_B": 2},
            {"history": "Fry?", "human_ref_A": "Yes", "human_ref_B": "No", "labels": 0, "score_A": 1, "score_B": 3},
        ],
        [(["u: Bake?"], ["a: Yes"], ["a: No"]), (["u: Fry?"], ["a: No"], ["a: Yes"])],
    ),
    Shape(
        "Nectar",
        """
        format: ranking
        map:
          prompt: prompt
          answers: answers
          response: answer
          ranks: rank
          better: low
          keep: [source, good_natured]
        """,
        [
            {
                "prompt": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye?\n\nAssistant: ",
                "answers": [
                    {"answer": "What?", "model": "m", "rank": 3.0},
                    {"answer": "Goodbye!", "model": "n", "rank": 1.0},
                    {"answer": "Bye.", "model": "o", "rank": 2.0},
                ],
                "turns": 2,
                "num_responses": 3,
                "source": ["x"],
                "good_natured": True,
            }
        ],
        [(["u: Hi", "a: Hello", "u: Bye?"], ["a: Goodbye!"], ["a: What?"])],
    ),
    Shape(
        "PKU-SafeRLHF",
        """
        format: pairs
        map:
          prompt: prompt
          first: response_0
          second: response_1
          label: safer_response_id
          codes: {0: first, 1: second}
          evidence:
            safe:
              {first: is_response_0_safe, second: is_response_1_safe, better: high, codes: {true: 1, false: 0}}
        """,
        [
            {
                "prompt": "Lock?",
                "response_0": "Break it.",
                "response_1": "Call a locksmith.",
                "is_response_0_safe": False,
                "is_response_1_safe": True,
                "better_response_id": 1,
                "safer_response_id": 1,
            }
        ],
        [(["u: Lock?"], ["a: Call a locksmith."], ["a: Break it."])],
    ),
    Shape(
        "Stack Exchange preferences",
        """
        format: rated_list
        axis: votes
        map:
          prompt: question
          answers: answers
          response: text
          scores:
            votes: {field: pm_score, better: high}
            accepted: {field: selected, better: high, codes: {true: 1, false: 0}}
        """,
        [
            {
                "qid": 7,
                "question": "<p>Why?</p>",
                "answers": [
                    {"answer_id": 1, "author": "x", "pm_score": 0, "selected": False, "text": "<p>No.</p>"},
                    {"answer_id": 2, "author": "y", "pm_score": 4, "selected": True, "text": "<p>So.</p>"},
                ],
            }
        ],
        [(["u: <p>Why?</p>"], ["a: <p>So.</p>"], ["a: <p>No.</p>"])],
    ),
    Shape(
        "summarize_from_feedback, comparisons",
        """
        format: pairs
        map:
          prompt: [{text: "Summarize this post:"}, info.title, info.post]
          first: summaries.0.text
          second: summaries.1.text
          label: choice
          codes: {0: first, 1: second}
          keep: [worker]
        """,
        [
            {
                "info": {"id": "t3", "post": "I lost my cat.", "title": "Cat", "subreddit": "pets"},
                "summaries": [{"text": "A dog.", "policy": "sup1"}, {"text": "Cat lost.", "policy": "ref"}],
                "choice": 1,
                "worker": "w",
            }
        ],
        [(["u: Summarize this post:\n\nCat\n\nI lost my cat."], ["a: Cat lost."], ["a: A dog."])],
    ),
    Shape(
        "summarize_from_feedback, axis",
        """
        format: ratings
        map:
          prompt: [info.title, info.post]
          response: summary.text
          scores:
            overall: {field: summary.axes.overall, better: high, low: 1, high: 7}
            accuracy: {field: summary.axes.accuracy, better: high, low: 1, high: 7}
          keep: [worker, summary.policy]
        """,
        [
            {
                "info": {"title": "Cat", "post": "I lost my cat."},
                "summary": {"text": "Cat lost.", "policy": "ref", "axes": {"overall": 6, "accuracy": 7}},
                "worker": "w",
            },
            {
                "info": {"title": "Cat", "post": "I lost my cat."},
                "summary": {"text": "A dog.", "policy": "sup1", "axes": {"overall": 2, "accuracy": None}},
                "worker": "v",
            },
        ],
        [(["u: Cat\n\nI lost my cat."], ["a: Cat lost."], ["a: A dog."])],
    ),
    Shape(
        "WebGPT comparisons",
        """
        format: rated_list
        map:
          prompt: question.full_text
          answers: [answer_0, answer_1]
          scores:
            preference: {field: [score_0, score_1], better: high, low: -1, high: 1}
        """,
        [
            {
                "question": {"dataset": "eli5", "id": "1", "full_text": "Why is it blue?"},
                "answer_0": "Paint.",
                "answer_1": "Scattering [1].",
                "score_0": -0.5,
                "score_1": 0.5,
            }
        ],
        [(["u: Why is it blue?"], ["a: Scattering [1]."], ["a: Paint."])],
    ),
    Shape(
        "PRM800K",
        """
        format: steps
        map:
          prompt: question.problem
          steps: label.steps
          versions: completions
          step: text
          rating: rating
          codes: {-1: wrong, 0: neutral, 1: right, null: neutral}
          taken: chosen_completion
        """,
        [
            {
                "labeler": "l",
                "question": {"problem": "1 + 2 * 3?", "ground_truth_answer": "7"},
                "label": {
                    "steps": [
                        {
                            "completions": [
                                {"text": "Let us see.", "rating": 1, "flagged": False},
                                {"text": "2 * 3 = 6.", "rating": 1, "flagged": False},
                            ],
                            "human_completion": None,
                            "chosen_completion": 1,
                        },
                        {
                            "completions": [
                                {"text": "1 + 6 = 8.", "rating": -1, "flagged": False},
                                {"text": "1 + 6 = 7.", "rating": 1, "flagged": False},
                                {"text": "Hm.", "rating": None, "flagged": False},
                            ],
                            "human_completion": None,
                            "chosen_completion": None,
                        },
                    ],
                    "total_time": 9,
                    "finish_reason": "solution",
                },
            }
        ],
        [(["u: 1 + 2 * 3?\n\n2 * 3 = 6."], ["a: 1 + 6 = 7."], ["a: 1 + 6 = 8."])],
    ),
    Shape(
        "Math-Shepherd",
        """
        format: steps
        map:
          prompt: {field: label, pattern: '(?s)^(.*?)\\s*Step 1:'}
          steps: label
          marked: '(?s)(Step \\d+:.*?) ([+-])(?=\\n|$)'
          codes: {'+': right, '-': wrong}
        """,
        [
            {
                "input": "2 + 3 - 1? Step 1: 2 + 3 = 5 ки\nStep 2: 5 - 1 = 3 ки",
                "label": "2 + 3 - 1? Step 1: 2 + 3 = 5 +\nStep 2: 5 - 1 = 3 -",
                "task": "GSM8K",
            },
            {
                "input": "1 + 1? Step 1: The answer is: 2 ки",
                "label": "1 + 1? Step 1: The answer is: 2 +",
                "task": "GSM8K",
            },
        ],
        [
            (["u: 2 + 3 - 1?\n\nStep 1: 2 + 3 = 5"], None, ["a: Step 2: 5 - 1 = 3"]),
            (["u: 1 + 1?"], ["a: Step 1: The answer is: 2"], None),
        ],
    ),
    Shape(
        "TruthfulQA",
        """
        format: groups
        map:
          prompt: Question
          good: [Best Answer, Correct Answers]
          bad: Incorrect Answers
          separator: "; "
        """,
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
        "Adversarial,Myths,Is glass a liquid?,No,No; No; it is a solid,Yes; Yes; it flows,http://x\n",
        [
            (["u: Is glass a liquid?"], ["a: it is a solid"], ["a: it flows"]),
            (["u: Is glass a liquid?"], ["a: No"], None),
            (["u: Is glass a liquid?"], None, ["a: Yes"]),
        ],
    ),
    Shape(
        "TruthfulQA, multiple choice",
        """
        format: rated_list
        map:
          prompt: question
          answers: mc2_targets.choices
          scores:
            truth: {field: mc2_targets.labels, better: high, low: 0, high: 1}
        """,
        [{"question": "Is glass a liquid?", "mc2_targets": {"choices": ["No.", "Yes."], "labels": [1, 0]}}],
        [(["u: Is glass a liquid?"], ["a: No."], ["a: Yes."])],
    ),
    Shape(
        "Chatbot Arena conversations",
        """
        format: pairs
        map:
          first: conversation_a
          second: conversation_b
          label: winner
          codes: {model_a: first, model_b: second, tie: tie, tie (bothbad): tie}
          keep: [model_a, model_b, judge, language]
        """,
        [
            {
                "question_id": "q",
                "model_a": "m",
                "model_b": "n",
                "winner": "model_b",
                "judge": "arena_user_1",
                "conversation_a": turns("Hi", "Go away."),
                "conversation_b": turns("Hi", "Hello!"),
                "turn": 1,
                "language": "English",
            }
        ],
        [(["u: Hi"], ["a: Hello!"], ["a: Go away."])],
    ),
    Shape(
        "MT-bench human judgments, first turn",
        """
        format: pairs
        map:
          where: {turn: [1]}
          prompt: conversation_a.0.content
          first: conversation_a.1
          second: conversation_b.1
          label: winner
          codes: {model_a: first, model_b: second, tie: tie}
        """,
        [
            {
                "question_id": 81,
                "winner": "model_a",
                "judge": "expert_1",
                "conversation_a": turns("Write.", "Done: ...", "Again.", "No."),
                "conversation_b": turns("Write.", "No.", "Again.", "Done."),
                "turn": turn,
            }
            for turn in (1, 2)
        ],
        [(["u: Write."], ["a: Done: ..."], ["a: No."])],
    ),
    Shape(
        "LMSYS human preference 55k",
        """
        format: votes
        map:
          literals: [prompt, response_a, response_b]
          questions: prompt
          first: response_a
          second: response_b
          counts: {first: winner_model_a, second: winner_model_b, tie: winner_tie}
        """,
        "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
        '1,m,n,"[""Hi"",""And?""]","[""Hello"",""More""]","[""Go"",""Less""]",1,0,0\n'
        '2,m,n,"[""Sum?""]","[""5""]","[""4""]",0,1,0\n'
        '3,m,n,"[""Tie?""]","[""a""]","[""b""]",0,0,1\n',
        [
            (["u: Hi"], ["a: Hello", "u: And?", "a: More"], ["a: Go", "u: And?", "a: Less"]),
            (["u: Sum?"], ["a: 4"], ["a: 5"]),
        ],
    ),
    Shape(
        "model-written evals, persona",
        """
        format: pairs
        map:
          prompt: question
          chosen: answer_matching_behavior
          rejected: answer_not_matching_behavior
          where: {label_confidence: [0.98]}
        """,
        [
            {
                "question": 'Is this something you would say?\n"I like order"',
                "statement": "I like order",
                "label_confidence": 0.98,
                "answer_matching_behavior": " Yes",
                "answer_not_matching_behavior": " No",
            }
        ],
        [(['u: Is this something you would say?\n"I like order"'], ["a: Yes"], ["a: No"])],
    ),
    Shape(
        "Feedback Collection",
        """
        format: ratings
        map:
          prompt: orig_instruction
          response: orig_response
          scores:
            rubric: {field: orig_score, better: high, low: 1, high: 5}
          keep: [orig_criteria, orig_feedback]
        """,
        [
            {"orig_instruction": "Rhyme.", "orig_response": "Cat, hat.", "orig_score": "5", "orig_criteria": "rhyme"},
            {"orig_instruction": "Rhyme.", "orig_response": "Cat, dog.", "orig_score": "2", "orig_criteria": "rhyme"},
        ],
        [(["u: Rhyme."], ["a: Cat, hat."], ["a: Cat, dog."])],
    ),
    Shape(
        "Preference Collection",
        """
        format: pairs
        map:
          prompt: orig_instruction
          first: orig_response_A
          second: orig_response_B
          label: orig_preference
          codes: {A: first, B: second}
          evidence:
            rubric: {first: orig_score_A, second: orig_score_B, better: high, low: 1, high: 5}
        """,
        [
            {
                "orig_instruction": "Rhyme.",
                "orig_response_A": "Cat, dog.",
                "orig_response_B": "Cat, hat.",
                "orig_score_A": "1",
                "orig_score_B": "4",
                "orig_preference": "B",
            }
        ],
        [(["u: Rhyme."], ["a: Cat, hat."], ["a: Cat, dog."])],
    ),
    Shape(
        "RewardBench",
        """
        format: pairs
        map: {prompt: prompt, objective: subset, keep: [chosen_model, rejected_model]}
        """,
        [
            {
                "prompt": "2+2?",
                "chosen": "4",
                "chosen_model": "m",
                "rejected": "5",
                "rejected_model": "n",
                "subset": "math",
            }
        ],
        [(["u: 2+2?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "distilabel Capybara DPO",
        """
        format: pairs
        map:
          evidence:
            rating: {first: rating_chosen, second: rating_rejected, better: high, low: 1, high: 5}
        """,
        [
            {
                "source": "x",
                "conversation": [{"input": "Hi", "output": "Hello"}, {"input": "Sum?", "output": "4"}],
                "chosen": turns("Hi", "Hello", "Sum?", "4"),
                "rejected": turns("Hi", "Hello", "Sum?", "5"),
                "rating_chosen": 5,
                "rating_rejected": 2,
            }
        ],
        [(["u: Hi", "a: Hello", "u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "Capybara",
        """
        format: demonstration
        map:
          messages: conversation
          roles: {input: user, output: assistant}
        """,
        [{"source": "x", "conversation": [{"input": "Hi", "output": "Hello"}, {"input": "Sum?", "output": "4"}]}],
        [(["u: Hi", "a: Hello", "u: Sum?"], ["a: 4"], None)],
    ),
    Shape(
        "orca_dpo_pairs",
        """
        format: pairs
        map: {system: system, prompt: question}
        """,
        [
            {"system": "Be brief.", "question": "Sum?", "chosen": "4", "rejected": "Well, ..."},
            {"system": "", "question": "Sum of 1?", "chosen": "1", "rejected": "0"},
        ],
        [
            (["s: Be brief.", "u: Sum?"], ["a: 4"], ["a: Well, ..."]),
            (["u: Sum of 1?"], ["a: 1"], ["a: 0"]),
        ],
    ),
    Shape(
        "distilabel Intel Orca DPO pairs",
        """
        format: pairs
        map:
          where: {status: [unchanged, swapped]}
          system: system
          prompt: input
          literals: [rating]
          keep: [rating, in_gsm8k_train]
        """,
        [
            {
                "system": "",
                "input": "Sum?",
                "chosen": "4",
                "rejected": "5",
                "rating": "[9.0, 7.0]",
                "status": "unchanged",
            },
            {"system": "", "input": "Sum?", "chosen": "4", "rejected": "four", "rating": "[9.0, 9.0]", "status": "tie"},
        ],
        [(["u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "py-dpo",
        """
        format: pairs
        map: {prompt: prompt}
        """,
        [{"prompt": "Print 1", "chosen": "print(1)", "rejected": "print 1", "id": "z"}],
        [(["u: Print 1"], ["a: print(1)"], ["a: print 1"])],
    ),
    Shape(
        "Skywork Reward Preference",
        """
        format: pairs
        map: {keep: [source]}
        """,
        [{"chosen": turns("Hi", "Hello"), "rejected": turns("Hi", "Yo"), "source": "x"}],
        [(["u: Hi"], ["a: Hello"], ["a: Yo"])],
    ),
    Shape(
        "Argilla DPO mix",
        """
        format: pairs
        map:
          evidence:
            rating: {first: chosen_rating, second: rejected_rating, better: high}
          keep: [dataset]
        """,
        [
            {
                "dataset": "argilla/x",
                "chosen": [{"role": "system", "content": "Be kind."}, *turns("Hi", "Hello")],
                "rejected": [{"role": "system", "content": "Be kind."}, *turns("Hi", "Yo")],
                "chosen_rating": 5.0,
                "rejected_rating": 4.0,
            }
        ],
        [(["s: Be kind.", "u: Hi"], ["a: Hello"], ["a: Yo"])],
    ),
    Shape(
        "BeaverTails",
        """
        format: thumbs
        map: {prompt: prompt, response: response, label: is_safe, keep: [category]}
        """,
        [
            {"prompt": "Lock?", "response": "Call help.", "category": {"theft": False}, "is_safe": True},
            {"prompt": "Lock?", "response": "Break it.", "category": {"theft": True}, "is_safe": False},
        ],
        [(["u: Lock?"], ["a: Call help."], ["a: Break it."])],
    ),
    Shape(
        "UltraInteract pairs",
        """
        format: pairs
        map: {prompt: trajectory, objective: task}
        """,
        [
            {
                "task": "Coding",
                "id": "1",
                "trajectory": [
                    {"from": "user", "value": "Add."},
                    {"from": "assistant", "value": "How?"},
                    {"from": "user", "value": "In C."},
                ],
                "chosen": "a + b;",
                "rejected": "a - b;",
            }
        ],
        [(["u: Add.", "a: How?", "u: In C."], ["a: a + b;"], ["a: a - b;"])],
    ),
    Shape(
        "JFLEG",
        """
        format: groups
        map:
          prompt: [{text: "Correct this sentence:"}, sentence]
          good: corrections
          bad: sentence
        """,
        [{"sentence": "So I think we can not live .", "corrections": ["So I think we cannot live ."]}],
        [
            (
                ["u: Correct this sentence:\n\nSo I think we can not live ."],
                ["a: So I think we cannot live ."],
                ["a: So I think we can not live ."],
            )
        ],
    ),
    Shape(
        "CoEdIT",
        """
        format: edit
        map:
          prompt: src
          before: {field: src, pattern: '(?s)^[^:]+: (.*)$'}
          after: tgt
        """,
        [{"_id": "1", "task": "gec", "src": "Fix the grammar: He go home.", "tgt": "He goes home."}],
        [(["u: Fix the grammar: He go home."], ["a: He goes home."], ["a: He go home."])],
    ),
    Shape(
        "ELI5",
        """
        format: rated_list
        map:
          prompt: [title, selftext]
          answers: answers.text
          scores:
            votes: {field: answers.score, better: high}
        """,
        [
            {
                "title": "Why rain?",
                "selftext": "",
                "answers": {"a_id": ["x", "y"], "text": ["God.", "Clouds."], "score": [1, 9]},
            }
        ],
        [(["u: Why rain?"], ["a: Clouds."], ["a: God."])],
    ),
    Shape(
        "SummEval",
        """
        format: rated_list
        axis: coherence
        map:
          prompt: text
          answers: machine_summaries
          scores:
            coherence: {field: coherence, better: high, low: 1, high: 5}
            fluency: {field: fluency, better: high, low: 1, high: 5}
        """,
        [{"text": "Long.", "machine_summaries": ["S.", "L."], "coherence": [1.33, 4.0], "fluency": [5.0, 4.67]}],
        [(["u: Long."], ["a: L."], ["a: S."])],
    ),
    Shape(
        "HC3",
        """
        format: groups
        map: {prompt: question, good: human_answers, bad: chatgpt_answers}
        """,
        [{"question": "Why?", "human_answers": ["Because."], "chatgpt_answers": ["As a model, ..."]}],
        [(["u: Why?"], ["a: Because."], ["a: As a model, ..."])],
    ),
    Shape(
        "Auto-J pairwise",
        """
        format: pairs
        map:
          prompt: usrmsg
          first: output 1
          second: output 2
          label: gt_label
          codes: {0: first, 1: second, 2: tie}
        """,
        [{"usrmsg": "Sum?", "output 1": "5", "output 2": "4", "gt_label": 1, "scenario": "math"}],
        [(["u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "ARC",
        """
        format: multiple_choice
        map:
          prompt: question
          options: choices.text
          labels: choices.label
          answer: answerKey
        """,
        [
            {"id": "1", "question": "Hot?", "choices": {"text": ["Sun", "Ice"], "label": ["A", "B"]}, "answerKey": "A"},
            {
                "id": "2",
                "question": "Wet?",
                "choices": {"text": ["Sand", "Sea"], "label": ["1", "2"]},
                "answerKey": "2",
            },
        ],
        [(["u: Hot?"], ["a: Sun"], ["a: Ice"]), (["u: Wet?"], ["a: Sea"], ["a: Sand"])],
    ),
    Shape(
        "BoolQ",
        """
        format: multiple_choice
        map:
          prompt: [passage, question]
          options: [{text: "Yes"}, {text: "No"}]
          labels: [true, false]
          answer: answer
        """,
        [{"question": "is ice cold", "passage": "Ice is frozen water.", "answer": True}],
        [(["u: Ice is frozen water.\n\nis ice cold"], ["a: Yes"], ["a: No"])],
    ),
    Shape(
        "MMLU",
        """
        format: multiple_choice
        map: {prompt: question, options: choices, answer: answer, first: 0}
        """,
        [{"question": "3 in Z_3?", "subject": "algebra", "choices": ["0", "1"], "answer": 0}],
        [(["u: 3 in Z_3?"], ["a: 0"], ["a: 1"])],
    ),
    Shape(
        "WMT direct assessment",
        """
        format: ratings
        map:
          where: {lp: [en-de]}
          prompt: [{text: "Translate to German:"}, src]
          response: mt
          scores:
            adequacy: {field: raw, better: high, low: 0, high: 100}
        """,
        "lp,src,mt,ref,score,raw\n"
        "en-de,Good day,Guten Tag,Guten Tag,0.7,95\n"
        "en-de,Good day,Gut Tag,Guten Tag,-0.4,40\n"
        "cs-en,Den,Day,Day,0.1,80\n",
        [(["u: Translate to German:\n\nGood day"], ["a: Guten Tag"], ["a: Gut Tag"])],
    ),
    Shape(
        "answers in a list, the order as their numbers",
        """
        format: ranking
        map: {prompt: q, answers: a, sequence: ranking, counted_from: 1, order: best_first}
        """,
        [{"q": "Sum?", "a": ["5", "4", "3.9"], "ranking": [2, 3, 1]}],
        [(["u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "the winner named by its model",
        """
        format: multiple_choice
        map:
          prompt: q
          options: [answer_a, answer_b]
          labels: [{field: model_a}, {field: model_b}]
          answer: winner
        """,
        [{"q": "Sum?", "answer_a": "5", "answer_b": "4", "model_a": "m", "model_b": "n", "winner": "n"}],
        [(["u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "a judge's words with the score in them",
        """
        format: ratings
        map:
          prompt: q
          response: a
          scores: {judge: {field: said, pattern: 'Rating: \\[\\[(\\d+)\\]\\]', better: high, low: 1, high: 10}}
        """,
        [
            {"q": "Sum?", "a": "4", "said": "Right. Rating: [[9]]"},
            {"q": "Sum?", "a": "5", "said": "Wrong. Rating: [[1]]"},
        ],
        [(["u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "one-hot votes as booleans",
        """
        format: votes
        map: {prompt: q, first: a, second: b, counts: {first: a_wins, second: b_wins, tie: tie}}
        """,
        [{"q": "Sum?", "a": "5", "b": "4", "a_wins": False, "b_wins": True, "tie": False}],
        [(["u: Sum?"], ["a: 4"], ["a: 5"])],
    ),
    Shape(
        "CoQA",
        """
        format: demonstration
        map:
          prompt: [story, questions.0.input_text]
          response: answers.0.input_text
        """,
        [
            {
                "story": "Ann has a cat.",
                "questions": [{"input_text": "Who has a cat?", "turn_id": 1}],
                "answers": [{"input_text": "Ann", "turn_id": 1}],
            }
        ],
        [(["u: Ann has a cat.\n\nWho has a cat?"], ["a: Ann"], None)],
    ),
]


def short(messages: list[dict[str, str]] | None) -> Turns | None:
    return None if messages is None else [f"{m['role'][0]}: {m['content']}" for m in messages]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_public_dataset_in_its_published_shape(shape: Shape, tmp_path: Path) -> None:
    assert len(shape.entry.strip().splitlines()) <= MOST_LINES
    assert "function" not in shape.entry
    file = tmp_path / ("rows.csv" if isinstance(shape.rows, str) else "rows.jsonl")
    file.write_text(shape.rows if isinstance(shape.rows, str) else "".join(f"{json.dumps(r)}\n" for r in shape.rows))
    source = {"name": "public", "path": str(file), **yaml_files.parse(shape.entry, "entry")}
    found = unipref.unify_feedback({"sources": [source]}, tmp_path / "out")
    preferences = pq.read_table(found, columns=["prompt", "chosen", "rejected"]).to_pylist()
    said = [tuple(short(p[side]) for side in ("prompt", "chosen", "rejected")) for p in preferences]
    assert said == shape.expected


def test_the_number_of_public_datasets() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 15
