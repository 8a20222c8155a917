# Each target sets up what it needs; see course_utils/bootstrap.py (on Windows, call that directly).
PYTHON ?= python3
ARGS ?=
BOOTSTRAP = $(PYTHON) course_utils/bootstrap.py
COURSE = .venv/bin/course

.PHONY: lab test setup notebooks exercises site slides format clean

lab:        ## open the course in JupyterLab (ARGS="--no-browser --port 8899")
	@$(BOOTSTRAP) lab $(ARGS)

test:       ## lint, unit tests, every notebook under nbval (ARGS="--only unit")
	@$(BOOTSTRAP) test $(ARGS)

setup:      ## virtual environment, packages, models
	@$(BOOTSTRAP) setup

notebooks: setup  ## run every notebook and store its outputs in place
	@$(COURSE) run --save $(ARGS)

exercises: setup  ## make the exercise notebooks from the solutions, run both (ARGS="02")
	@.venv/bin/python -m course_utils.teach.exercises.generate $(ARGS)

site: setup       ## build the course's website, .course/site/index.html (ARGS=--linkcheck)
	@.venv/bin/python -m course_utils.teach.site $(ARGS)

slides: setup     ## a deck for each lesson from its tagged cells, .course/slides/index.html
	@.venv/bin/python -m course_utils.teach.slides

format: setup     ## let ruff format code and notebooks
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

clean:      ## remove the virtual environment and everything made at run time
	rm -rf .venv .course
