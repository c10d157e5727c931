# Every target installs what it needs and calls the course's command line, which does without make:
# `course` or `python -m course_lib`. The stamps in .venv say what is installed already.
# All paths are relative, so the course may live in a directory with spaces or umlauts.

PYTHON ?= python3
# More options of pip. On Linux PyPI's PyTorch brings several GB of CUDA; this avoids them:
# make lab INDEX="--extra-index-url https://download.pytorch.org/whl/cpu"
INDEX ?=
PIP := .venv/bin/python -m pip install $(INDEX) --constraint constraints.txt --editable
COURSE := .venv/bin/python -m course_lib

.PHONY: help lab test quick test-lowest test-colab lint notebooks site bench constraints

help:
	@echo 'make lab          open the course in JupyterLab (LAB_FLAGS=… are passed on)'
	@echo 'make quick        run the tests for while you work'
	@echo 'make test         run all tests, the notebooks included'
	@echo 'make test-lowest  the same with the oldest versions that pyproject.toml allows'
	@echo 'make test-colab   show the widgets with the versions that Google Colab has'
	@echo 'make lint         check format, style and types'
	@echo 'make notebooks    execute the chapters that changed (ALL=1: every chapter)'
	@echo 'make site         build the web site, _site, from the executed chapters'
	@echo 'make bench        measure how fast the code is'
	@echo 'make constraints  pin the newest versions that pyproject.toml allows'
	@echo 'Without CUDA:     INDEX="--extra-index-url https://download.pytorch.org/whl/cpu"'

lab: .venv/.installed
	$(COURSE) lab $(LAB_FLAGS)

test quick: .venv/.installed
	$(COURSE) $@

notebooks: .venv/.installed
	$(COURSE) notebooks $(if $(ALL),--all)

site: .venv/.installed-site
	$(COURSE) $@

bench: .venv/.installed-bench
	$(COURSE) bench

lint: .venv/.installed-lint
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m ruff check
	.venv/bin/python -m mypy

test-lowest:
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	sed '1,/^\[project\]/d' pyproject.toml | grep -oE '"[a-z-]+>=[0-9.]+"' \
	| tr -d '"' | sed 's/>=/==/' | sort -V \
	| awk -F== '{newest[$$1] = $$0} END {for (name in newest) print newest[name]}' \
	> .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install $(INDEX) --constraint .venv-lowest/lowest.txt \
	--editable '.[lab,test,browser,cluster]'
	.venv-lowest/bin/python -m course_lib test

# One command for both, so that pip fails where the course would replace one of Colab's.
test-colab:
	rm -rf .venv-colab
	$(PYTHON) -m venv .venv-colab
	.venv-colab/bin/python -m pip install $(INDEX) --editable . pytest hypothesis nbclient \
	matplotlib==3.10.0 traitlets==5.7.1 ipython==7.34.0 ipykernel==6.17.1 ipywidgets==7.7.1
	.venv-colab/bin/python -m pytest --override-ini addopts=--strict-markers \
	tests/widgets/test_displayed.py tests/test_progress.py

# The stamp is written last, so an interrupted installation is repeated. The settings keep JupyterLab
# from asking on its first start whether it may fetch news.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("The course needs \
	Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". Name another \
	one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) '.[lab,test]'
	mkdir -p .venv/share/jupyter/lab/settings
	echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' \
	> .venv/share/jupyter/lab/settings/overrides.json
	touch $@

# With the formulas' scripts installed, plain `jupyter nbconvert --to html` makes what `course html`
# makes: this is where it looks.
.venv/.installed-site: .venv/.installed
	$(PIP) '.[site]'
	mkdir -p .venv/etc/jupyter
	echo 'load_subconfig("../../../docs/site/offline/config.py")' \
	> .venv/etc/jupyter/jupyter_nbconvert_config.py
	touch $@

.venv/.installed-%: .venv/.installed
	$(PIP) '.[$*]'
	touch $@

# A fresh environment, so that only pyproject.toml decides. A local suffix such as torch's
# "+cpu" names one machine's build and would not be found on another.
constraints:
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install $(INDEX) --editable '.[lab,test,browser,bench,cluster,site,lint]'
	{ echo '# Exact versions for Python 3.11 and newer, written by "make constraints" from'; \
	  echo '# pyproject.toml alone: a fresh environment with all extras, then pip freeze.'; \
	  .venv-constraints/bin/python -m pip freeze --exclude-editable \
	  | sed 's/+[^ ]*$$//' | LC_ALL=C sort -f; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-constraints
