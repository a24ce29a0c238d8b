"""Scores what `unipref inspect` says of one file against what is right about it.

Outcomes: `right`; `asked`, if the proposed mapping contains a question and nothing in it is wrong; `silent`, if no
format is proposed for a file that holds feedback; `false`, if something is asserted that is wrong: a format, a field, a
code or a direction, or if a judgement or a part of the prompt is passed over and no doubt names it.
"""

import operator
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

QUESTION = "?"
JUDGING = {"votes": "label", "grade": "label"}
"""Settings that name the label -> the name under which they are compared."""
WITHOUT_MEANING = {
    *(
        "keep",
        "twins",
        "marks",
        "roles",
        "objective",
        "literals",
        "evidence",
        "check",
        "annotator",
        "annotators",
        "decimal",
    ),
    *(
        "separator",
        "instruction",
        "missing",
        "counted_from",
        "cut",
        "null",
        "until",
        "parent",
        "id",
        "ids",
        "turns",
        "marked",
        "pattern",
    ),
}
"""Settings that assert neither a text nor a judgement, or that other settings do not depend on."""
DOMINATED = {"system", "history", "tools", "until"}
"""Settings that are not required where the truth lists their fields as context: then a doubt will do."""
SPECIAL = {"codes", "up", "down", "neutral", "scores", "ranks", "better", "scale", "where", "where_items", "labels"}
BOUNDS = {"at_least": operator.ge, "at_most": operator.le, "above": operator.gt, "below": operator.lt}


class Outcome(NamedTuple):
    """How an inspection compares with the truth, and why."""

    kind: str
    reasons: list[str]


def score(inspection: dict[str, Any], truth: dict[str, Any]) -> Outcome:
    """Compares an inspection, as `unipref inspect --json` prints it, with a truth.yaml."""
    name, mapping, source = inspection["format"], inspection["map"], inspection["source"]
    if name is None:
        is_right = truth["holds"] == "nothing" or truth.get("silence") == "right"
        return Outcome("right" if is_right else "silent", [])
    is_open = any(leaf == QUESTION for leaf in _leaves([mapping, source]))
    if not truth["right"]:
        return Outcome("asked" if is_open else "false", [f"'{name}' for a file that cannot be read so"])
    proposal = Proposal(name, mapping, source, " ".join([*inspection["doubts"], *inspection.get("notes", [])]))
    readings = [*truth["right"], *_held_back(truth)]
    faults = min((proposal.compare(reading, truth) for reading in readings), key=len)
    faults = [*faults, *proposal.passed_over(truth)]
    if faults:
        return Outcome("false", faults)
    return Outcome("asked" if is_open else "right", [])


