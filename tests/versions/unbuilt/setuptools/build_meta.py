"""A build backend that builds nothing: pip asks it for metadata, and gets those that lie in the sdist.

The set-up script of the pinned sdists compiles a whole httpd before it answers that question.
"""

import email
from pathlib import Path


class Unbuilt:
    """The two hooks that `pip download` calls, by their names in PEP 517."""

    @staticmethod
    def get_requires_for_build_wheel(_config_settings: object = None) -> list[str]:
        """Nothing is needed to copy a file."""
        return []

    @staticmethod
    def prepare_metadata_for_build_wheel(metadata_directory: str, _config_settings: object = None) -> str:
        """Copy PKG-INFO of the sdist, which is the working folder; answer the name of the folder it is in."""
        text = Path("PKG-INFO").read_text(encoding="utf-8")
        fields = email.message_from_string(text)
        folder = Path(metadata_directory, f"{fields['Name'].replace('-', '_')}-{fields['Version']}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text(text, encoding="utf-8")
        return folder.name


__legacy__ = Unbuilt  # what pip takes for sdists without pyproject.toml
