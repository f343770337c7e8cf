"""Takes the address of the documentation from Cargo.toml, where it stands once for all packages."""

import tomllib
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class AddressHook(MetadataHookInterface):
    """`documentation` of Cargo.toml; nothing where it is not set."""

    def update(self, metadata):
        manifest = Path(self.root).parent.parent / "Cargo.toml"
        address = tomllib.loads(manifest.read_text(encoding="utf-8"))["package"].get("documentation")
        metadata["urls"] = {"Documentation": address} if address else {}