def _held_back(truth: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields demonstrations that cannot run: the user has to say first which judgements to use."""
    judgements = truth.get("judgements", [])
    for reading in truth["right"] if judgements else []:
        kept = {
            key: reading["map"][key] for key in ("prompt", "response", "messages", *DOMINATED) if key in reading["map"]
        }
        if "response" in kept or "messages" in kept:
            yield {**reading, "format": ["demonstration"], "map": kept, "open_where": judgements}


class Proposal:
    """A format and a mapping that `inspect` proposes.

    Args:
        name: of the format.
        mapping: its settings.
        source: the whole entry for the study file.
        doubts: what `inspect` says about it, as one text.
    """

    def __init__(self, name: str, mapping: dict[str, Any], source: dict[str, Any], doubts: str) -> None:
        self.name, self.source, self.doubts = name, source, doubts
        self.map: dict[str, Any] = {}
        for key, value in mapping.items():
            if value is not None:
                only = value[0] if key == "votes" and isinstance(value, list) and len(value) == 1 else value
                self.map[JUDGING.get(key, key)] = only

    def compare(self, reading: dict[str, Any], truth: dict[str, Any]) -> list[str]:
        """Returns what is wrong with the proposal if the reading is the right one."""
        faults: list[str] = []
        if self.name not in reading["format"]:
            faults.append(f"the format is not '{self.name}'")
        if (self.source.get("records") or None) != reading.get("records"):
            faults.append(f"records: {self.source.get('records')}")
        right, accepted = self._turn(reading["map"]), truth.get("accept", {})
        for key in right:
            if key not in self.map and key not in SPECIAL | DOMINATED | WITHOUT_MEANING and not self._replaces(key):
                faults.append(f"'{key}' is missing")
        for key, value in self.map.items():
            is_extra_name = key == "key" and key not in right
            if key in SPECIAL or key in WITHOUT_MEANING or value == QUESTION or is_extra_name:
                continue
            allowed = [right[key]] if key in right else []
            if _plain(value, key) not in [_plain(one, key) for one in [*allowed, *accepted.get(key, [])]]:
                faults.append(f"{key}: {_short(value)}")
        literals = self.map.get("literals", [])
        faults += [f"'{path}' is not read as a literal" for path in right.get("literals", []) if path not in literals]
        start = self.map.get("counted_from", 0)
        if start not in (QUESTION, right.get("counted_from", start)):
            faults.append(f"counted_from: {start}")
        faults += self._judgement_faults(right)
        faults += self._text_faults(truth.get("needs", {}))
        if "labels" in right and _paths(self.map.get("labels", right["labels"])) not in [
            _paths(labels) for labels in [right["labels"], *accepted.get("labels", [])]
        ]:
            faults.append(f"labels: {_short(self.map['labels'])}")
        faults += self._where_faults(reading, truth)
        used = {_loose(path) for path in self._text_paths()}
        faults += [f"'{path}' is used as text" for path in truth.get("never", []) if _loose(path) in used]
        return faults

    def _turn(self, right: dict[str, Any]) -> dict[str, Any]:
        """Returns the settings with both sides exchanged if the proposal names the second answer first."""
        sides = right.get("first"), right.get("second")
        if None in sides or (self.map.get("second"), self.map.get("first")) != sides:
            return right
        other = {"first": "second", "second": "first"}
        turned = right | {"first": sides[1], "second": sides[0]}
        if "codes" in right:
            turned["codes"] = {code: other.get(meaning, meaning) for code, meaning in right["codes"].items()}
        for key in ("scale", "names"):
            if key in right:
                turned[key] = {"first": right[key]["second"], "second": right[key]["first"]}
        return turned

    def passed_over(self, truth: dict[str, Any]) -> list[str]:
        """Returns the judgements and parts of the prompt that neither the mapping nor a doubt names."""
        judgements = [] if self._asks_for_judgement() else truth.get("judgements", [])
        parts = [(path, "judgement") for path in judgements]
        parts += [(path, "part of the prompt") for path in truth.get("context", [])]
        return [
            f"the {kind} '{names}' is passed over"
            for names, kind in parts
            if not any(self._uses(path) or self._doubts(path) for path in names.split("|"))
        ]

    def _replaces(self, key: str) -> bool:
        """Whether other settings stand for a missing one: scores for a label or ranks, labels for a first code."""
        if key == "first":
            return self.name == "multiple_choice" and "labels" in self.map
        return key in ("label", "ranks") and bool(self.map.get("scores"))

    def _text_paths(self) -> Iterator[str]:
        for key, value in self.map.items():
            if key not in SPECIAL | WITHOUT_MEANING:
                yield from _paths(value)

    def _uses(self, path: str) -> bool:
        used = [_loose(str(leaf)) for leaf in _leaves(self.map, with_keys=True)]
        wanted = inner = _loose(path)
        for setting in ("answers", "steps", "messages"):
            if isinstance(self.map.get(setting), str):
                inner = inner.removeprefix(_loose(self.map[setting]) + ".").removeprefix("*.")
        return any(one in (wanted, inner) or one.startswith((wanted + ".", inner + ".")) for one in used)

    def _doubts(self, path: str) -> bool:
        """Whether a doubt names a field: in quotes, or bare if the name cannot be a word of the sentence."""
        last = [part for part in path.split(".") if part != "*"][-1]
        whole = {path, path.replace(".*", ""), path.replace("*", "0")}
        if any(f"'{name}" in self.doubts for name in whole) or f"'{last}'" in self.doubts:
            return True
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.doubts) for name in whole if not name.isalpha())

    def _doubts_code(self, code: str) -> bool:
        """Whether a doubt names a value of a label: in quotes, or in a list in brackets."""
        return f"'{code}'" in self.doubts or bool(
            re.search(rf"[\[(]([^\])]*[ ,])?{re.escape(code)}[,\])]", self.doubts)
        )

    def _asks_for_judgement(self) -> bool:
        return any(
            self.map.get(key) == QUESTION for key in ("label", "scores", "ranks", "answer", "rating", "sequence")
        )

    def _judgement_faults(self, right: dict[str, Any]) -> list[str]:
        if "scores" in self.map:
            return self._score_faults(right)
        if "ranks" in self.map or "ranks" in right:
            return self._rank_faults(right)
        if "codes" not in right:
            codes = self.map.get("codes") or {}
            return ["codes of no label"] if any(leaf != QUESTION for leaf in _leaves(codes)) else []
        if self.name in ("thumbs", "rated_turns"):
            return self._thumb_faults(right["codes"])
        if self.name == "demonstration":
            return []
        return [*self._code_faults(right["codes"]), *self._scale_faults(right)]

    def _code_faults(self, codes: dict[str, str]) -> list[str]:
        given = self.map.get("codes", {})
        if given == QUESTION:
            return []
        meanings = {_key(code): _meaning(value) for code, value in given.items()}
        faults = []
        for code, meaning in meanings.items():
            # A code that no row has asserts nothing about these rows.
            want = {_key(k): v for k, v in codes.items()}.get(code, meaning)
            if meaning not in (QUESTION, None, want):
                faults.append(f"code {code}: {meaning}" + (", which the rows do not tell" if want == "ask" else ""))
        needed = [code for code, want in codes.items() if want not in ("none", "tie", "neutral")]
        if "scale" not in self.map and self.name != "multiple_choice":
            faults += [f"code {c} is missing" for c in needed if _key(c) not in meanings and not self._doubts_code(c)]
        return faults

    def _scale_faults(self, right: dict[str, Any]) -> list[str]:
        scale, want = self.map.get("scale"), right.get("scale")
        if not isinstance(scale, dict) or QUESTION in scale.values():
            return []
        if want is None:
            return [f"scale: {scale}"]
        same = (scale["first"] < scale["second"]) == (want["first"] < want["second"])
        return [] if same else [f"the scale is turned: {scale}"]

    def _thumb_faults(self, codes: dict[str, str]) -> list[str]:
        lists = {"good": self.map.get("up", [True]), "bad": self.map.get("down", [False])}
        lists["neutral"] = self.map.get("neutral", [])
        is_open = any(QUESTION in _leaves([values]) for values in lists.values())
        faults = []
        for code, want in codes.items():
            read = _capture(self.map.get("pattern"), code)
            sides = [side for side, values in lists.items() if _covers(values, read)]
            if any(side != want for side in sides):
                why = ", which the rows do not tell" if want == "ask" else ""
                faults.append(f"'{code}' is taken for {' and '.join(sides)}{why}")
            elif not sides and want in ("good", "bad", "ask") and not is_open and not self._doubts_code(code):
                faults.append(f"'{code}' has no meaning")
        return faults

    def _score_faults(self, right: dict[str, Any]) -> list[str]:
        ways: dict[str, str] = dict(right.get("scores", {}))
        if "ranks" in right:
            ways = dict.fromkeys(_listed(right["ranks"]), right["better"])
        codes = right.get("codes") if "scores" not in right else None
        if codes is not None:
            ways = dict.fromkeys(_listed(right["label"]), "codes")
        prefix = _loose(self.map["answers"]) + "." if isinstance(self.map.get("answers"), str) else ""
        known = {_loose(path): way for path, way in ways.items()}
        scores = self.map["scores"]
        if scores == QUESTION:
            return []
        faults = []
        for spec in scores.values():
            fields = _paths(spec["field"]) if isinstance(spec, dict) and "field" in spec else _paths(spec)
            for field in fields:
                if field == QUESTION:
                    continue
                inner = _loose(field).removeprefix(prefix).removeprefix("*.")
                way = known.get(_loose(field), known.get(inner))
                if way is None:
                    faults.append(f"'{field}' is not a score of the answer")
                elif isinstance(spec, dict):
                    faults += _direction_faults(field, spec, way, codes or {})
        return faults

    def _text_faults(self, needs: dict[str, list[str]]) -> list[str]:
        """Names scores that are texts and that no setting turns into numbers: every row would be rejected."""
        scores = self.map.get("scores")
        specs = [spec for spec in scores.values() if isinstance(spec, dict)] if isinstance(scores, dict) else []
        return [
            f"no setting reads the text in '{path}' as a number"
            for spec in specs
            for path in _paths(spec.get("field"))
            if path in needs and not any(spec.get(setting) for setting in needs[path])
        ]

    def _rank_faults(self, right: dict[str, Any]) -> list[str]:
        ranks, better = self.map.get("ranks"), self.map.get("better")
        faults = []
        if ranks is not None and ranks != QUESTION and _plain(ranks, "ranks") != _plain(right.get("ranks"), "ranks"):
            faults.append(f"ranks: {_short(ranks)}")
        if ranks is None and "ranks" in right:
            faults.append("'ranks' is missing")
        if better not in (None, QUESTION, right.get("better")):
            faults.append(f"better: {better}")
        return faults

    def _where_faults(self, reading: dict[str, Any], truth: dict[str, Any]) -> list[str]:
        where, open_where = self.map.get("where", {}), reading.get("open_where")
        allowed = {_loose(path) for path in [*truth.get("where", []), *(open_where or [])]}
        faults = []
        has_question = False
        for path, values in where.items() if isinstance(where, dict) else []:
            is_open = values == QUESTION or (isinstance(values, list) and QUESTION in values)
            is_judged = any(_loose(path).startswith(_loose(name)) for name in _names(open_where))
            has_question |= is_open and is_judged
            if not is_open and _loose(path) not in allowed:
                faults.append(f"where: rows with other values of '{path}' are left out")
        if open_where is not None and not has_question:
            faults.append("the judgement is denied")
        return faults


def _names(paths: list[str] | None) -> list[str]:
    return [name for one in paths or [] for name in one.split("|")]


def _direction_faults(field: str, spec: dict[str, Any], way: str, codes: dict[str, str]) -> list[str]:
    better = spec.get("better", QUESTION)
    if better == QUESTION:
        return []
    if way == "ask":
        return [f"better: {better} for '{field}', which the rows do not tell"]
    if way != "codes":
        is_turned = _turns_numbers(spec.get("codes") or {})
        return [] if (better == way) != is_turned else [f"better: {better} for '{field}'"]
    numbers = {_key(code): _number(value) for code, value in (spec.get("codes") or {}).items()}
    values = {
        side: [numbers.get(_key(c), _number(c)) for c, w in codes.items() if w == side] for side in ("good", "bad")
    }
    if "ask" in codes.values():
        return [f"better: {better} for '{field}', which the rows do not tell"]
    if any(value is None for side in values.values() for value in side):
        return [] if "pattern" in spec else [f"words in '{field}' have no number"]
    high = min(v for v in values["good"] if v is not None) > max(v for v in values["bad"] if v is not None)
    return [] if high == (better == "high") else [f"'{field}' is turned"]


def _turns_numbers(codes: dict[Any, Any]) -> bool:
    """Whether codes give the larger of two numbers the smaller value, as in {1: 0, 0: 1}."""
    numbers = sorted(
        (old, new)
        for old, new in ((_number(key), _number(value)) for key, value in codes.items())
        if old is not None and new is not None
    )
    return len(numbers) > 1 and numbers[0][1] > numbers[-1][1]


def _covers(values: Any, code: str) -> bool:
    """Whether thumbs up, down or neutral covers a value of the label."""
    if isinstance(values, dict):
        number = _number(code)
        asked = {name: bound for name, bound in values.items() if name in BOUNDS}
        if number is None or not asked or QUESTION in asked.values():
            return False
        return all(BOUNDS[name](number, bound) for name, bound in asked.items())
    return any(_key(value) == _key(code) for value in _listed(values))


def _capture(pattern: str | None, code: str) -> str:
    """Returns the part of a label that a pattern captures, or the label if there is no pattern or no match."""
    match = re.search(pattern, code) if pattern else None
    return match.group(1) if match else code


def _meaning(value: Any) -> str | None:
    """Returns first, second or tie for a strength or a word."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "tie" if value == 0 else "first" if value > 0 else "second"
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    try:
        return float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def _key(value: Any) -> str:
    """Returns one text for values that mean the same: 1, 1.0 and "1"; true and "True"; `Model_A` and `model_a`."""
    text = str(value).strip().lower()
    return text.partition(".")[0] if re.fullmatch(r"-?\d+\.0+", text) else text


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _paths(value: Any) -> list[str]:
    """Returns the paths in a setting: of a path, a part, or a list of them."""
    fields = [one.get("field") if isinstance(one, dict) else one for one in _listed(value)]
    return [str(field) for field in fields if field is not None]


def _plain(value: Any, key: str) -> Any:
    """Returns a setting in the form in which two of them are compared."""
    if isinstance(value, int | bool):
        return _key(value)
    if isinstance(value, dict) and key in ("counts", "names"):
        return value
    paths = _paths(value)
    if key in ("label", "answer", "sequence", "rating"):
        return [_loose(path) for path in paths]
    if key in ("ranks", "answers", "options", "good", "bad"):
        return [path.removesuffix(".*") for path in paths]
    return paths


def _loose(path: str) -> str:
    """Returns a path in which places in lists do not count."""
    parts = ["*" if part.isdigit() else part for part in path.split(".")]
    while parts and parts[-1] == "*":
        parts.pop()
    return ".".join(parts)


def _leaves(value: Any, with_keys: bool = False) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if with_keys:
                yield key
            yield from _leaves(inner, with_keys)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, with_keys)
    else:
        yield value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 60 else text[:57] + "..."
