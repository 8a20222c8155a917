"""Sphinx reads this; its sources are what ``assemble`` has gathered."""

from pathlib import Path

from course_utils.teach.address import release as tag
from course_utils.teach.address import repository

project = html_title = "RAG or fine-tuning?"
language = "en"
extensions = ["myst_nb"]
exclude_patterns = ["README.md", "_*"]  # parts of pages
nitpicky = True
nb_execution_mode = "off"  # the outputs are those that nbval has checked
nb_merge_streams = True
nb_render_markdown_format = "myst"  # so that links in outputs lead to pages, too
myst_heading_anchors = 4

html_theme = "sphinx_book_theme"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_favicon = str(Path(__file__).parent / "static" / "favicon.svg")
# What a page shows is not the notebook as it is: the launch and source buttons lead to that.
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system has it
html_theme_options = {
    "repository_url": repository(),
    "repository_branch": tag(),
    "use_repository_button": True,
    "use_source_button": True,
    "use_issues_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "navbar_persistent": [],
    "toc_title": "On this page",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_content_items": ["extra-footer"],
    "extra_footer": "Code: Apache-2.0. Text and data: CC BY 4.0.",
}

# What has a tag in its address is there from the release on; nobody else reaches this machine.
linkcheck_ignore = [rf".*/{tag()}/", rf".*/{tag()}\?", r"https?://(127\.0\.0\.1|localhost)"]
linkcheck_timeout = 20
