"""``python -m course_utils.endpoint``: the endpoint in the foreground."""

import argparse
import sys

from course_utils.errors import CourseError


def _alias(text: str) -> tuple[str, str]:
    name, _, target = text.partition("=")
    if not name or not target:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=MODEL")
    return name, target


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m course_utils.endpoint", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument(
        "--alias",
        type=_alias,
        action="append",
        default=[],
        metavar="NAME=MODEL",
        help="also answer to NAME; answers still carry MODEL",
    )
    options = parser.parse_args(arguments)
    from course_utils.endpoint.serve import serve

    try:
        serve(options.port, dict(options.alias))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
