"""Files that mean harm, or are only broken, made on the fly: `HOSTILE` lists them."""

import gzip
import random
import struct
import zlib
from collections.abc import Callable, Iterable
from email.message import EmailMessage
from functools import cache, partial
from itertools import pairwise

from tests.samples.files import sample_bytes
from tests.samples.office import Content, zipped
from tests.samples.pdf_files import pdf
from tests.shared_files import SHARED, is_there

REAL = SHARED / "documents" / "formats" / "unstructured"
MEGABYTE = bytes(1 << 20)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def locked(archive: bytes, name: str, method: int = 8) -> bytes:
    """The archive, in which that file needs a password (99: AES, otherwise ZipCrypto)."""
    made = bytearray(archive)
    for mark, flags, at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        start = made.find(mark)
        while start >= 0:
            if made[start + at : start + at + len(name)] == name.encode():
                made[start + flags] |= 1
                made[start + flags + 2 : start + flags + 4] = struct.pack("<H", method)
            start = made.find(mark, start + 1)
    return bytes(made)


def _ooxml(main: str, kind: str, part: Content, more: dict[str, Content]) -> bytes:
    package = "http://schemas.openxmlformats.org/package/2006"
    types = (
        f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/{main}" ContentType="application/vnd.openxmlformats-officedocument.'
        f'{kind}.main+xml"/></Types>'
    )
    relations = (
        f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{_OFFICE}/officeDocument" Target="{main}"/></Relationships>'
    )
    parts: dict[str, Content] = {
        "[Content_Types].xml": types.encode(),
        "_rels/.rels": relations.encode(),
        main: part,
    }
    return zipped(parts | more)


def docx(body: Content, doctype: str = "") -> bytes:
    """A text document around paragraphs."""
    head = f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{_WORD}"><w:body>'
    pieces = [body] if isinstance(body, bytes) else body
    whole = [head.encode(), *pieces, b"</w:body></w:document>"]
    return _ooxml("word/document.xml", "wordprocessingml.document", whole, {})


def paragraph(text: str) -> bytes:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>".encode()


def xlsx(rows: Iterable[bytes]) -> bytes:
    """A workbook of one sheet."""
    book = (
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/s.xml"/>'
        "</Relationships>"
    )
    sheet = [f'<worksheet xmlns="{_SHEET}"><sheetData>'.encode(), *rows]
    more: dict[str, Content] = {
        "xl/_rels/workbook.xml.rels": relations.encode(),
        "xl/worksheets/s.xml": [*sheet, b"</sheetData></worksheet>"],
    }
    return _ooxml("xl/workbook.xml", "spreadsheetml.sheet", book.encode(), more)


def odt(text: str, doctype: str = "") -> bytes:
    content = (
        f'<?xml version="1.0"?>{doctype}<office:document-content xmlns:office="{_ODF}:office:1.0" '
        f'xmlns:text="{_ODF}:text:1.0"><office:body><office:text><text:p>{text}</text:p>'
        "</office:text></office:body></office:document-content>"
    )
    kind = b"application/vnd.oasis.opendocument.text"
    return zipped({"mimetype": kind, "content.xml": content.encode()})


def svg(text: str, doctype: str = "") -> bytes:
    return f'{doctype}<svg xmlns="http://www.w3.org/2000/svg"><text>{text}</text></svg>'.encode()


def xml(text: str, doctype: str = "") -> bytes:
    return f'<?xml version="1.0"?>{doctype}<note>{text}</note>'.encode()


WITH_DOCTYPE: dict[str, Callable[[str, str], bytes]] = {
    "xml": xml,
    "svg": svg,
    "odt": odt,
    "docx": lambda text, doctype: docx(paragraph(text), doctype),
}


def laughs(kind: str) -> bytes:
    """A billion of them, by entities of entities."""
    names = "abcdefghi"
    entities = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names)
    )
    return WITH_DOCTYPE[kind]("rire &i; fin", f'<!DOCTYPE x [<!ENTITY a "ha">{entities}]>')


def outside(kind: str, port: int) -> bytes:
    """Entities that stand in a file of this machine and behind an address."""
    address = f"http://127.0.0.1:{port}"
    doctype = (
        f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY h SYSTEM "{address}/h">'
        f'<!ENTITY % p SYSTEM "{address}/p"> %p;]>'
    )
    return WITH_DOCTYPE[kind]("dehors &f;&h; fin", doctype)


def mail(attached: Iterable[tuple[str, bytes]]) -> bytes:
    made = EmailMessage()
    made["Subject"], made["From"] = "Envoi", "a@exemple.fr"
    made.set_content("Bonjour, voici les annexes.")
    for name, content in attached:
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


def nested_mail(depth: int) -> bytes:
    made = b"From: a@exemple.fr\nSubject: fond\n\nle fond\n"
    for level in range(depth):
        border = f"b{level}".encode()
        made = (
            b"From: a@exemple.fr\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
            b"boundary=%s\n\n--%s\nContent-Type: text/plain\n\nniveau %d\n--%s\n"
            b"Content-Type: message/rfc822\n\n%s\n--%s--\n"
        ) % (border, border, level, border, made, border)
    return made


