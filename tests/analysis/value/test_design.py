"""The models that show what sources and axes contribute: each selection once, whatever it is asked for."""

from unipref.analysis.value.design import AXIS, QUESTIONS, SOURCE, Part, make_design

CELLS = {("a", "tone"): 6, ("a", "help"): 2, ("b", "help"): 4, ("c", "bias"): 8}
A, B, C = (Part(SOURCE, name) for name in "abc")


def test_parts_and_their_counts() -> None:
    design = make_design(CELLS, QUESTIONS, [0.5], "main")
    assert design.parts == [A, B, C, Part(AXIS, "tone"), Part(AXIS, "help"), Part(AXIS, "bias")]
    assert [design.counts[part] for part in design.parts] == [8, 4, 8, 6, 6, 8]
    assert design.variants[design.without[A]] == {"sources": {"a": 0.0}}
    assert design.variants[design.without[Part(AXIS, "help")]] == {"axes": {"help": 0.0}}
    assert design.variants[design.alone[A]] == {"sources": {"b": 0.0, "c": 0.0}}
    assert design.variants[design.reduced[B][0.5]] == {"sources": {"b": 0.5}}


def test_the_same_preferences_are_trained_on_once() -> None:
    design = make_design(CELLS, QUESTIONS, [0.5], "main")
    assert design.without[Part(AXIS, "bias")] == design.without[C]
    assert design.same_as == {Part(AXIS, "bias"): C}
    assert len(design.variants) == 3 + 2 + 3 + 3
    two = make_design({("a", "x"): 1, ("b", "y"): 1}, QUESTIONS, [0.5], "main")
    assert two.alone[A] == two.without[B]
    assert len(two.variants) == 2 + 2


def test_without_the_only_source_nothing_is_left_but_the_base_model() -> None:
    design = make_design({("a", "x"): 5}, QUESTIONS, [0.25, 0.5], "main")
    assert design.without[A] == "base"
    assert design.alone == {}
    assert list(design.variants.values()) == [{"sources": {"a": 0.25}}, {"sources": {"a": 0.5}}]


def test_only_what_is_asked_is_trained() -> None:
    assert len(make_design(CELLS, ["sources"], [0.5], "main").variants) == 3
    assert len(make_design(CELLS, ["mixtures"], [0.5], "main").variants) == 3
    assert make_design(CELLS, ["axes"], [0.5], "main").variants.keys() == {
        "value-axis-tone-0",
        "value-axis-help-0",
        "value-axis-bias-0",
    }


def test_names_are_valid_for_folders_and_differ() -> None:
    names = make_design({("a", "x y"): 1, ("a", "x/y"): 1, ("b", "z"): 1}, ["axes"], [0.5], "main").variants
    assert list(names) == ["value-axis-x-y-0", "value-axis-x-y-0+2", "value-axis-z-0"]
