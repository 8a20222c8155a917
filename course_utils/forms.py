"""What the forms in notebooks share: text as HTML, and keys that stay in the form."""

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipywidgets import HTML

# In JupyterLab a letter or an arrow typed into a form is a shortcut, and "y" changes the cell. It
# passes over what has this attribute.
NO_SHORTCUTS = 'data-lm-suppress-shortcuts="true"'
# An HTML widget runs no scripts, so a style sheet sets it on whatever gets the focus.
_KEYS = """<style onload="this.closest('.widget-vbox')?.addEventListener(
  'focusin', event => event.target.setAttribute('data-lm-suppress-shortcuts', 'true'))"></style>"""


def keep_keys() -> "HTML":
    """A part without looks that keeps JupyterLab's shortcuts out of the ``VBox`` it is put in."""
    import ipywidgets

    return ipywidgets.HTML(_KEYS, layout={"display": "none"})


def text_html(text: str) -> str:
    """Text as HTML; what stands in backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
