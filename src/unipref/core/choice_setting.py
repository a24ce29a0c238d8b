"""A setting that names a choice: `name` or `{name: settings}`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BeforeValidator

from unipref.core import registry
from unipref.core.errors import UserError


def one_choice(kind: str, place: str, *, may_be_null: bool = False) -> BeforeValidator:
    """Returns a validator that reads `name` or `{name: settings}` as a choice; a choice stays as it is.

    Args:
        kind: of the choice, such as 'trainer'.
        place: the setting, for errors.
        may_be_null: whether null, for no choice, is a value too.

    Raises:
        UserError: on reading, if the value has another form, or the name or a setting is unknown.
    """

    def read(value: Any) -> Any:
        if isinstance(value, registry.CONTRACTS[kind]) or (value is None and may_be_null):
            return value
        if isinstance(value, str):
            return registry.make(kind, value, None, place)
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, settings),) = value.items()
            if settings is None or isinstance(settings, Mapping):
                return registry.make(kind, str(name), dict(settings or {}), place)
        example = f"'{registry.list_names(kind)[0]}' or '{{{registry.list_names(kind)[0]}: {{...}}}}'"
        raise UserError(f"expected the name of one {kind} or one name with its settings, as in {example}.", where=place)

    return BeforeValidator(read)
