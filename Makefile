# Run `make` to see what there is.

LESSONS ?= $(sort $(wildcard notebooks/[0-9]*.ipynb))

# The active environment is used if there is one. conda's `base` does not count: it
# is shared by everything else on the machine.
ifneq ($(VIRTUAL_ENV),)
  ENVIRONMENT := $(VIRTUAL_ENV)
else ifneq ($(filter-out base,$(CONDA_DEFAULT_ENV)),)
  ENVIRONMENT := $(CONDA_PREFIX)
else
  ENVIRONMENT := .venv
endif
PYTHON := $(ENVIRONMENT)/bin/python
# One mark for each checkout that is installed into the environment.
INSTALLED := $(ENVIRONMENT)/.installed$(subst /,-,$(CURDIR))

# TensorFlow announces itself on stderr at each start; errors still appear.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help env data lab notebooks render assignments grade test lint unit doctest \
  processes smoke grading benchmarks speed format clean

help: ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | \
	  awk -F': ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

env: $(INSTALLED) ## install everything, into .venv or the active environment

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(PYTHON) || for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    2>/dev/null; then echo "$$python -m venv .venv"; \
	    $$python -m venv .venv; break; fi; done
	@test -x $(PYTHON) || { \
	  echo "aezoo needs Python 3.11, 3.12 or 3.13 with venv; none was found."; exit 1; }
	$(PYTHON) -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints.txt --editable ".[notebooks,assignments,tests,jax,benchmarks]"
	@touch $@

data: env ## download MNIST, checked and cached (the faces come with the package)
	@$(PYTHON) -c "from aezoo import datasets; datasets.load_mnist()"

lab: env ## open the lessons in JupyterLab
	$(PYTHON) -m jupyter lab notebooks

notebooks: env data ## run every lesson and compare it with its committed outputs
	@mkdir -p build; failed=0; for lesson in $(LESSONS); do \
	  printf '%-52s ' "$$lesson"; \
	  $(PYTHON) -m pytest --nbval --nbval-current-env --quiet --color=no \
	    --no-header -p no:cacheprovider "$$lesson" > build/lesson.log 2>&1 \
	    || { failed=1; cat build/lesson.log; }; \
	  tail -n 1 build/lesson.log; \
	done; exit $$failed

render: env data ## run the lessons and rewrite their committed outputs
	$(PYTHON) notebooks/render.py $(LESSONS)

assignments: env data ## write the student versions of the assignments to build/course
	$(PYTHON) notebooks/assignments/course.py release

grade: env data ## grade a folder of submissions: make grade SUBMISSIONS=<folder>
	@test -d "$(SUBMISSIONS)" || { \
	  echo "SUBMISSIONS is a folder that has one folder for each student."; exit 1; }
	$(PYTHON) notebooks/assignments/course.py grade "$(SUBMISSIONS)"

test: lint unit doctest processes smoke grading notebooks ## everything that CI runs

lint: env ## check style and formatting, notebooks too
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

# Two processes, each with whole files, since files share what they have trained.
PYTEST := $(PYTHON) -m pytest --numprocesses 2 --dist loadfile

unit: env data ## unit tests, on TensorFlow and then on JAX
	$(PYTEST) -m "not grading and not smoke and not processes"
	KERAS_BACKEND=jax $(PYTEST) -m "not one_backend and not processes"

processes: env data ## one training in several processes, killed and resumed
	$(PYTHON) -m pytest --numprocesses 2 --dist worksteal -m processes

smoke: env data ## each script of benchmarks/, for seconds
	$(PYTHON) -m pytest -m smoke tests/test_benchmarks.py

grading: env data ## the assignments' graders, on right and wrong answers
	$(PYTHON) -m pytest --numprocesses 2 --dist worksteal tests/test_assignments.py

doctest: env ## the examples in docstrings
	$(PYTHON) -m pytest --doctest-modules aezoo

benchmarks: export KERAS_BACKEND ?= jax
benchmarks: env data ## reproduce a number of the README: make benchmarks ROW=linear_pca
	@test -f "benchmarks/papers/$(ROW).py" || { echo "ROW is one of:"; \
	  ls benchmarks/papers | sed -n '/^reproduce/d; s/\.py$$//p'; exit 1; }
	$(PYTHON) benchmarks/papers/$(ROW).py
	$(PYTHON) benchmarks/report.py

speed: env data ## compare speeds with other libraries (installs PyTorch): 20 minutes
	$(PYTHON) -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints.txt --editable ".[peers]"
	$(PYTHON) -m benchmarks.speed.compare
	$(PYTHON) benchmarks/report.py

format: env ## put code and notebooks into the standard format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

clean: ## remove what the targets made, but not the downloaded data
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -r {} +
