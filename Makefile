# A newcomer needs two commands: `make demo` (look at it) and `make test` (everything that must pass).
# Each target builds what it depends on; stamp files keep a second call fast.

VENV ?= .venv
BIN := $(VENV)/bin
# Processes of pytest-xdist; tests wait more than they compute, so a few more than there are cores.
# Each begins with a part of its own, so that few of them set up the same mount, and takes from others
# what they have not come to.
WORKERS ?= 4
PYTEST_ARGS ?=
# How long `make soak` and `make check-reads` go on.
MINUTES ?= 30

# Byte code is what makes the program start fast, so nothing here may forbid it.
unexport PYTHONDONTWRITEBYTECODE
# The caller's own installation must not leak in.
unexport PYTHONPATH PYTHONHOME

# Each worker reads all tests first, which is 4 s of CPU: fewer are faster for the fast lane.
QUICK_WORKERS ?= 3
# What `make quick` leaves out; tests/support/lanes.py says which tests these are.
QUICK := not mount and not app and not slow and not second_loop

.PHONY: help demo test check quick format bench soak check-reads bench-tui docs man walk screenshots clean for-run for-test for-quick

help:
	@echo "make demo    install into $(VENV) and open the program on its embedded platform"
	@echo "make test    install all that the tests need and pass the whole gate"
	@echo "make check   the gate alone: format, lint, types, layers, tests, coverage"
	@echo "make quick   lint, and the tests that need nothing but Python: little more than a minute"
	@echo "make format  let ruff format and mend what it can"
	@echo "make bench   measure what the docs claim"
	@echo "make soak    four processes edit on a platform full of faults, for MINUTES=30"
	@echo "make check-reads   random reads of files on a storage full of faults, likewise"
	@echo "make bench-tui the terminal app alone, beside a bare Textual app, mc and vim"
	@echo "make docs    write docs/cli.md and docs/keys.md anew"
	@echo "make man     write the manual pages into man/"
	@echo "make walk    run README.md and the manual word by word, here and (as root) on a bare Debian"
	@echo "make screenshots  draw the pictures of screenshots/ anew"

demo: for-run
	@$(BIN)/coexplorer demo $(DEMO_ARGS)

test:
	@sh scripts/system-packages.sh
	@$(MAKE) --no-print-directory check

check: for-test
	@PYTHON="$(BIN)/python" sh scripts/system-packages.sh need tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Needs nothing from the system: no FUSE, no editors, no terminal. See CONTRIBUTING.md.
quick: for-quick
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python -m pytest -q -n $(QUICK_WORKERS) --dist worksteal -m "$(QUICK)" --hypothesis-profile quick $(PYTEST_ARGS)

format: for-quick
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: for-test
	@for script in benchmarks/bench_*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script" || exit 1; done

soak: for-quick
	PYTHONPATH=. $(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

check-reads: for-quick
	PYTHONPATH=. $(BIN)/python benchmarks/check_reads.py --minutes $(MINUTES)

bench-tui: for-quick
	PYTHONPATH=. $(BIN)/python benchmarks/bench_tui.py

docs: for-run
	$(BIN)/python -m coexplorer.cli.reference > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md
	$(BIN)/python -m coexplorer.tui.key_docs > docs/keys.md.new
	mv docs/keys.md.new docs/keys.md

# For packagers: the manual pages, from the commands themselves.
man: for-run
	$(BIN)/python -m coexplorer.cli.manpages man

walk: for-run
	$(BIN)/python scripts/walk_docs.py
	sh scripts/walk-bare.sh

screenshots: for-quick
	$(BIN)/python screenshots/make.py

# What to run, to test, or to lint needs; each looks whether there is anything to do, and how little.
for-run:
	@sh scripts/venv.sh run "$(VENV)"

for-test:
	@sh scripts/venv.sh test "$(VENV)"

for-quick:
	@sh scripts/venv.sh quick "$(VENV)"

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
