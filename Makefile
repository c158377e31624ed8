# One word for each chore. Each does all of its own set-up in .venv; ARGS are passed on.
#   make demo ARGS="--days 5"      make test ARGS="-k book"      PYTHON=/path/to/python3.12 make setup

PYTHON ?= python3

.PHONY: help setup demo test check prove simulate bench results desk lock

help:  ## print these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s  %s\n", $$1, $$2 }' Makefile

setup:  ## install what the demo needs into .venv
demo:  ## trade twenty days on real closing prices and show what happened
test:  ## run the tests, with coverage of lines and branches
check:  ## style, types, layers and documentation
prove:  ## the large counts behind each promise; evidence goes to build/prove.json
simulate:  ## seeded schedules of faults and kills: make simulate RUNS=10000
bench:  ## each benchmark against the best peer, side by side
results:  ## every strategy that the data supports, beside what needs no skill: docs/results.md
desk:  ## open the desk: the service and its pages
lock:  ## resolve the dependencies again and write requirements/

setup demo test check prove simulate bench results desk lock:
	@$(PYTHON) scripts/do.py $@ $(ARGS)
