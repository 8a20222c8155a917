import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib

from course_utils.settings import REPO

HEAVY = ["torch", "openai", "langchain", "langchain_core", "numpy", "chromadb", "onnxruntime"]
CORE = [
    "course_utils.answer",
    "course_utils.bootstrap",
    "course_utils.cli",
    "course_utils.connection",
    "course_utils.doctor",
    "course_utils.registry",
    "course_utils.weights",
    "course_utils.endpoint.app",
    "course_utils.endpoint.encoder",
    "course_utils.endpoint.engine",
    "course_utils.endpoint.process",
    "course_utils.endpoint.relay",
    "course_utils.endpoint.serve",
    "course_utils.evaluate.correctness",
    "course_utils.evaluate.questions",
    "course_utils.evaluate.retrieval",
    "course_utils.evaluate.stats",
    "course_utils.knowledge.documents",
    "course_utils.knowledge.index",
    "course_utils.teach.check",
    "course_utils.teach.run",
]
WITHOUT_TORCH = """
import importlib, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "peft", "trl"}:
            raise ModuleNotFoundError(f"{name} was imported")

sys.meta_path.insert(0, NoTorch())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def fresh(code, *arguments, **environment):
    """Run code in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": str(REPO)} | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_is_quick():
    # The interpreter's own start is not in it: the clock runs inside.
    code = (
        "import time; t = time.perf_counter(); import course_utils; print(time.perf_counter() - t)"
    )
    assert min(float(fresh(code)) for _ in range(5)) < 0.3


def test_importing_loads_nothing_heavy_and_writes_nothing(tmp_path):
    home = tmp_path / "home"
    code = (
        "import json, sys, course_utils; course_utils.CourseError; course_utils.connect;"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    assert json.loads(fresh(code, COURSE_HOME=str(home))) == []
    assert not home.exists()


def test_the_core_imports_without_torch():
    fresh(WITHOUT_TORCH, *CORE)


def test_the_trap_would_have_noticed():
    code = f"{WITHOUT_TORCH}\ntry:\n    import torch\nexcept ModuleNotFoundError:\n    print('ok')"
    assert fresh(code) == "ok\n"


def test_what_the_core_imports_at_once_is_a_declared_dependency():
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {normal(re.split(r"[<>=\[ ]", line)[0]) for line in project["dependencies"]}
    packages = importlib.metadata.packages_distributions()
    undeclared = set()
    for path in (REPO / "course_utils").rglob("*.py"):
        if path.parent.name in {"bench", "finetune"}:  # they may rest on the train extra
            continue
        for name in imported_at_once(ast.parse(path.read_text(encoding="utf-8"))):
            if name in sys.stdlib_module_names or name in {"course_utils", "pydantic_core"}:
                continue
            if not {normal(package) for package in packages[name]} & declared:
                undeclared.add(f"{path.relative_to(REPO)}: {name}")
    assert not undeclared


def imported_at_once(tree):
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()
