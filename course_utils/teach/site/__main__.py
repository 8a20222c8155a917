"""``make site``: gathers the sources, lets Sphinx build them, checks what came out."""

import argparse
import importlib.util
import shutil
import time
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.settings import settings
from course_utils.teach.site.assemble import assemble
from course_utils.teach.site.check import complaints

HERE = Path(__file__).parent


def build() -> None:
    """Build the site in ``COURSE_HOME/site``, without the network.

    Raises:
        CourseError: Sphinx had a warning, a link leads nowhere, or a page loads from elsewhere.
    """
    started = time.monotonic()
    site = settings().home / "site"
    print("building the site …", flush=True)
    pages = _sphinx("html", site)
    if found := complaints(site):
        print(*found, sep="\n")
        raise CourseError(f"the site has {len(found)} faults, listed above", "mend its sources")
    seconds = time.monotonic() - started
    print(f"{len(pages)} pages in {seconds:.0f} s: open {site / 'index.html'}")


def check_addresses() -> None:
    """Ask every address on the web that a page names whether it is still there.

    Raises:
        CourseError: One of them is not.
    """
    _sphinx("linkcheck", settings().home / "site-links")


def _sphinx(builder: str, out: Path) -> list[str]:
    if importlib.util.find_spec("sphinx_book_theme") is None:
        cure = 'run `make setup`, or pip install -e ".[site]" -c constraints.txt'
        raise CourseError("what builds the site is not installed", cure)
    from sphinx.cmd.build import build_main

    source = settings().home / "site-source"
    pages = assemble(source)
    shutil.rmtree(out, ignore_errors=True)
    # -W: a warning is an error; -n: so is each reference that leads nowhere.
    options = ["-q", "-W", "--keep-going", "-n", "-c", str(HERE), "-d", str(source / "_doctrees")]
    if build_main(["-b", builder, *options, str(source), str(out)]):
        raise CourseError("Sphinx has faults to show, listed above", f"sources: {source}")
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make site", description="Build the course's website.")
    parser.add_argument("--linkcheck", action="store_true", help="ask the web for each address")
    try:
        check_addresses() if parser.parse_args().linkcheck else build()
    except CourseError as error:
        raise SystemExit(str(error)) from None
