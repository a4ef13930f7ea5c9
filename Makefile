# Every target works on a fresh clone: `setup` comes first and takes no time once done.

bin := .venv/bin
# What scripts/bootstrap found and made, for every command started here.
setup_environment = JAVA_HOME="$$(cat .tools/java_home)" ROADSIDE_JARS_DIR="$(CURDIR)/.tools/jars"
ARGS :=

.DEFAULT_GOAL := help
.PHONY: help setup setup-airflow airflow demo stock test test-long lint format docs clean clean-all

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything: uv, the locked Python packages, Java 17, Spark's jars, Redis
	@scripts/bootstrap

setup-airflow: setup ## install two Airflows in environments of their own: the one used, and the oldest supported
	@scripts/bootstrap airflow

airflow: setup-airflow ## start Airflow over airflow/dags, on SQLite, with tasks as processes of this machine
	@$(setup_environment) scripts/airflow_here $(ARGS)

demo: setup ## build a small city and carry it from landed files to Redis and a training dataset
	@$(setup_environment) $(bin)/roadside demo $(ARGS)

stock: setup ## the same demo on Feast's own stores, in a home of its own
	@$(setup_environment) ROADSIDE_FEAST_STORES=stock ROADSIDE_HOME="$${ROADSIDE_HOME:-.roadside-stock}" \
		$(bin)/roadside demo $(ARGS)

test: lint setup-airflow ## lint, then run every test; ARGS="tests/unit -k offers" for some of them
	@$(setup_environment) $(bin)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: setup-airflow ## the tests that take minutes each: any chunks, any stream, four roads, a replay under traffic
	@$(setup_environment) $(bin)/python -m pytest -m long $(ARGS)

lint: setup ## style, types and the direction of imports
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/mypy
	@$(bin)/lint-imports

format: setup ## mend what the linters can mend
	@$(bin)/ruff check --fix
	@$(bin)/ruff format

docs: setup ## write docs/tables/, docs/declared.json and airflow/dags/road.json anew from what is declared
	@$(setup_environment) $(bin)/roadside docs $(ARGS)

clean: ## remove caches and builds
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +

clean-all: clean ## also remove .venv, .tools, .roadside and .roadside-stock, the data of the embedded platform
	@rm -rf .venv .tools .roadside .roadside-stock
