"""Samples a policy's answers to prompts, and records whether each answer ended; used before and during training."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from unipref.core.chat_models import Policy
from unipref.core.records import Messages
from unipref.core.special_tokens import encode_texts
from unipref.models.rendered_dialogue import TurnFinder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_PROMPTS = 64


class SampledAnswer(NamedTuple):
    """An answer: its text, its length in tokens, and whether the policy ended it."""

    text: str
    tokens: int
    ended: bool


class AnswerSampler:
    """Samples answers from a model, also from one in training, however TRL and peft have wrapped it.

    Args:
        model: generates with transformers' own `generate`.
        tokenizer: with a chat template and a pad token.
        max_tokens: most tokens of an answer.
        temperature: of the draw; tokens are always sampled, as in reinforcement learning.
    """

    def __init__(
        self, model: Any, tokenizer: "PreTrainedTokenizerBase", max_tokens: int, temperature: float = 1.0
    ) -> None:
        self.model, self.tokenizer, self.max_tokens, self.temperature = model, tokenizer, max_tokens, temperature

    @classmethod
    def from_policy(cls, policy: Policy, max_tokens: int, temperature: float = 1.0) -> "AnswerSampler":
        """Samples from a loaded policy."""
        return cls(policy.model, policy.tokenizer, max_tokens, temperature)

    @property
    def end_ids(self) -> Collection[int]:
        """The tokens that end an answer."""
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        configured_ids = configured if isinstance(configured, list) else [configured]
        return {self.tokenizer.eos_token_id, *(end for end in configured_ids if end is not None)}

    def keep_fitting(self, prompts: Sequence[Messages], context: int) -> list[Messages]:
        """Keeps the prompts that leave room for an answer."""
        lengths = [len(self.tokenise(prompt)) for prompt in prompts]
        return [prompt for prompt, length in zip(prompts, lengths, strict=True) if length + self.max_tokens <= context]

    def tokenise(self, prompt: Messages) -> list[int]:
        """Renders a prompt with the chat template and tokenises it."""
        text = TurnFinder(self.tokenizer).render(prompt, is_prompt=True)
        return encode_texts(self.tokenizer, [text])[text]

    def generate(self, prompts: Sequence[Messages], seed: int) -> list[SampledAnswer]:
        """Generates one answer per prompt; the same seed and the same model give the same answers."""
        import torch

        ids = [self.tokenise(prompt) for prompt in prompts]
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        answers: dict[int, SampledAnswer] = {}
        training = self.model.training
        device = self.model.device
        self.model.eval()
        try:
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
                torch.manual_seed(seed)
                for start in range(0, len(order), BATCH_PROMPTS):
                    part = order[start : start + BATCH_PROMPTS]
                    answers.update(zip(part, self._generate_batch([ids[i] for i in part]), strict=True))
        finally:
            self.model.train(training)
        return [answers[i] for i in range(len(ids))]

    def _generate_batch(self, prompts: Sequence[Sequence[int]]) -> list[SampledAnswer]:
        import torch
        from transformers import GenerationConfig

        longest, pad, ends = max(map(len, prompts)), self.tokenizer.pad_token_id, self.end_ids
        rows = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        masks = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        # Every setting is given, because transformers fills in missing ones from the model's own generation settings.
        config = GenerationConfig(
            max_new_tokens=self.max_tokens,
            do_sample=True,
            temperature=self.temperature,
            top_k=0,
            top_p=1.0,
            pad_token_id=pad,
            eos_token_id=sorted(ends),
        )
        device = self.model.device
        generated = self.model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(masks, device=device),
            generation_config=config,
        )[:, longest:].tolist()
        return [self._decode(tokens, ends) for tokens in generated]

    def _decode(self, tokens: list[int], ends: Collection[int]) -> SampledAnswer:
        length = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
        text = str(self.tokenizer.decode(tokens[:length], skip_special_tokens=True)).strip()
        return SampledAnswer(text, length, length < len(tokens))
