"""The national schemas of the receipt, where they lie beside the repository. Never read from the network."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference"
NATIONAL = REFERENCE / "kith-xsd"
PUBLIC = REFERENCE / "kith-samples"
RECEIPTS = {
    "http://www.kith.no/xmlstds/apprec/2004-11-21": "applikasjonskvittering/AppRec-v1-2004-11-21.xsd",
    "http://www.kith.no/xmlstds/apprec/2012-02-15": "applikasjonskvittering/AppRec-v1.1.xsd",
}


class _Local(etree.Resolver):
    def resolve(self, system_url: str, public_id: str, context: object) -> object:
        name = system_url.rpartition("/")[2]
        file = NATIONAL / "felleskomponenter" / name
        return self.resolve_filename(str(file), context) if name == "kith.xsd" else None  # type: ignore[arg-type]


def receipt_schemas() -> dict[str, etree.XMLSchema]:
    """By namespace; empty where the schemas are not beside the repository."""
    if not NATIONAL.is_dir():
        return {}
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Local())
    return {space: etree.XMLSchema(etree.parse(str(NATIONAL / file), parser)) for space, file in RECEIPTS.items()}
