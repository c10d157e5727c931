# Every target makes what it needs; the stamps in .venv say what is installed already.
# All paths are relative, so the course may live in a directory with spaces or umlauts.

PYTHON ?= python3
PIP := .venv/bin/python -m pip install --constraint constraints.txt --editable

.PHONY: help lab test test-lowest notebooks bench constraints

help:
	@echo 'make lab          open the course in JupyterLab (LAB_FLAGS=… are passed on)'
	@echo 'make test         run all tests, the notebooks included'
	@echo 'make test-lowest  the same with the oldest versions that pyproject.toml allows'
	@echo 'make notebooks    execute the chapters that changed (ALL=1: every chapter)'
	@echo 'make bench        measure how fast the code is'
	@echo 'make constraints  pin the newest versions that pyproject.toml allows'

# The root is the project and not chapters/, so that links to tests open.
lab: .venv/.installed
	.venv/bin/python -m jupyterlab --ServerApp.root_dir=. chapters/00_start_here.ipynb $(LAB_FLAGS)

test: .venv/.installed
	.venv/bin/python -m pytest

test-lowest:
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	sed '1,/^\[project\]/d' pyproject.toml | grep -oE '"[a-z-]+>=[0-9.]+"' \
	| tr -d '"' | sed 's/>=/==/' > .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --constraint .venv-lowest/lowest.txt --editable '.[test,browser]'
	.venv-lowest/bin/python -m pytest

notebooks: .venv/.installed
	.venv/bin/python chapters/build.py $(if $(ALL),--all)

# Benchmarks need the machine to themselves: one process and no notebooks.
bench: .venv/.installed-bench
	.venv/bin/python -m pytest tests/benchmarks --override-ini python_files='bench_*.py' --numprocesses 0

# The stamp is written last, so an interrupted installation is repeated. The settings keep JupyterLab
# from asking on its first start whether it may fetch news.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("The course needs \
	Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". Name another \
	one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) '.[test]'
	mkdir -p .venv/share/jupyter/lab/settings
	echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' \
	> .venv/share/jupyter/lab/settings/overrides.json
	touch $@

.venv/.installed-bench: .venv/.installed
	$(PIP) '.[bench]'
	touch $@

# A fresh environment, so that only pyproject.toml decides. A local suffix such as torch's
# "+cpu" names one machine's build and would not be found on another.
constraints:
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --editable '.[test,browser,bench]'
	{ echo '# Exact versions for Python 3.11 and newer, written by "make constraints" from'; \
	  echo '# pyproject.toml alone: a fresh environment with all extras, then pip freeze.'; \
	  .venv-constraints/bin/python -m pip freeze --exclude-editable \
	  | sed 's/+[^ ]*$$//' | LC_ALL=C sort -f; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-constraints
