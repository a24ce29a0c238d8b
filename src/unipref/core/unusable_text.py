"""A text in a raw row that is not what somebody wrote, such as the result of a formula. The mapping refuses it."""


class UnusableText(str):
    """The text of a cell that must not be read as data.

    Attributes:
        why: what it is, and what to do; the end of a reject's message.
    """

    __slots__ = ("why",)
    why: str

    def __new__(cls, text: str, why: str) -> "UnusableText":
        """Makes the text, with the reason."""
        made = super().__new__(cls, text)
        made.why = why
        return made

    def __reduce__(self) -> tuple[type["UnusableText"], tuple[str, str]]:
        return type(self), (str(self), self.why)
