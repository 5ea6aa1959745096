"""Contract of extractors for the project's sample files, and for real files."""

import io
import zipfile
from dataclasses import dataclass

from indexer.errors import ExtractionFailed
from indexer.ports import Extractor
from indexer.values import Extracted, Failure
from tests.samples.files import SAMPLES, WITHOUT_TEXT, sample_bytes
from tests.shared_files import SHARED, is_there

FORMATS = SHARED / "documents" / "formats"


def content_of(file: str) -> bytes:
    """The bytes of a sample of the project's own, or of a real file in `../shared`."""
    return sample_bytes(file) if file in SAMPLES | WITHOUT_TEXT else (FORMATS / file).read_bytes()


@dataclass(frozen=True, slots=True)
class Readable:
    """A file and what its text must hold.

    Words, and where the format gives them a heading, the last page, an attachment's
    path, the title.
    """

    file: str
    words: tuple[str, ...]
    heading: str = ""
    pages: int | None = None
    path: str = ""
    title: str | None = None

    def content(self) -> bytes:
        return content_of(self.file)


OWN = (
    Readable(
        "regie.docx", ("encaisse", "quittances"), heading="Clore une régie", title="Clore une régie"
    ),
    Readable("effectifs.docx", ("Cadastre", "31")),
    Readable("bail.odt", ("emphytéotique",), heading="Le bail", title="Le bail"),
    Readable("court.odt", ("échelle",)),
    Readable("notaire.doc", ("notaire", "signature")),
    Readable("reunion.rtf", ("réunion", "pêche à pied")),
    Readable("rapport.pdf", ("Première", "bornage", "vacance"), pages=4),
    Readable("envoi.pdf", ("Bordereau", "coffres"), pages=1),
    Readable("effectifs.xlsx", ("Recouvrement", "31"), heading="Postes vacants", title=""),
    Readable("tarifs.pptx", ("cantine",), pages=1),
    Readable("formation.pptx", ("Module 1", "anonyme"), pages=6),
    Readable("accueil.ppt", ("Bienvenue", "horaires"), pages=2),
    Readable(
        "amendes.msg", ("révisé", "Stationnement"), path="bareme.txt", title="Barème des amendes"
    ),
    Readable("amendes.eml", ("révisé", "gênant"), path="bareme.txt", title="Barème des amendes"),
    Readable("entete.docx", ("Direction", "circulaire", "Page de garde")),
    Readable("accueil.html", ("mardi",), heading="Les pièces à demander", title="Fiche d'accueil"),
    Readable("communes.csv", ("Saint-Céré", "Figeac")),
    Readable("timbre.md", ("dématérialisé",), heading="Exceptions", title="Le timbre"),
    Readable("dossier.zip", ("quittances",), path="piece.docx", title=""),
)
AUTOGEN = "AutoGen: Enabling Next-Gen LLM Applications via Multi-Agent Conversation"
REAL = (
    Readable("markitdown/test.docx", ("AutoGen", "multi-agent"), heading="Abstract", title=AUTOGEN),
    Readable("unstructured/docx-tables.docx", ("table",)),
    Readable("unstructured/simple.odt", ("thought",)),
    Readable("unstructured/fake.odt", ("Lorem",)),
    Readable("unstructured/fake.doc", ("Lorem",)),
    Readable("unstructured/fake-doc.rtf", ("Heading", "Cell")),
    Readable("pypdf/004-pdflatex-4-pages__pdflatex-4-pages.pdf", ("Huardest",), pages=4),
    Readable("pypdf/025-attachment__with-attachment.pdf", ("Lorem", "takimata"), pages=1),
    Readable("unstructured/stanley-cups.xlsx", ("Flyers", "PHI"), heading="Stanley Cups Since 67"),
    Readable("unstructured/fake-power-point-table.pptx", ("Tangerine",), pages=1),
    Readable("unstructured/language-docs__eng_spa_mult.pptx", ("Todos", "humanos"), pages=6),
    Readable("unstructured/fake-power-point.ppt", ("bullet",), pages=1),
    Readable(
        "unstructured/fake-email-attachment.msg",
        ("attachments", "fake"),
        path="fake-attachment.txt",
        title="Fake email with attachment",
    ),
    Readable(
        "unstructured/eml__fake-email-attachment.eml",
        ("attachments", "fake"),
        path="fake-attachment.txt",
        title="Fake email with attachment",
    ),
    Readable("unstructured/docx-hdrftr.docx", ("Main document", "Last header para")),
    Readable("unstructured/fake-html.html", ("paragraph",), heading="A Third Heading"),
    Readable("unstructured/stanley-cups.csv", ("Maple", "Leafs")),
    Readable("markitdown/expected_outputs/test.md", ("AutoGen",)),
    Readable("markitdown/test_files.zip", ("AutoGen",), path="test.docx"),
)
READABLE = OWN + (REAL if is_there("documents") else ())

