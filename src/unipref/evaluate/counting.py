"""Counts the examples of a benchmark and their clusters before a run, with a tiny model of random weights."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core.chat_models import Policy
from unipref.core.contracts import Benchmark
from unipref.core.stats.chance import WHOLE
from unipref.core.stats.statistic import Statistic
from unipref.models.loading import CHAT_TEMPLATE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CONTEXT = 4096


def count_units(benchmark: Benchmark, data: Path, metric: str) -> Statistic | None:
    """Returns a metric over all examples as measured on a model that guesses: its units and clusters count.

    Args:
        benchmark: with its settings; answers are cut after one token.
        data: its folder or file.
        metric: its name.
    """
    changes = {"new_tokens": 1} if "new_tokens" in type(benchmark).model_fields else {}
    examples, _ = benchmark.model_copy(update=changes).examine(_make_guessing_policy(), data, benchmark.part)
    found = [one for one in benchmark.statistics(examples) if one.metric == metric and one.slice == WHOLE]
    return next(iter(sorted(found, key=lambda one: one.mode != "corrected")), None)


@functools.cache
def _make_guessing_policy() -> Policy:
    """Makes a policy of one tiny layer with random weights, and a tokenizer of single bytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).eval()
    return Policy(model, tokenizer, "a model that guesses", own_template=False, context=CONTEXT)


def _make_tokenizer() -> "PreTrainedTokenizerFast":
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: at for at, piece in enumerate(["<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
    )
