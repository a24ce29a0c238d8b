"""A small Llama in a GGUF file, as llama.cpp stores it."""

from pathlib import Path

import numpy as np

HIDDEN, LAYERS, HEADS, INNER = 32, 2, 4, 64
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_letters() -> list[str]:
    """Returns the 256 letters of a byte-level vocabulary."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def write_gguf(path: Path, quantization: str = "Q4_1") -> dict[str, np.ndarray]:
    """Writes a small Llama with random weights, and returns the weights of its matrices as they were stored."""
    from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quants

    rng = np.random.default_rng(0)
    tokens = [*MARKS, *byte_letters(), "ab"]
    kind = GGMLQuantizationType[quantization]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * len(MARKS) + [TokenType.NORMAL] * (len(tokens) - len(MARKS)))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd": (len(tokens), HIDDEN)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.attn_{part}": (HIDDEN, HIDDEN) for part in ("q", "k", "v", "output")}
        shapes |= {f"blk.{layer}.ffn_gate": (INNER, HIDDEN), f"blk.{layer}.ffn_up": (INNER, HIDDEN)}
        shapes |= {f"blk.{layer}.ffn_down": (HIDDEN, INNER)}
    stored = {}
    for name, shape in shapes.items():
        packed = quants.quantize(rng.normal(0, 0.1, shape).astype(np.float32), kind)
        stored[name] = quants.dequantize(packed, kind)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=kind)
    for name in ["output_norm", *(f"blk.{n}.{part}_norm" for n in range(LAYERS) for part in ("attn", "ffn"))]:
        writer.add_tensor(f"{name}.weight", np.ones(HIDDEN, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored
