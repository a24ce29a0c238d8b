"""Tags of prompts from rules over their words: the task, and whether the prompt can be answered. English only.

How often the rules agree with people or with a tagging model has not been measured.
"""

import re

TASKS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "coding": r"```|\b(code|python|java(script)?|c\+\+|sql|html|css|regex|function|compile|debug|script|program)\b",
        "math": r"\d\s*[-+*/^=]\s*\d|\b(solve|equation|integral|derivative|probability|calculate|theorem|sum of)\b",
        "data analysis": r"\b(data ?set|csv|spreadsheet|excel|statistic\w*|regression|table of|chart)\b",
        "editing": r"\b(rewrite|rephrase|paraphrase|proofread|correct the|edit|shorten|translate|summari[sz]e)\b",
        "role playing": r"\b(act as|pretend|role-?play|imagine (that )?you|you are an?)\b",
        "creative writing": r"\b(story|poem|song|lyrics|essay|novel|script for|haiku|dialogue between|fiction)\b",
        "planning": r"\b(plan|schedule|itinerary|roadmap|strategy|steps to|agenda)\b",
        "brainstorming": r"\b(brainstorm|ideas|suggest(ions)?|list of|examples of|names? for)\b",
        "advice seeking": r"\b(should i|advice|recommend\w*|what would you|help me (decide|choose)|how can i)\b",
        "reasoning": r"\b(why|explain|compare|difference|reason\w*|infer|puzzle|riddle|logic\w*|refers? to)\b",
        "information seeking": r"\?|^\W*(who|what|when|where|which|how|is|are|do|does|did|can|name|define|describe)\b",
    }.items()
}
"""Task -> the pattern that its prompts have; the first that matches counts. The names are Magpie's."""
OTHER = "other"
FEWEST_WORDS = 3
LEAST_VARIETY = 0.3
"""Fewest distinct words of a prompt, as a share of its words, if it has at least ten."""


def find_task(prompt: str) -> str:
    """Returns the task of a prompt: the first of TASKS whose pattern it has, or OTHER."""
    return next((task for task, pattern in TASKS.items() if pattern.search(prompt)), OTHER)


def can_be_answered(prompt: str) -> bool:
    """Whether a prompt has FEWEST_WORDS words with letters, does not repeat itself, and closes its blocks of code."""
    words = [word for word in prompt.lower().split() if any(map(str.isalpha, word))]
    if len(words) < FEWEST_WORDS or prompt.count("```") % 2:
        return False
    return len(words) < 10 or len(set(words)) >= LEAST_VARIETY * len(words)
