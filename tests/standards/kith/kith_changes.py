"""Changes to our own samples that a sender could have made: faults to be refused, and oddities that must pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "kith"
KITH = "http://www.kith.no/xmlstds"
NS = {
    "m": f"{KITH}/msghead/2006-05-24",
    "p": f"{KITH}/felleskomponent1",
    "d": f"{KITH}/dialog/2006-10-11",
    "d11": f"{KITH}/dialog/2013-01-23",
    "b": f"{KITH}/base64container",
    "a": f"{KITH}/apprec/2004-11-21",
    "a11": f"{KITH}/apprec/2012-02-15",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
PARSER = etree.XMLParser(resolve_entities=False, no_network=True)

Change = Callable[[Any], None]
"""Changes one parsed sample in place."""


def sample(name: str) -> Any:
    return etree.parse(str(SAMPLES / f"{name}.xml"), PARSER).getroot()


def again(root: Any) -> Any:
    """Written and read once more: what is tested is what a receiver would have read."""
    return etree.fromstring(etree.tostring(root, encoding="utf-8"), PARSER)


def changed(name: str, change: Change) -> Any:
    root = sample(name)
    change(root)
    return again(root)


def found(root: Any, path: str) -> list[Any]:
    places: list[Any] = root.xpath(path, namespaces=NS)
    assert places, f"the sample has no {path}"
    return places


def drop(path: str) -> Change:
    def change(root: Any) -> None:
        for each in found(root, path):
            each.getparent().remove(each)

    return change


def empty(path: str) -> Change:
    """Leaves the element without children, text and attributes."""

    def change(root: Any) -> None:
        for each in found(root, path):
            each.clear()

    return change


def text(path: str, value: str) -> Change:
    def change(root: Any) -> None:
        for each in found(root, path):
            each.text = value

    return change


def attribute(path: str, name: str, value: str) -> Change:
    def change(root: Any) -> None:
        for each in found(root, path):
            each.set(name, value)

    return change


def swap(path: str) -> Change:
    """Puts an element after the one that follows it."""

    def change(root: Any) -> None:
        for each in found(root, path):
            each.getnext().addnext(each)

    return change


def replace(path: str, fragment: str) -> Change:
    """Puts the elements of `fragment` where another was."""

    def change(root: Any) -> None:
        for each in found(root, path):
            put("..", fragment, each.getparent().index(each))(each)
            each.getparent().remove(each)

    return change


def twice(path: str) -> Change:
    def change(root: Any) -> None:
        for each in found(root, path):
            each.addnext(again(each))

    return change


def put(path: str, fragment: str, position: int = 10_000) -> Change:
    """Puts the elements of `fragment` into another, last unless said otherwise."""
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())

    def change(root: Any) -> None:
        for each in found(root, path):
            for child in reversed(etree.fromstring(f"<x {names}>{fragment}</x>", PARSER)):
                each.insert(position, child)

    return change


SIGNATURE = (
    '<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="urn:c"/><ds:SignatureMethod Algorithm="urn:s"/>'
    '<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="urn:t"/></ds:Transforms>'
    '<ds:DigestMethod Algorithm="urn:d"/><ds:DigestValue>QUJD</ds:DigestValue></ds:Reference></ds:SignedInfo>'
    "<ds:SignatureValue>QUJD</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>QUJD</ds:X509Certificate>"
    "</ds:X509Data></ds:KeyInfo></ds:Signature>"
)
REPORT = (
    "<m:PatientReport><m:CaseNo>1</m:CaseNo>"
    "<m:Document><m:RefDoc><m:MsgType/></m:RefDoc></m:Document></m:PatientReport>"
)

QUESTION, ANSWER, NOTE, DIALOG = "dialog_foresporsel", "dialog_svar", "dialog_notat", "dialog_helsefaglig"
OK, REJECTED, PARTIAL = "apprec_ok", "apprec_rejected", "apprec_partial"

FAULTS: dict[str, tuple[str, Change]] = {
    "MsgHead has no MIGversion": (QUESTION, drop("//m:MIGversion")),
    "MIGversion of MsgHead is another": (QUESTION, text("//m:MIGversion", "v1.1 2006-02-15")),
    "receipt has no MIGversion": (OK, drop("//a:MIGversion")),
    "MsgHead has no sender": (QUESTION, drop("//m:Sender")),
    "MsgHead has no document": (QUESTION, drop("//m:Document")),
    "MsgId stands before GenDate": (QUESTION, swap("//m:GenDate")),
    "conversation stands before parent": (ANSWER, swap("//m:RefToParent")),
    "organisation type stands before name": (QUESTION, put("//m:Sender/*", "<m:TypeOrganisation/>", 0)),
    "family name stands before given name in a Person": (NOTE, swap("//d:Person/d:GivenName")),
    "GenDate is a day that does not exist": (QUESTION, text("//m:GenDate", "2026-11-31T10:00:00")),
    "GenDate of a receipt is a date alone": (OK, text("/a:AppRec/a:GenDate", "2026-11-24")),
    "birth date is masked": (QUESTION, text("//m:DateOfBirth", "19xx-xx-xx")),
    "fixed code list is named": (QUESTION, attribute("//d:Hastegrad", "S", "2.16.578.1.12.4.1.1.9067")),
    "code list is no OID": (QUESTION, attribute("//d:TypeForesp", "S", "2.16.578.1.12.4.1.1.")),
    "code has an attribute that no code has": (QUESTION, attribute("//m:Type", "codeSystem", "8279")),
    "organisation has no identifier": (QUESTION, drop("//m:Sender/m:Organisation/m:Ident")),
    "identifier has no kind": (QUESTION, drop("//m:Patient/m:Ident/m:TypeId")),
    "identifier stands in the namespace of the dialog": (QUESTION, put("//d:Ident", "<d:Id>1</d:Id>", 0)),
    "two patients": (QUESTION, twice("//m:Patient")),
    "two bodies, documents and a report": (QUESTION, put("/m:MsgHead", REPORT)),
    "two bodies, question and note": (QUESTION, put("//d:Dialogmelding", "<d:Notat><d:TemaKodet/></d:Notat>")),
    "two bodies, Content and file": (DIALOG, put("//m:RefDoc", "<m:FileReference>x</m:FileReference>")),
    "Content has an unknown namespace": (QUESTION, put("//m:Content", '<note xmlns="urn:example:unknown"/>')),
    "Content has no namespace": (QUESTION, put("//m:Content", "<Dialogmelding/>")),
    "Content has an unknown element of a known namespace": (QUESTION, put("//m:Content", "<d:Dialog/>")),
    "Content has text": (QUESTION, text("//m:Content", "see attachment")),
    "Content has an attribute": (QUESTION, attribute("//m:Content", "encoding", "utf-8")),
    "attachment is not Base64": (DIALOG, text("//b:Base64Container", "JVBERi0*")),
    "text between elements": (QUESTION, text("//m:MsgInfo", "urgent")),
    "subject of a question, which came with 1.1": (QUESTION, put("//d:Foresporsel", "<d:EmneSporsmal/>", 1)),
    "role without a person in 1.0": (NOTE, drop("//d:RollerRelatertNotat/d:Person")),
    "contact unit without a name": (DIALOG, drop("//p:OrganisationName")),
    "note without a theme": (NOTE, drop("//d:TemaKodet")),
    "receipt has no status": (OK, drop("//a:Status")),
    "receipt answers two messages": (REJECTED, twice("//a11:OriginalMsgId")),
    "error stands before the status": (REJECTED, swap("//a11:Status")),
    "other identifier has no kind": (OK, drop("//a:AdditionalId/a:Type")),
    "address in a receipt has no type": (PARTIAL, drop("//a11:Address/a11:Type")),
    "persons before the other identifiers": (OK, swap("//a:Inst/a:AdditionalId[following-sibling::a:HCPerson]")),
    "signature is empty": (QUESTION, put("/m:MsgHead", "<ds:Signature/>")),
    "signature comes first": (QUESTION, put("/m:MsgHead", SIGNATURE, 0)),
    "two signatures": (QUESTION, put("/m:MsgHead", SIGNATURE + SIGNATURE)),
}
"""What a schema refuses: sample and change by what is wrong."""

ODDITIES: dict[str, tuple[str, Change]] = {
    "MsgId is no UUID": (QUESTION, text("//m:MsgId", "TRO-1")),
    "code value is in no list": (QUESTION, attribute("//d:TypeForesp", "V", "unheard of")),
    "code has neither value nor text": (QUESTION, empty("//d:TypeForesp")),
    "patient is not named": (QUESTION, drop("//m:Patient")),
    "receiver is an empty organisation": (QUESTION, empty("//m:Receiver/m:Organisation")),
    "copy receiver is not said to be anyone": (NOTE, drop("//m:OtherReceiver/m:Organisation")),
    "Content is empty": (QUESTION, drop("//d:Dialogmelding")),
    "RefDoc has no Content": (QUESTION, drop("//m:Content")),
    "dialog is empty": (QUESTION, empty("//d:Dialogmelding")),
    "payload of each version": (QUESTION, put("//m:Content", "<d11:Dialogmelding/>")),
    "report of a registry": (QUESTION, replace("//m:Document", REPORT)),
    "MIGversion of a receipt is another": (OK, text("//a:MIGversion", "v1.1 2012-02-15")),
    "receipt inside a MsgHead": (QUESTION, lambda root: found(root, "//m:Content")[0].append(sample(REJECTED))),
    "XHTML in a note of 1.0": (NOTE, put("//d:TekstNotatInnhold", '<b xmlns="http://www.w3.org/1999/xhtml"/>')),
    "role with neither unit nor person in 1.1": (DIALOG, drop("//d11:RollerRelatertNotat/*")),
    "rejected without an error": (REJECTED, drop("//a11:Error")),
    "signed": (QUESTION, put("/m:MsgHead", SIGNATURE)),
}
"""What a schema lets through, wise or not: receipts and mappings judge it."""
