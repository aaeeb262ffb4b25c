#!/bin/sh
# All stages on a CPU: a model to start from, vision, SFT in two phases, GRPO, and what each stage brought.
#     runs/cpu.sh [FOLDER]               toy size, minutes
#     SIZE=3m LAWS=4000 VISION=6000 TOLD=550 SFT=1500 BATCH=16 GRPO=60 TEST=200 runs/cpu.sh full      an hour of one core
# The model is asked briefly (docs/models.md); what it learns from is drawn as it is needed, what measures it is built.
# A stage that is there is not done again, and one that was stopped goes on from its newest state.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-cpu-run}
SIZE=${SIZE:-toy} LAWS=${LAWS:-64} VISION=${VISION:-60} TOLD=${TOLD:-40} SFT=${SFT:-40} BATCH=${BATCH:-8}
GRPO=${GRPO:-4} TEST=${TEST:-8} SPLIT=${SPLIT:-test_structure} TOKENS=${TOKENS:-128}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1
run="${MOTIONLAW:-$here/.venv/bin/motionlaw}"
configs=$here/training/configs

# A folder that holds a model is done; a state that a stopped stage left is taken up.
is_done() { [ -f "$out/$1/config.json" ]; }
again() { [ -n "$(ls -d "$out/$1"/checkpoint-* 2>/dev/null)" ] && echo "--resume true" || true; }

# What a stage prints is kept, and a stage that fails ends the run.
told() {
  name=$1
  shift
  "$run" train "$@" > "$out/.$name.json"
  mv "$out/.$name.json" "$out/$name.json"
  echo "$name $(cat "$out/$name.json")"
}

mkdir -p "$out"
is_done start || told start init --data msi1=fresh:800:77 msi2=fresh:300:78 --size "$SIZE" --vocab_size 900 \
  --form brief --output_dir "$out/start"
is_done seeing || told seeing vision --checkpoint "$out/start" --output_dir "$out/seeing" --steps "$VISION" --seed 22 \
  --measured 256 $([ -f "$out/seeing/vision_state.pt" ] && echo --resume true || true)
# Terms first and numbers then, on a tower that stays as it is: digits, which are mostly chance, would drown the terms.
is_done told || told told sft --config "$configs/cpu-tiny.yaml" --model_name_or_path "$out/seeing" \
  --data "msi0=fresh:$((TOLD * BATCH)):31" --output_dir "$out/told" --max_steps "$TOLD" --freeze_vision true \
  --per_device_train_batch_size "$BATCH" $(again told)
is_done tuned || told tuned sft --config "$configs/cpu-tiny.yaml" --model_name_or_path "$out/told" \
  --data "msi1=fresh:$((SFT * BATCH)):37" --output_dir "$out/tuned" --max_steps "$SFT" --freeze_vision true \
  --per_device_train_batch_size "$BATCH" $(again tuned)
is_done practised || told practised grpo --config "$configs/cpu-tiny-grpo.yaml" --model_name_or_path "$out/tuned" \
  --data "laws=fresh:$((GRPO * 8)):14" --output_dir "$out/practised" --max_steps "$GRPO" $(again practised)
# What each stage brought: base, vision, SFT, GRPO, on laws whose families never met in training.
[ -f "$out/laws/manifest.json" ] || "$run" build physsymbol --n "$LAWS" --seed 0 --out "$out/laws" \
  $([ -d "$out/laws" ] && echo --resume || true)
for stage in start seeing told tuned practised; do
  [ -f "$out/measured-$stage.json" ] || told "measured-$stage" measure --checkpoint "$out/$stage" --batch 50 \
    --data "laws=$out/laws" --split "$SPLIT" --most "$TEST" --max_tokens "$TOKENS" --out "$out/answers-$stage.jsonl"
done
# And of what is measured badly: a hundred rows of the position, with noise of a twentieth of its spread.
for stage in tuned practised; do
  [ -f "$out/noisy-$stage.json" ] || told "noisy-$stage" measure --checkpoint "$out/$stage" --batch 50 \
    --data "laws=$out/laws" --split "$SPLIT" --most "$TEST" --max_tokens "$TOKENS" --measured 100 --noise 0.05 \
    --out "$out/answers-noisy-$stage.jsonl"
done
