"""A course home for a benchmark alone: no index and no endpoint in use is touched."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from course_utils.settings import settings


@contextmanager
def own_home() -> Iterator[str]:
    """An empty course home with the prepared models, removed afterwards; yields its folder."""
    before = {name: os.environ.get(name) for name in ("COURSE_HOME", "COURSE_MODELS_DIR")}
    models = str(settings().models_dir)
    with tempfile.TemporaryDirectory(prefix="course-bench-") as home:
        os.environ |= {"COURSE_HOME": home, "COURSE_MODELS_DIR": models}
        try:
            yield home
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
