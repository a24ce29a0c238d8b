"""Outputs judged by hand: for each type of IFEval, arguments, outputs that follow and outputs that do not."""

from typing import Any

EN = "The river rises in the mountains and flows slowly through the green valley down to the sea"
DE = "Der Fluss entspringt in den Bergen und fliesst langsam durch das grüne Tal bis hinunter zum Meer"

Verdicts = dict[str, tuple[dict[str, Any], list[str], list[str]]]

VERDICTS: Verdicts = {
    "keywords:existence": (
        {"keywords": ["river", "Tower"]},
        ["A tower by the river.", "RIVERS and towers."],
        ["A tower by the sea.", "The town"],
    ),
    # Occurrences are counted, not words: "frogs" holds "frog".
    "keywords:frequency": (
        {"keyword": "frog", "frequency": 2, "relation": "at least"},
        ["Frog and frog.", "frogs see a Frog, a frog"],
        ["One frog.", "None."],
    ),
    # Here whole words count: "frogs" is not "frog".
    "keywords:forbidden_words": (
        {"forbidden_words": ["frog", "green"]},
        ["The toad sits.", "Many frogs, greener grass."],
        ["The frog sits.", "A toad, GREEN."],
    ),
    "keywords:letter_frequency": (
        {"letter": "z", "let_frequency": 3, "let_relation": "less than"},
        ["Zebras in a zoo", "none here"],
        ["Zigzag, zoo", "zzz"],
    ),
    "language:response_language": ({"language": "de"}, [DE, f"{DE}."], [EN, f"{EN}."]),
    "length_constraints:number_sentences": (
        {"num_sentences": 3, "relation": "less than"},
        ["One. Two.", "Only one"],
        ["One. Two. Three.", "Who? Me! Yes. Good."],
    ),
    # Parts between three asterisks; empty ends do not count.
    "length_constraints:number_paragraphs": (
        {"num_paragraphs": 2},
        ["One.\n***\nTwo.", "***\nOne.\n***\nTwo."],
        ["One.\n\nTwo.", "One.\n***\n***\nTwo.", "One. *** Two. *** Three."],
    ),
    "length_constraints:number_words": (
        {"num_words": 4, "relation": "at least"},
        ["one two three four", "It's three words"],
        ["one two three", "one-two-three!"],
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Later"},
        ["At first.\n\nLater, more.", "At first.\n\n'later' on."],
        ["Later.\n\nAt first.", "At first.\n\nLater.\n\nLater still.", "Later"],
    ),
    "detectable_content:number_placeholders": (
        {"num_placeholders": 2},
        ["Dear [name], see you in [town].", "[a][b][c]"],
        ["Dear [name].", "Dear (name), see you in (town)."],
    ),
    "detectable_content:postscript": (
        {"postscript_marker": "P.S."},
        ["Bye.\n\nP.S. Bring milk.", "Bye. p.s. milk"],
        ["Bye.", "Bye.\nPS bring milk"],
    ),
    "detectable_format:number_bullet_lists": (
        {"num_bullets": 2},
        ["* one\n* two", "- one\n  * two"],
        ["* one", "* one\n* two\n- three", "1. one\n2. two"],
    ),
    "detectable_format:constrained_response": (
        {},
        ["My answer is yes.", "Well: My answer is maybe."],
        ["Yes.", "My answer is yes", "my answer is no."],
    ),
    # *x* counts once; **x** too, and the empty pairs of asterisks in it do not.
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2},
        ["*one* and *two*", "**one** then *two*"],
        ["*one* and two", "** and **"],
    ),
    "detectable_format:multiple_sections": (
        {"section_spliter": "Part", "num_sections": 2},
        ["Part 1\nOne.\nPart 2\nTwo.", "Part 1 a Part 2 b Part 3 c"],
        ["Part 1\nOne.", "Part one\nPart two", "Section 1\nSection 2"],
    ),
    "detectable_format:json_format": (
        {},
        ['{"a": [1, 2]}', '```json\n{"a": null}\n```', "3"],
        ["{'a': 1}", 'Here it is: {"a": 1}', "[" * 5000],
    ),
    "detectable_format:title": ({}, ["<<My day>>\nIt rained.", "It rained. <<Rain>>"], ["<My day>", "<< >>", "Title"]),
    "combination:two_responses": (
        {},
        ["One.\n******\nTwo.", "******One.******Two.******"],
        ["One.", "One.******One.", "One.******Two.******Three."],
    ),
    "combination:repeat_prompt": (
        {"prompt_to_repeat": "Where is the frog?"},
        ["Where is the frog? In the pond.", "\nwhere IS the frog? There."],
        ["In the pond.", "You ask: Where is the frog? In the pond.", "Where is a frog?"],
    ),
    "startend:end_checker": (
        {"end_phrase": "That is all."},
        ["It rained. That is all.", 'It rained. "THAT IS ALL."\n'],
        ["That is all. Really.", "It rained. That is all"],
    ),
    # "USA" and "NATO" are words in capitals; "A" and "I" are so too.
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["The USA and NATO.", "I saw A frog"],
        ["The USA", "the frog"],
    ),
    "change_case:english_capital": ({}, [EN.upper(), f"{EN}!".upper()], [EN, DE.upper(), EN.upper() + " a"]),
    "change_case:english_lowercase": ({}, [EN.lower(), f"{EN}!".lower()], [EN, DE.lower(), EN.lower() + " A"]),
    "punctuation:no_comma": ({}, ["One and two.", "One; two."], ["One, two.", ","]),
    "startend:quotation": ({}, ['"All of it."', ' "a"\n'], ['"All" of it.', "'All of it.'", '"', "“All of it.”"]),
}
