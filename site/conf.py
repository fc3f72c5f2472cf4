"""How Sphinx renders what `build.py` has put together."""

import inspect
import re
from importlib import metadata

project = "aezoo"
author = "the aezoo developers"
copyright = "2026, the aezoo developers"
release = metadata.version("aezoo")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
extensions += ["sphinx.ext.mathjax"]
exclude_patterns = ["files/**"]  # to be downloaded
nb_execution_mode = "off"  # the outputs are those that CI compares
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # lessons fold headings into <details>

smartquotes_action = "D"  # dashes, and no curved quotes

html_theme = "furo"
html_title = "aezoo"
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["copy.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would be fetched, which file:// forbids
mathjax_path = "tex-svg.js"  # all glyphs are in it
mathjax3_config = {
    "options": {"enableMenu": False},  # it would load further files
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
}
python_use_unqualified_type_names = True
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def as_code(match):
    """Return code in the quotes of reStructuredText, apart from a word behind it."""
    return f"``{match[1]}``" + ("\\ " if match[2] else "")


def in_sphinx(app, what, name, obj, options, lines):
    """Turn what docstrings write as in Markdown into what Sphinx reads."""
    text = re.sub(r"(?<!`)`([^`]+)`(?!`)(?=(\w?))", as_code, "\n".join(lines))
    # An example in the middle of a text.
    text = re.sub(r"(?m)^(\S.*):\n\n(?= {4})", r"\1::\n\n", text)
    lines[:] = text.split("\n")


def signature(app, what, name, obj, options, arguments, returned):
    """Return what a class takes, which Keras hides behind its own `__new__`."""
    if what == "class":
        parameters = inspect.signature(obj.__init__).parameters.values()
        return str(inspect.Signature(list(parameters)[1:])), None


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", in_sphinx, priority=400)
