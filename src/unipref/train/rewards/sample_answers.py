"""Answers that a policy writes to prompts, and whether it ended them. For what is looked at before and in training."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.core.records import Messages
from unipref.models.loading import Policy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AT_ONCE = 64


class Written(NamedTuple):
    """An answer: its text, its length in tokens, and whether the policy ended it."""

    text: str
    tokens: int
    ended: bool


class Writer:
    """Asks a model, also one in training, in whatever TRL and peft have wrapped it.

    Args:
        model: generates by transformers' own `generate`.
        tokenizer: with a chat template and a pad token.
        longest: most tokens of an answer.
        temperature: of the draw; tokens are always drawn, as reinforcement learning does it.
    """

    def __init__(
        self, model: Any, tokenizer: "PreTrainedTokenizerBase", longest: int, temperature: float = 1.0
    ) -> None:
        self.model, self.tokenizer, self.longest, self.temperature = model, tokenizer, longest, temperature

    @classmethod
    def of(cls, policy: Policy, longest: int, temperature: float = 1.0) -> "Writer":
        """Asks a loaded policy."""
        return cls(policy.model, policy.tokenizer, longest, temperature)

    @property
    def end_ids(self) -> Collection[int]:
        """The tokens that end an answer."""
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        several = configured if isinstance(configured, list) else [configured]
        return {self.tokenizer.eos_token_id, *(end for end in several if end is not None)}

    def fitting(self, prompts: Sequence[Messages], context: int) -> list[Messages]:
        """The prompts that leave room for an answer."""
        lengths = [len(self.ids(prompt)) for prompt in prompts]
        return [prompt for prompt, length in zip(prompts, lengths, strict=True) if length + self.longest <= context]

    def ids(self, prompt: Messages) -> list[int]:
        """A prompt's tokens."""
        text = self.tokenizer.apply_chat_template(list(prompt), tokenize=False, add_generation_prompt=True)
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def write(self, prompts: Sequence[Messages], seed: int) -> list[Written]:
        """One answer to each prompt; the same seed and the same model give the same answers."""
        import torch

        ids = [self.ids(prompt) for prompt in prompts]
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        answers: dict[int, Written] = {}
        training = self.model.training
        device = self.model.device
        self.model.eval()
        try:
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
                torch.manual_seed(seed)
                for start in range(0, len(order), AT_ONCE):
                    part = order[start : start + AT_ONCE]
                    answers.update(zip(part, self._batch([ids[i] for i in part]), strict=True))
        finally:
            self.model.train(training)
        return [answers[i] for i in range(len(ids))]

    def _batch(self, prompts: Sequence[Sequence[int]]) -> list[Written]:
        import torch
        from transformers import GenerationConfig

        longest, pad, ends = max(map(len, prompts)), self.tokenizer.pad_token_id, self.end_ids
        rows = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        masks = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        # Spelled out, because what is left open is filled in from the model's own generation settings.
        config = GenerationConfig(
            max_new_tokens=self.longest,
            do_sample=True,
            temperature=self.temperature,
            top_k=0,
            top_p=1.0,
            pad_token_id=pad,
            eos_token_id=sorted(ends),
        )
        device = self.model.device
        written = self.model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(masks, device=device),
            generation_config=config,
        )[:, longest:].tolist()
        return [self._answer(tokens, ends) for tokens in written]

    def _answer(self, tokens: list[int], ends: Collection[int]) -> Written:
        length = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
        text = str(self.tokenizer.decode(tokens[:length], skip_special_tokens=True)).strip()
        return Written(text, length, length < len(tokens))