def nested_zip(depth: int, width: int = 1, core: bytes = b"le fond") -> bytes:
    made = zipped({"fond.txt": core})
    for level in range(depth):
        inner: dict[str, Content] = {f"{n}.zip": made for n in range(width)}
        made = zipped(inner | {f"t{level}.txt": b"niveau"})
    return made


def page_loop() -> bytes:
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 2>>",
            b"<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>",
        ]
    )


@cache
def _compressed(block: bytes, times: int) -> bytes:
    """A zlib stream of a block repeated so many times, which is compressed once."""
    compressor = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    once = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(times):
        checksum = zlib.adler32(block, checksum)
    return b"\x78\x01" + once * times + b"\x03\x00" + struct.pack(">I", checksum)


def heavy_pdf() -> bytes:
    """One page of a gigabyte of instructions, in six megabytes."""
    stream = _compressed(b"BT /F1 12 Tf (Le cadastre) Tj ET\n" * 30_000, 1_000)
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>>>>>>",
            b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(stream), stream),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


@cache
def many_attachments() -> bytes:
    """A mail of five thousand."""
    part = b'--x\nContent-Disposition: attachment; filename="a%d.txt"\n\npiece\n'
    head = b'Subject: Envoi\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n'
    body = b"--x\nContent-Type: text/plain\n\nVoici les annexes.\n"
    return head + body + b"".join(part % n for n in range(5_000)) + b"--x--\n"


@cache
def zeros_gz() -> bytes:
    return gzip.compress(MEGABYTE * 200, 1)


def damaged(whole: bytes, seed: int) -> bytes:
    """A file with one byte in fifty changed."""
    draw = random.Random(seed)
    made = bytearray(whole)
    for at in draw.sample(range(len(made)), len(made) // 50):
        made[at] = draw.randrange(256)
    return bytes(made)


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) * 2 // 3]


_CELLS = b"<row>" + b"<c><v>12345</v></c>" * 1_000 + b"</row>"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "zeros.zip": lambda: zipped({"zeros.txt": (MEGABYTE for _ in range(1024))}),
    "zeros.docx": lambda: docx(MEGABYTE for _ in range(300)),
    "zeros.gz": zeros_gz,
    "endless.gz": lambda: zeros_gz()[:-100_000],
    "wide.zip": lambda: nested_zip(4, 12, MEGABYTE),
    "deep.zip": lambda: nested_zip(100),
    "deep.eml": lambda: nested_mail(150),
    "deep.html": lambda: b"<html><body>" + b"<div>" * 50_000 + b"fond" + b"</div>" * 50_000,
    "deep.xml": lambda: b'<?xml version="1.0"?>' + b"<a>" * 50_000 + b"fond" + b"</a>" * 50_000,
    "cells.xlsx": lambda: xlsx(_CELLS for _ in range(10_000)),
    "empty-cells.xlsx": lambda: xlsx(b"<row>" + b"<c/>" * 1_000 + b"</row>" for _ in range(5_000)),
    "paragraphs.docx": lambda: docx(paragraph("Le cadastre") * 1000 for _ in range(5_000)),
    "table.csv": lambda: b"12;cadastre;34\n" * 1_200_000,
    "loop.pdf": page_loop,
    "many.eml": many_attachments,
    "nothing.eml": lambda: mail([("vide.txt", b""), ("vide.pdf", b"")]),
    "names.eml": lambda: mail([("a\x01b\x1b[31m.txt", b"Le cadastre")]),
    "names.zip": lambda: zipped({"a\x01\n\x1b[31m.txt": b"Le cadastre", "../../x.txt": b"dehors"}),
    "liar.pdf": lambda: sample_bytes("effectifs.docx"),
    "liar.docx": lambda: sample_bytes("accueil.html"),
    "cut.pdf": lambda: cut(sample_bytes("ferme.pdf")),
    "cut.xlsx": lambda: cut(sample_bytes("effectifs.xlsx")),
    "cut.msg": lambda: cut(sample_bytes("amendes.msg")),
    "damaged.doc": lambda: damaged(sample_bytes("notaire.doc"), 1),
    "damaged.docx": lambda: damaged(sample_bytes("effectifs.docx"), 2),
    "damaged.ppt": lambda: damaged(sample_bytes("accueil.ppt"), 3),
    "nothing.docx": bytes,
    **{f"laughs.{kind}": partial(laughs, kind) for kind in WITH_DOCTYPE},
}
"""By file name. None is larger than twenty megabytes, whatever it unpacks to."""

if is_there("documents"):
    HOSTILE |= {
        "real-liar.pdf": lambda: (REAL / "simple.docx").read_bytes(),
        "real-liar.docx": lambda: (REAL / "fake-html.html").read_bytes(),
        "real-cut.pdf": lambda: cut((REAL / "pdf__password.pdf").read_bytes()),
        "real-cut.xlsx": lambda: cut((REAL / "stanley-cups.xlsx").read_bytes()),
        "real-cut.msg": lambda: cut((REAL / "fake-email-attachment.msg").read_bytes()),
        "real-damaged.doc": lambda: damaged((REAL / "fake.doc").read_bytes(), 1),
        "real-damaged.docx": lambda: damaged((REAL / "simple.docx").read_bytes(), 2),
        "real-damaged.ppt": lambda: damaged((REAL / "fake-power-point.ppt").read_bytes(), 3),
    }
