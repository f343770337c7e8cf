"""The site, for Sphinx. `cargo xtask docs` puts its pages together and calls it."""

import os

project = "fastpar"
version = release = os.environ["FASTPAR_DOCS_VERSION"]
copyright = "the fastpar authors; MIT or Apache-2.0"

extensions = ["myst_parser"]
# Links to headings are checked with everything else.
myst_heading_anchors = 4
nitpicky = True
highlight_language = "none"

html_theme = "furo"
html_title = f"fastpar {version}"
# None where no address is set: then no page tells one.
html_baseurl = os.environ.get("FASTPAR_DOCS_ADDRESS", "")
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["fastpar.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False}
