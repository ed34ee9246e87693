"""Hooks of MkDocs: pages of the project's root folder are pages of the site, too."""

from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
PAGES = ("CONTRIBUTING.md", "SECURITY.md")


def on_files(files, config):
    """Adds the root's pages, as they are."""
    for name in PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links between both places, which are right in the repository, made right in the site."""
    for name in PAGES:
        markdown = markdown.replace(f"](../{name}", f"]({name}")
    return markdown.replace("](docs/", "](") if page.file.src_uri in PAGES else markdown
