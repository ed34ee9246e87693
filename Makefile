# make fit     train the digits GAN: real data, no download beyond the packages
# make test    the tests that are not marked slow
# make slow    those that are
# make lint    ruff's rules and formatting
# make clean   remove .venv and whatever else was built; runs/ stays
#
# Each sets up .venv first where that is needed. PYTHON=... names the interpreter
# to make it with, ARGS=... is added to the end of the command.

VENV := .venv
BIN := $(VENV)/bin
LOCKS := setup.cfg pyproject.toml constraints.txt
ARGS :=
# Each process takes up to 2 GB.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile
comma := ,
# Extras: of who uses the program; the tests also build the docs, and look by a browser.
USED := litert$(comma)demo
TESTED := $(USED)$(comma)dev$(comma)docs$(comma)browser

.PHONY: fit test slow lint clean
.NOTPARALLEL:

fit: $(VENV)/.base
	$(BIN)/keras-gan fit digits $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow" -q $(PARALLEL) $(ARGS)

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow -q $(PARALLEL) $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------- set-up

# .venv is kept if its Python runs, it belongs to this folder (not to one that was
# copied or moved here) and no install was cut short in it; else it is made anew.
WHOLE = $(shell cd $(VENV) 2>/dev/null && test ! -e .unfinished \
	&& test "$$(cat .home 2>/dev/null || echo '$(CURDIR)')" = '$(CURDIR)' \
	&& bin/python -c 'import pip; print("yes")' 2>/dev/null)
ifeq ($(WHOLE),)
.PHONY: $(VENV)/.base $(VENV)/.dev
endif

version = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
suitable = $(if $(filter 3.11 3.12 3.13,$(call version,$(1))),$(1))
FOUND = $(firstword $(foreach python,\
	$(or $(PYTHON),python3 python3.13 python3.12 python3.11),$(call suitable,$(python))))
HAS_VENV = $(shell $(FOUND) -c 'import ensurepip, venv; print("yes")' 2>/dev/null)
NO_PYTHON = keras-gan needs Python 3.11, 3.12 or 3.13, and $(or $(PYTHON),python3) is none of \
	them: install one, or name it: make $(firstword $(MAKECMDGOALS) fit) PYTHON=/path/to/python3.12
NO_VENV = $(FOUND) can't make virtual environments: install its venv package \
	(Debian, Ubuntu: apt-get install python3-venv)

# An error in a recipe's text stops make before the recipe's first command runs.
# Without build isolation the build backend, too, is the locked one.
define set_up
	$(if $(WHOLE),,$(if $(FOUND),$(if $(HAS_VENV),,$(error $(NO_VENV))),$(error $(NO_PYTHON))))
	$(if $(WHOLE),,rm -rf $(VENV))
	@mkdir -p $(VENV) && touch $(VENV)/.unfinished
	$(if $(WHOLE),,$(FOUND) -m venv $(VENV))
	$(BIN)/python -m pip install -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install -c constraints.txt --no-build-isolation -e '$(1)'
	@echo '$(CURDIR)' > $(VENV)/.home
	@touch $(2)
	@rm $(VENV)/.unfinished
endef

$(VENV)/.base: $(LOCKS)
	$(call set_up,.[$(USED)],$(VENV)/.base)

$(VENV)/.dev: $(LOCKS)
	$(call set_up,.[$(TESTED)],$(VENV)/.base $(VENV)/.dev)
