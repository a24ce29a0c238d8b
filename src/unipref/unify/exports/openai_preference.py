"""OpenAI's files for preference fine-tuning (DPO)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from unipref.core.contracts import Export, Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_rows import have_paths, values_at


class OpenaiPreference(Export):
    """One JSON line per dialogue, with a preferred and another answer of the assistant."""

    origin: ClassVar[str] = "OpenAI, direct preference optimization: the JSON Lines file of a fine-tuning job"
    seen: ClassVar[str] = "OpenAI's guide to direct preference optimization, with an example line"
    verified: ClassVar[Literal["data", "schema"]] = "schema"
    example: ClassVar[dict[str, Any]] = {
        "settings": {},
        "preferences": [("Io is a moon of Jupiter.", "The Sun.")],
        "rows": [
            {
                "input": {
                    "messages": [{"role": "user", "content": "Name a moon of Jupiter."}],
                    "tools": [],
                    "parallel_tool_calls": True,
                },
                "preferred_output": [{"role": "assistant", "content": "Io is a moon of Jupiter."}],
                "non_preferred_output": [{"role": "assistant", "content": "The Sun."}],
            }
        ],
    }

    further_examples: ClassVar[dict[str, Any]] = {
        "A call of a tool": {
            "preferences": [("", "The Sun.")],
            "rows": [
                {
                    "input": {
                        "messages": [{"role": "user", "content": "Name a moon of Jupiter."}],
                        "tools": [
                            {
                                "type": "function",
                                "function": {"name": "search", "parameters": {"type": "object", "properties": {}}},
                            }
                        ],
                    },
                    "preferred_output": [
                        {
                            "role": "assistant",
                            "tool_calls": [
                                {"id": "c1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
                            ],
                        }
                    ],
                    "non_preferred_output": [{"role": "assistant", "content": "The Sun."}],
                }
            ],
        }
    }

    @classmethod
    def recognise(cls, rows: Sequence[Row]) -> Proposal | None:
        """The fields `input.messages`, `preferred_output` and `non_preferred_output`."""
        if not have_paths(rows, "input.messages", "preferred_output", "non_preferred_output"):
            return None
        mapping = {"prompt": "input.messages", "chosen": "preferred_output", "rejected": "non_preferred_output"}
        if any(isinstance(tools, list) and tools for tools in values_at(rows, "input.tools")):
            mapping["tools"] = "input.tools"
        why = ["'preferred_output' and 'non_preferred_output' answer 'input.messages'"]
        return Proposal("pairs", mapping, 0.97, why)
