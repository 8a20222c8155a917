"""SECURITY.md: its tests are there, and what it says of pickles holds for all code."""

import ast
import re

from course_utils.settings import REPO

PAGE = (REPO / "SECURITY.md").read_text(encoding="utf-8")
# Other ways to run what a file says.
FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}


def test_every_claim_names_a_test_that_is_there():
    rows = [row for row in PAGE.splitlines() if row.startswith("| ") and "who | what" not in row]
    assert len(rows) >= 8
    for row in rows:
        named = re.findall(r"`(tests/[\w/.]+)`", row.split("|")[-2])
        assert named and all((REPO / path).exists() for path in named), row


def test_it_is_a_page_and_found():
    assert len(PAGE.split()) < 900
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "(SECURITY.md)" in (REPO / name).read_text(encoding="utf-8")


def runs_what_it_reads(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & FORBIDDEN
        elif isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN:
            yield from {alias.name for alias in node.names} - {"PickleError"}
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            options = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if called in ("eval", "exec") and isinstance(node.func, ast.Name):
                yield called
            if options.get("trust_remote_code", "False") != "False":
                yield "trust_remote_code"
            if ast.unparse(node.func) == "torch.load" and options.get("weights_only") != "True":
                yield "torch.load"
            if options.get("allow_pickle", "False") != "False":
                yield "allow_pickle"


def test_no_code_runs_what_a_file_says():
    bad = "import pickle\ntorch.load(p)\nexec(s)\nfrom dill import load\nf(trust_remote_code=True)"
    assert len(list(runs_what_it_reads(ast.parse(bad)))) == 5
    for path in (REPO / "course_utils").rglob("*.py"):
        assert not list(runs_what_it_reads(ast.parse(path.read_text(encoding="utf-8")))), path
