# make first      install into .venv and get a cross-lingual result (miniature world, offline)
# make test       install into .venv and run the fast tests; make test-all runs the long ones too
# make reproduce  the paper's main table; SETUP=miniature|small|paper, SEEDS="1 2 3", DATA=folder (all but miniature)
# make studies    every study at the miniature setup, with its report; SEEDS="1 2 3" (hours on two cores)
# make encoder    fetch a real pretrained encoder (multilingual-e5-small) into the folder ENCODER
# make types      check the types of the package with mypy
# make bench      speed against the stock Hugging Face Trainer, on one core, in 15 minutes; FULL=1 measures all of it (two hours)
TORCH  ?= 2.13.0
PYTHON ?= python3
VENV   ?= .venv
SETUP  ?= miniature
SEEDS  ?= 1
DATA   ?=
STORE  ?= runs
JOBS   ?=
FULL   ?=
ENCODER ?= encoders/e5-small

STILTS  := $(VENV)/bin/stilts
PYTEST  := $(VENV)/bin/python -m pytest -n auto --maxprocesses 8 --dist loadfile
READY   := $(VENV)/.installed-$(TORCH)
STUDIES := main xtreme-r multitask low_resource noise order mlm translated
comma   := ,
empty   :=
space   := $(empty) $(empty)
seeds   := seeds=[$(subst $(space),$(comma),$(strip $(SEEDS)))]
options := --store $(STORE) $(if $(JOBS),--jobs $(JOBS))

ifeq ($(SETUP),miniature)
study := main
scale :=
else ifeq ($(SETUP),small)
study := main-small
scale := --setup small --encoder $(ENCODER) --data $(abspath $(DATA))
else ifeq ($(SETUP),paper)
study := main-paper
scale := --setup paper $(if $(DATA),setup.data.hub.folder=$(abspath $(DATA)))
else
$(error SETUP is $(SETUP): give miniature, small or paper)
endif

.PHONY: first test test-all types reproduce studies encoder bench clean
first: $(READY)
	$(STILTS) evaluate experiments/first/4-evaluate.yaml --store $(STORE)

test: $(READY)
	$(PYTEST) -m "not slow"

test-all: $(READY)
	$(PYTEST)

types: $(READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[types]"
	$(VENV)/bin/python -m mypy

reproduce: $(READY) $(if $(filter small,$(SETUP)),encoder)
	@$(if $(filter small,$(SETUP)),test -d "$(DATA)" || { echo "SETUP=$(SETUP) reads real data: say DATA=folder" >&2; exit 2; },:)
	$(STILTS) study experiments/studies/main.yaml $(scale) $(seeds) $(options) --out experiments/results/$(study).json
	$(STILTS) report experiments/results/$(study).json --to experiments/reports/$(study)

studies: $(READY)
	for name in $(STUDIES); do \
	  $(STILTS) study experiments/studies/$$name.yaml $(seeds) $(options) --out experiments/results/$$name.json && \
	  $(STILTS) report experiments/results/$$name.json --to experiments/reports/$$name || exit; done
	$(STILTS) latency experiments/studies/latency.yaml $(seeds) --store $(STORE) --out experiments/results/latency.json
	$(STILTS) report experiments/results/latency.json --to experiments/reports/latency

encoder: $(READY)
	test -f $(ENCODER)/config.json || $(STILTS) encoder fetch e5-small --to $(ENCODER)

bench: $(READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(VENV)/bin/python -m experiments.benchmarks.train $(if $(FULL),--full)
	for part in grid "mining --vectors random" features $(if $(FULL),"mining --vectors clustered" "mining 50000 --rounds 2 --vectors random"); do \
	  $(VENV)/bin/python -m experiments.benchmarks.$$part || exit; done
	$(VENV)/bin/python -m experiments.benchmarks.table

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check "torch==$(TORCH)"
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $(READY)

clean:
	rm -rf $(VENV) $(STORE)
