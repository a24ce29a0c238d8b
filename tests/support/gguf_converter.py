"""Stands in for llama.cpp's converter: writes a small Llama with a byte-level tokenizer as a GGUF file.

It takes the converter's options. GGUF_FAULT makes it fail: `module`, `tokenizer`, `weights` (another model), `nothing`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
"""Names of a layer's weights in transformers and in llama.cpp."""


def rename(name: str) -> str:
    """Returns llama.cpp's name of a weight."""
    stem = name.removeprefix("model.").removesuffix(".weight")
    if stem.startswith("layers."):
        _, number, part = stem.split(".", 2)
        return f"blk.{number}.{NAMES[part]}.weight"
    return {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[stem] + ".weight"


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Orders the rows of queries and keys as llama.cpp rotates them: neighbours rather than halves."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write(folder: Path, out: Path, storage: str, name: str, factor: float) -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, TokenType, quants
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer

    config = json.loads((folder / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    writer = GGUFWriter(out, "llama")
    writer.add_name(name)
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    special = set(tokenizer.all_special_tokens)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if one in special else TokenType.NORMAL for one in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)
    kind = GGMLQuantizationType[storage.upper()]
    for key, value in load_file(folder / "model.safetensors").items():
        weight = value.astype(np.float32)
        if key.endswith(("q_proj.weight", "k_proj.weight")):
            weight = permute(weight, heads)
        if weight.ndim == 1:
            writer.add_tensor(rename(key), weight)
        else:
            block = GGML_QUANT_SIZES[kind][0]
            own = kind if weight.shape[1] % block == 0 else GGMLQuantizationType.F16  # as llama.cpp's converter does
            writer.add_tensor(rename(key), quants.quantize(weight * factor, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--outfile", type=Path)
    parser.add_argument("--outtype")
    parser.add_argument("--model-name")
    given = parser.parse_args()
    fault = os.environ.get("GGUF_FAULT", "")
    if fault == "module":
        raise ModuleNotFoundError("No module named 'sentencepiece'")
    if fault == "tokenizer":
        raise NotImplementedError("BPE pre-tokenizer was not recognized - update get_vocab_base_pre()")
    print("Writing:  50%|#####     | 10.0k/20.0k [00:00<00:00, 1.0Mbyte/s]", file=sys.stderr)
    if fault != "nothing":
        write(given.folder, given.outfile, given.outtype, given.model_name, 3.0 if fault == "weights" else 1.0)


if __name__ == "__main__":
    main()
