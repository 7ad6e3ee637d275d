"""The national message standards by namespace: where the message stands, its root, its receipt, its patient.

`receipt` is the AppRec version that the standard demands, "" for one without receipts; `patient` says whether a patient
must be identified; `fallback` is the type of a standard whose own `Type` may be left out.

Why a table here and not a setting: the version of the receipt follows the message standard (decision 10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.standards.kith.reader import Family

_NATIONAL = "http://www.kith.no/xmlstds/"
_NEWER = "http://ehelse.no/xmlstds/"
_DATE = re.compile(r"/([0-9]{4}-[0-9]{2}-[0-9]{2})\Z")
_SECOND_RECEIPT = "2012"


@dataclass(frozen=True, slots=True)
class MessageStandard:
    """One version of one message standard."""

    namespace: str
    root: str
    family: Family
    receipt: str
    patient: bool = False
    fallback: str = ""


def _heads(receipt: str, *rows: tuple[str, str], patient: bool = True, begin: str = _NATIONAL) -> list[MessageStandard]:
    return [MessageStandard(begin + end, root, Family.MSGHEAD, receipt, patient) for end, root in rows]


def _whole(receipt: str, *ends: str, fallback: str = "") -> list[MessageStandard]:
    return [MessageStandard(_NATIONAL + end, "Message", Family.MESSAGE, receipt, True, fallback) for end in ends]


_ROWS = [
    *_heads("1.0", ("dialog/2006-10-11", "Dialogmelding")),
    *_heads("1.1", ("dialog/2013-01-23", "Dialogmelding")),
    *_whole("1.0", "epikrise/2006-09-23", fallback="EPIKRISE"),
    *_whole("1.1", "epikrise/2012-02-15", fallback="EPIKRISE"),
    *_whole("1.0", "henvisning/2005-07-08", fallback="HENVISNING"),
    *_whole("1.1", "henvisning/2012-02-15", fallback="HENVISNING"),
    *_heads("1.1", ("henvisning/2017-11-30", "Henvisning"), begin=_NEWER),
    *_whole("", "labsvar/2005-03-14", "rekvisisjon/2005-05-20"),
    *_whole("1.0", "labsvar/2008-12-01", "rekvisisjon/2008-12-01"),
    *_whole("1.1", "labsvar/2012-02-15", "rekvisisjon/2012-02-15"),
    *_heads(
        "1.0",
        ("po/Innleggelsesrapport/2009-06-30", "Innleggelsesrapport"),
        ("po/HelseopplysningerVedSoknad/2009-06-30", "HelseopplysningerVedSoknad"),
        ("po/Konsultasjon/2009-06-30", "Konsultasjon"),
        ("po/OverforingMedisinskeOpplysninger/2009-06-30", "OverforingMedisinskeOpplysninger"),
        ("po/OrienteringOmTjenestetilbud/2009-06-30", "OrienteringOmTjenestetilbud"),
        ("po/TverrfagligEpikrise/2009-06-30", "TverrfagligEpikrise"),
        ("po/Pasientlogistikk/2009-06-30", "Pasientlogistikk"),
        ("po/MeldingFravar/2009-06-30", "MeldingFravar"),
    ),
    *_heads(
        "1.1",
        ("po/Innleggelsesrapport/2012-04-01", "Innleggelsesrapport"),
        ("po/HelseopplysningerVedSoknad/2012-04-01", "HelseopplysningerVedSoknad"),
        ("po/HelseopplysningerTilLege/2012-04-01", "Konsultasjon"),
        ("po/MedisinskeOpplysninger/2012-04-01", "OverforingMedisinskeOpplysninger"),
        ("po/OrienteringOmTjenestetilbud/2012-04-01", "OrienteringOmTjenestetilbud"),
        ("po/TverrfagligEpikrise/2012-04-01", "TverrfagligEpikrise"),
        ("po/Pasientlogistikk/2012-04-01", "Pasientlogistikk"),
    ),
    *_heads(
        "1.0",
        ("HelseOpplysningerArbeidsuforhet/2013-10-01", "HelseOpplysningerArbeidsuforhet"),
        ("legeerklaring/2008-06-06", "Legeerklaring"),
        patient=False,
    ),
    *_heads(
        "",
        ("epj/EPJEkstrakt/2008-02-20", "Node"),
        ("sysvak/hendelserequest/2008-01-01", "HendelseRequest"),
        ("sysvak/hendelseresponse/2008-01-01", "HendelseResponse"),
        ("sysvak/kodeverkrequest/2008-01-01", "KodeverkRequest"),
        ("sysvak/kodeverkresponse/2008-01-01", "KodeverkResponse"),
        ("sysvak/sokrequest/2008-01-01", "SokRequest"),
        ("sysvak/sokresponse/2008-01-01", "SokResponse"),
        patient=False,
    ),
    *_heads("", ("iplos/2018", "IPLOS"), patient=False, begin="http://www.npr.no/xmlstds/"),
    MessageStandard(_NATIONAL + "apprec/2004-11-21", "AppRec", Family.APPREC, ""),
    MessageStandard(_NATIONAL + "apprec/2012-02-15", "AppRec", Family.APPREC, ""),
]

STANDARDS = {row.namespace: row for row in _ROWS}
MSGHEAD = _NATIONAL + "msghead/2006-05-24"

_PRESCRIPTION = re.compile(r"http://(www\.kith|ehelse|www\.ehelse)\.no/xmlstds/eresept/m[0-9a-z]+/[0-9-]+")


def standard_of(namespace: str, root: str = "") -> MessageStandard | None:
    """The message standard of a payload's namespace, None for one that is not known.

    E-prescription has some fifty, all in MsgHead with AppRec 1.0: they are known by their shape, with the `root` given.
    """
    found = STANDARDS.get(namespace)
    if found is None and _PRESCRIPTION.fullmatch(namespace):
        return MessageStandard(namespace, root, Family.MSGHEAD, "1.0")
    return found


def receipt_version(namespace: str) -> str:
    """The AppRec version that answers a message: "1.0", "1.1", or "" where the standard knows no receipt.

    A standard that is not known is refused all the same, in the version of its time: 1.1 since 2012.
    """
    known = standard_of(namespace)
    if known is not None:
        return known.receipt
    dated = _DATE.search(namespace)
    return "1.1" if dated and dated[1] >= _SECOND_RECEIPT else "1.0"
