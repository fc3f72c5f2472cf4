# Run `make` to see what there is.

LESSONS ?= $(sort $(wildcard notebooks/[0-9]*.ipynb)) \
  $(sort $(wildcard notebooks/solutions/[0-9]*.ipynb))

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

# How many lessons or test files at a time. Each with one thread: together they are
# faster than if each asked for all cores.
JOBS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 \
  TF_NUM_INTEROP_THREADS=1

.PHONY: help env data lab notebooks render claims assignments grade site test lint unit \
  grading smoke unit-torch unit-lowest benchmarks speed format clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | \
	  awk -F': ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

env: $(INSTALLED) ## install everything, into .venv or the active environment

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(PYTHON) || for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    2>/dev/null; then echo "$$python -m venv .venv"; \
	    $$python -m venv .venv; break; fi; done
	@test -x $(PYTHON) || { \
	  echo "aezoo needs Python 3.11, 3.12 or 3.13 with venv; none was found."; exit 1; }
	$(PYTHON) -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints.txt --editable ".[dev]"
	@touch $@

data: env ## download MNIST, checked and cached (the faces come with the package)
	@$(PYTHON) -c "from aezoo import datasets; datasets.load_mnist()"

lab: env ## open the lessons in JupyterLab
	$(PYTHON) -m jupyter lab notebooks

# Lesson 15 measures seconds, so it runs alone.
TIMED := notebooks/15_scaling_up.ipynb
RUN_LESSON = log=build/$$(echo $$1 | tr / -).log; $(PYTHON) -m pytest --nbval \
  --nbval-current-env --quiet --color=no --no-header -p no:cacheprovider $$1 \
  > $$log 2>&1 && failed=0 || { failed=1; cat $$log; }; \
  printf "%-62s %s\n" $$1 "$$(tail -n 1 $$log)"; exit $$failed

notebooks: env data ## run lessons and solutions, compare with the committed outputs
	@mkdir -p build
	@printf '%s\n' $(filter-out $(TIMED),$(LESSONS)) | \
	  $(ONE_THREAD) xargs -r -n 1 -P $(JOBS) sh -c '$(RUN_LESSON)' lesson
	@printf '%s\n' $(filter $(TIMED),$(LESSONS)) | xargs -r -n 1 sh -c '$(RUN_LESSON)' lesson

render: env data ## run lessons and solutions, and rewrite their committed outputs
	$(PYTHON) notebooks/render.py $(LESSONS)

claims: env data ## do the claims of the lessons hold for other seeds? half an hour
	$(PYTHON) notebooks/claims.py --seeds 1 2 -- $(filter-out notebooks/solutions/%,$(LESSONS))

assignments: env data ## write the student versions of the assignments to build/course
	$(PYTHON) notebooks/assignments/course.py release

grade: env data ## grade a folder of submissions: make grade SUBMISSIONS=<folder>
	@test -d "$(SUBMISSIONS)" || { \
	  echo "SUBMISSIONS is a folder that has one folder for each student."; exit 1; }
	$(PYTHON) notebooks/assignments/course.py grade "$(SUBMISSIONS)"

site: env ## build the site into build/site, offline
	$(ONE_THREAD) $(PYTHON) site/build.py

# Processes get whole files, since the tests of a file share what they have trained.
PYTEST := $(ONE_THREAD) $(PYTHON) -m pytest --numprocesses $(JOBS) --dist loadfile
# What is computed by another backend in another way, and may come out otherwise.
ON_EACH_BACKEND := -m "not one_backend and not processes"

BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

test: lint data ## everything that CI runs, but for PyTorch
	@for name in $(BROWSERS); do command -v $$name && break; done > /dev/null || echo "No browser is installed ($(BROWSERS)):" \
	  "the tests that open the site in one are skipped."
	$(PYTEST) --doctest-modules tests aezoo
	KERAS_BACKEND=jax $(PYTEST) $(ON_EACH_BACKEND)
	@$(MAKE) --no-print-directory notebooks

lint: env ## check style and formatting, notebooks too
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

unit: env data ## the quick tests, on TensorFlow and then on JAX
	$(PYTEST) -m "not grading and not smoke and not processes and not package"
	KERAS_BACKEND=jax $(PYTEST) $(ON_EACH_BACKEND)

grading: env data ## the assignments' graders, on right and wrong answers
	$(PYTEST) --dist worksteal tests/test_assignments.py

smoke: env data ## each script of benchmarks/, for seconds
	$(PYTHON) -m pytest -m smoke tests/test_benchmarks.py

unit-torch: env data ## the tests on PyTorch, which this installs
	$(PYTHON) -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints.txt --editable ".[torch]"
	KERAS_BACKEND=torch $(PYTEST) $(ON_EACH_BACKEND)

unit-lowest: env data ## the tests on the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python -m pip install --disable-pip-version-check --quiet \
	  $$($(PYTHON) -c "import tomllib; print(*(r.replace('>=', '==') for r in tomllib \
	  .load(open('pyproject.toml', 'rb'))['project']['dependencies']))") \
	  nbclient nbformat pytest pytest-xdist pyyaml scikit-learn scipy --editable .
	$(subst $(PYTHON),build/lowest/bin/python,$(PYTEST)) $(ON_EACH_BACKEND)

benchmarks: export KERAS_BACKEND ?= jax
benchmarks: env data ## reproduce a number of the README: make benchmarks ROW=linear_pca
	@test -f "benchmarks/papers/$(ROW).py" || { echo "ROW is one of:"; \
	  ls benchmarks/papers | sed -n '/^_/d; s/\.py$$//p'; exit 1; }
	$(PYTHON) -m benchmarks.papers.$(ROW)
	$(PYTHON) -m benchmarks.report

speed: env data ## compare speeds with other libraries (installs PyTorch): 20 minutes
	$(PYTHON) -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints.txt --editable ".[peers]"
	$(PYTHON) -m benchmarks.speed.compare
	$(PYTHON) -m benchmarks.report

format: env ## put code and notebooks into the standard format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

clean: ## remove what the targets made, but not the downloaded data
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -r {} +