OWN_UNREADABLE = (
    ("ferme.pdf", Failure.ENCRYPTED),
    ("ferme.xlsx", Failure.ENCRYPTED),
    ("photo.png", Failure.NOT_TEXT),
    ("photo.pptx", Failure.IMAGE_ONLY),
    ("numerise.pdf", Failure.IMAGE_ONLY),
    ("vide.eml", Failure.EMPTY),
)
REAL_UNREADABLE = (
    ("pypdf/005-libreoffice-writer-password__libreoffice-writer-password.pdf", Failure.ENCRYPTED),
    ("unstructured/pdf__password.pdf", Failure.ENCRYPTED),
    ("unstructured/password_protected.xlsx", Failure.ENCRYPTED),
    ("unstructured/img__DA-1p.png", Failure.NOT_TEXT),
    ("unstructured/picture.pptx", Failure.IMAGE_ONLY),
    ("pypdf/019-grayscale-image__grayscale-image.pdf", Failure.IMAGE_ONLY),
    ("unstructured/eml__empty.eml", Failure.EMPTY),
)
UNREADABLE = OWN_UNREADABLE + (REAL_UNREADABLE if is_there("documents") else ())


def encrypted_odt() -> bytes:
    """An OpenDocument text whose parts are ciphertext, as its manifest says."""
    manifest = (
        '<?xml version="1.0"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">'
        '<manifest:encryption-data manifest:checksum-type="SHA256/1K"/>'
        "</manifest:file-entry></manifest:manifest>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        parts.writestr("content.xml", bytes(range(1, 256)) * 8)
        parts.writestr("META-INF/manifest.xml", manifest)
    return packed.getvalue()


def cut_docx() -> bytes:
    """The first bytes of a text document: its directory is lost."""
    return sample_bytes("effectifs.docx")[:2000]


MADE = (
    ("encrypted.odt", encrypted_odt, Failure.ENCRYPTED),
    ("cut.docx", cut_docx, Failure.UNREADABLE),
    ("empty.docx", bytes, Failure.EMPTY),
    ("noise.pdf", lambda: b"\x01\xf3\x9c\x80" * 200, Failure.UNREADABLE),
    ("spaces.txt", lambda: b"  \n \n", Failure.EMPTY),
)


def reads(extractor: Extractor, sample: Readable) -> None:
    extracted = extractor.extract(sample.content(), sample.file.rpartition("/")[2], None)
    _is_clean(extracted)
    text = " ".join(section.text for section in extracted.sections)
    assert all(word in text for word in sample.words)
    if sample.heading:
        assert any(sample.heading in section.heading for section in extracted.sections)
    if sample.pages:
        pages = [section.page for section in extracted.sections if section.page]
        assert pages == sorted(pages)
        assert pages[-1] == sample.pages
    if sample.path:
        assert any(section.path == sample.path for section in extracted.sections)
    if sample.title is not None:
        assert extracted.title == sample.title


def _is_clean(extracted: Extracted) -> None:
    for section in extracted.sections:
        assert section.text
        assert section.text == section.text.strip()
        assert not any(ord(letter) < 32 and letter != "\n" for letter in section.text)
        assert "\u00ad" not in section.text
        assert "<p>" not in section.text
    for moment in (extracted.created, extracted.modified):
        assert moment is None or moment.tzinfo is not None


def fails(extractor: Extractor, content: bytes, filename: str, failure: Failure) -> None:
    said = _failure_of(extractor, content, filename)
    assert said is failure, f"{filename}: {said}"


def _failure_of(extractor: Extractor, content: bytes, filename: str) -> Failure | None:
    try:
        extractor.extract(content, filename, None)
    except ExtractionFailed as failed:
        return failed.failure
    return None


def goes_on_after_a_failure(extractor: Extractor) -> None:
    fails(extractor, MADE[1][1](), "cut.docx", Failure.UNREADABLE)
    reads(extractor, READABLE[0])
