#!/usr/bin/env bash
# All that needs a GPU, in one call of less than ten minutes. Nothing here has run on a GPU yet.
#
#   DATA=FOLDER MODEL=MODEL.gguf OUT=results bash benchmarks/gpu.sh
#   SMOKE=1 DATA=FOLDER MODEL=FOLDER OUT=results bash benchmarks/gpu.sh     # on a CPU, with a tiny model, to test the script
#
# DATA has feedback/ and eval/, as for examples/real_model.yaml. MODEL is the policy: a folder or a GGUF file. PYTHON is the
# interpreter with unipref's dependencies. Each step has a time limit and its own log in OUT; one that fails or is missing
# a package stops no other. OUT/steps.tsv has the state and seconds of each: ok, failed, late, missing.
# ONLY="folder collect study" runs these steps alone.
set -u
cd "$(dirname "$0")/.."
: "${DATA:?the folder with feedback/ and eval/}" "${MODEL:?a model folder or GGUF file}"
OUT=$(mkdir -p "${OUT:-gpu-results}" && cd "${OUT:-gpu-results}" && pwd)
PYTHON=${PYTHON:-python3}
SMOKE=${SMOKE:-}
SCALE=${SMOKE:+30}
SCALE=${SCALE:-1}
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
DATA=$(cd "$DATA" && pwd)
export UNIPREF_SHARED="$OUT/shared" UNIPREF_REAL_MODEL="$MODEL" UNIPREF_OWN="$OUT/own"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
printf 'step\tstate\tseconds\n' > "$OUT/steps.tsv"

# step NAME LIMIT COMMAND...: runs a command, at most LIMIT seconds. The limits add up to less than ten minutes.
step() {
  local name=$1 limit=$(($2 * SCALE)) began state code
  shift 2
  [[ -z ${ONLY:-} || " $ONLY " == *" $name "* ]] || return 0
  began=$(date +%s)
  timeout --kill-after=5 "$limit" "$@" > "$OUT/$name.log" 2>&1
  code=$?
  case $code in
    0) state=ok ;;
    124 | 137) state=late ;;
    *) state=failed ;;
  esac
  printf '%s\t%s\t%s\n' "$name" "$state" "$(($(date +%s) - began))" | tee -a "$OUT/steps.tsv"
}

# has PACKAGE NAME: whether a package is there; if not, notes the step NAME as missing.
has() {
  "$PYTHON" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)" && return 0
  printf '%s\tmissing\t0\n' "$2" | tee -a "$OUT/steps.tsv"
  return 1
}

hardware() {
  nvidia-smi || echo "no nvidia-smi"
  lscpu | head -20
  "$PYTHON" -c "
import torch, transformers, trl, peft
print('torch', torch.__version__, 'transformers', transformers.__version__, 'trl', trl.__version__, 'peft', peft.__version__)
print('cuda', torch.version.cuda, torch.cuda.is_available() and torch.cuda.get_device_name(0))
"
}
export -f hardware
export PYTHON
step hardware 20 bash -c hardware

if [ -n "$SMOKE" ]; then
  gpu=() rows=24 rounds=1 batch=2 million=0.2 pairs=4 most=8 tokens=8 steps=2 dtype=float32 length=256
else
  gpu=(--gpu) rows=400 rounds=1 batch=16 million=500 pairs=48 most=256 tokens=384 steps=100 dtype=bfloat16 length=768
fi

# A GGUF file is converted once; benchmarks/train.py needs the folder.
cat > "$WORK/folder.py" <<'EOF'
import sys
from pathlib import Path
from unipref.models import loading

policy = loading.load_policy(sys.argv[1])
policy.model.config.quantization_config = None
del policy.model.config.quantization_config
policy.model.hf_quantizer = None
policy.model.is_quantized = False
policy.model.save_pretrained(sys.argv[2])
policy.tokenizer.save_pretrained(sys.argv[2])
print(sorted(path.name for path in Path(sys.argv[2]).iterdir()))
EOF
step folder 60 "$PYTHON" "$WORK/folder.py" "$MODEL" "$WORK/model"

step train_real 60 "$PYTHON" benchmarks/train.py "$DATA/feedback" --model "$WORK/model" \
  --rows "$rows" --rounds "$rounds" --batch "$batch" "${gpu[@]}"
step train_random 75 "$PYTHON" benchmarks/train.py "$DATA/feedback" --model "$WORK/model" --random "$million" \
  --rows "$rows" --rounds "$rounds" --batch "$batch" "${gpu[@]}"
if [ -z "$SMOKE" ]; then
  step evaluate_random 45 "$PYTHON" benchmarks/evaluate.py "$DATA/eval/winobias" "$WORK/model" --random-weights \
    --dtype "$dtype" --pairs "$pairs" --rounds 3
fi
step evaluate_real 30 "$PYTHON" benchmarks/evaluate.py "$DATA/eval/winobias" "$WORK/model" --pairs "$pairs" --rounds 2

# The study: more steps, and full fine-tuning.
mkdir -p "$WORK/links" && ln -sfn "$DATA" "$WORK/links/data"
export UNIPREF_SHARED="$WORK/links"
step collect 75 "$PYTHON" -m unipref collect examples/real_model_collect.yaml -o "$OUT/own" \
  --set model="$WORK/model" --set prompts.most="$most" --set answers.max_new_tokens="$tokens"
step study 120 "$PYTHON" -m unipref run examples/real_model.yaml -o "$WORK/run" \
  --set model="$WORK/model" --set variants='{}' --set seeds='[0]' --set train.sft.lora=null --set train.dpo.lora=null \
  --set train.sft.learning_rate=1e-5 --set train.dpo.learning_rate=1e-6 \
  --set train.sft.max_steps="$steps" --set train.dpo.max_steps="$steps" --set train.sft.max_length="$length" --set train.dpo.max_length="$length" \
  --set report.examples=0 \
  --set evaluate="[{ifeval: {data: eval/ifeval, limit: $pairs, new_tokens: $tokens}}, {winogenerated: {data: eval/winogenerated, limit: $pairs}}]"
for file in report.md report.html scores.json manifest.json verdicts.json; do
  [ -f "$WORK/run/$file" ] && cp "$WORK/run/$file" "$OUT/"
done

# QLoRA, on the data of the study.
has bitsandbytes qlora && step qlora 45 "$PYTHON" -m unipref train examples/real_model.yaml -o "$WORK/qlora" \
  --set model="$WORK/model" --set variants='{}' --set seeds='[0]' --set evaluate='[]' \
  --set train="[{sft: {max_steps: 10, lora: {r: 16}, quantization: {load_in_4bit: true}}}]"

# vLLM: whether it loads the model and how fast it generates.
cat > "$WORK/vllm.py" <<'EOF'
import sys
import time
from vllm import LLM, SamplingParams

model = LLM(sys.argv[1], max_model_len=2048, gpu_memory_utilization=0.5)
began = time.time()
replies = model.generate(["Tell me about bread."] * 256, SamplingParams(max_tokens=256, temperature=0.8, seed=0))
tokens = sum(len(one.outputs[0].token_ids) for one in replies)
print(tokens, "tokens", tokens / (time.time() - began), "tokens/s")
EOF
has vllm vllm && step vllm 60 "$PYTHON" "$WORK/vllm.py" "$WORK/model"

cat "$OUT/steps.tsv"
