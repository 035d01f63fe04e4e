# `make book` and `make test` do everything; each sets up .venv first, once.

PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin

# Modules are compiled once, whatever the shell has set: the tests start dozens of interpreters.
export PYTHONDONTWRITEBYTECODE :=

SOURCES := $(shell find eie -type f ! -path '*/__pycache__/*')
LENETS := lenet-300-100 lenet-5
PROSE := $(shell find book -type f) CONTRIBUTING.md CHANGELOG.md

.PHONY: fork lab book data check pdf links test test-long fuzz mutate lint format bench lenets clean lock
.DELETE_ON_ERROR:

book: data
	@$(MAKE) --no-print-directory build/html/index.html
	@echo "The book is at build/html/index.html"

# What pages use of others' data, where it is not at hand yet.
data: .venv/ready
	@$(BIN)/eie data fetch mnist pictures trunks translator ddddocr > /dev/null || echo "Without them the book is built all the same: pages say what is missing."

# What only a finished book can show: every page in Chromium, and a second build that is the same byte for byte, although
# it uses nothing of an earlier one.
check: book .venv/ready-for-tests
	$(BIN)/python tools/check_browser.py build/html
	$(BIN)/python tools/build_book.py --clean --notebooks build/notebooks --out build/again/html --work build/again
	diff --recursive --brief build/html build/again/html
	@echo "Two builds are the same"

# The book as one long page, and that page on paper; with `make pdf PAGE=fig13`, one page of the book.
pdf: book .venv/ready-for-tests
ifdef PAGE
	@$(BIN)/python tools/print_book.py build/html build/$(PAGE).pdf --page $(PAGE)
	@echo "The page is at build/$(PAGE).pdf"
else
	$(BIN)/python tools/build_book.py --builder singlehtml --notebooks build/notebooks --out build/single --work build/single-source
	$(BIN)/python tools/print_book.py build/single build/eie-recomputed.pdf
	@echo "The book is at build/eie-recomputed.pdf"
endif

# The notebooks in JupyterLab, in the project's environment; what runs there is the checkout.
lab: .venv/ready-for-lab
	$(BIN)/jupyter-lab notebooks

# Ask every site that the book links to; no part of the gate, since links break by themselves.
links: book
	$(BIN)/python tools/build_book.py --builder linkcheck --notebooks build/notebooks --out build/links --work build/links-source

# One process per core, each with one thread of the numerical libraries; who has nothing left to do takes from others.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal

test: .venv/ready-for-tests
	$(PYTEST)

# Networks trained until they are as good as the book says, a chip run on many pictures, commands that are killed, pages in
# a browser, many damaged files.
test-long: .venv/ready-for-tests
	$(PYTEST) -m long

# Damaged files for every reader, at length: `make fuzz SEED=1` tries others. A few are read by `make test`, too. Then
# every command in hostile surroundings.
fuzz: .venv/ready-for-tests
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py --times $(or $(TIMES),10000) --seed $(or $(SEED),0)
	OMP_NUM_THREADS=1 $(BIN)/python tests/hunt.py

# Deliberate bugs: each is put into a copy, and the tests that it names must fail.
mutate: .venv/ready-for-tests
	$(BIN)/python tools/mutate.py

lint: .venv/ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/notebooks.py check

# Bring code and notebooks into the form that lint asks for, and the explorer's facts up to date.
format: .venv/ready-for-tests
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	$(BIN)/python tools/notebooks.py write
	$(BIN)/python tools/explorer_data.py

# Speed, memory, and how cost grows with size, all as ratios; the plot goes to build/bench/.
bench: .venv/ready-for-tests
	@mkdir -p build/bench
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/bench/bench_speed.py --races=build/bench/races.json; status=$$?; \
		$(BIN)/python tools/plot_races.py build/bench/races.json build/bench/races.svg && exit $$status

# Train and compress the LeNets of the book anew, on MNIST: half an hour on one core. What was stopped goes on.
lenets: .venv/ready
	$(BIN)/eie data fetch mnist
	mkdir -p build/lenets
	for table in lenets lenets_sweep lenets_centroids lenets_weights; do \
		$(BIN)/eie experiment $$table -o build/lenets/$$table.csv || exit 1; done
	cp build/lenets/lenets*.csv data/measured/
	cp $(LENETS:%=build/lenets/%.safetensors) data/networks/

clean:
	rm -rf .venv build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# After pyproject.toml names other packages: install them anew and write down what was taken.
lock:
	$(PYTHON) tools/lock.py

# In a fork: set the repository's address everywhere, as in `make fork URL=https://github.com/OWNER/REPO`.
fork:
	@$(PYTHON) tools/fork.py $(URL)

# What the book needs, and then what only tests and checks need.
.venv/ready: requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('Python 3.11 or newer is needed, this is ' + sys.version)"
	@$(PYTHON) -c "import venv, ensurepip" || { echo "Python's venv is missing; on Debian: apt install python3-venv"; exit 1; }
	@echo "Setting up .venv: 1.6 GB, a minute or less the first time"
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv .venv
	@$(BIN)/python tools/install.py networks book
	@touch $@

.venv/ready-for-tests: .venv/ready
	@$(BIN)/python tools/install.py networks book hardware sweep dask dev
	@touch $@

.venv/ready-for-lab: .venv/ready
	@$(BIN)/python tools/install.py networks book lab
	@touch $@

build/html/index.html: build/pages $(SOURCES) $(PROSE) $(wildcard tools/*book*.py) tools/explorer_bundle.py tools/layout.py pyproject.toml
	$(BIN)/python tools/build_book.py --notebooks build/notebooks --out build/html --work build/book-source
	$(BIN)/python tools/check_book.py build/html

# Pages whose sources have changed are run; the file is as old as the newest page.
build/pages: build/eie_data FORCE
	@OMP_NUM_THREADS=1 $(BIN)/python tools/run_pages.py --out build/notebooks --found build/eie_data --jobs $(JOBS)
	@touch -r build/notebooks/made_from.json $@

# What is found on this machine: pages that use it are run again when that changes.
CACHE = $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/eie
DATA = $(if $(EIE_DATA),$(EIE_DATA),$(CACHE))
MEASURED = $(if $(EIE_MEASURED),$(EIE_MEASURED),$(DATA)/measured.json)
build/eie_data: FORCE
	@mkdir -p $(@D)
	@{ echo "data: $(DATA) $(CACHE) measured: $(MEASURED)"; \
		ls -dl --time-style=+%s "$(DATA)"/*/ "$(CACHE)"/*/ "$(MEASURED)" 2>/dev/null; } > $@.new || true
	@cmp -s $@.new $@ || cp $@.new $@

.PHONY: FORCE
FORCE:
