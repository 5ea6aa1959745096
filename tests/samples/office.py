"""Office files as they are written today: text documents, workbooks, presentations."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

import docx

Content = bytes | Iterable[bytes]

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KINDS = "application/vnd.openxmlformats-officedocument"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_PARAGRAPH = "<a:p><a:r><a:t>{}</a:t></a:r></a:p>"


def zipped(parts: Mapping[str, Content]) -> bytes:
    """An archive of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                for piece in [content] if isinstance(content, bytes) else content:
                    part.write(piece)
    return packed.getvalue()


def text_document(
    paragraphs: Sequence[tuple[str, str]] = (),
    *,
    rows: Sequence[Sequence[str]] = (),
    header: str = "",
    footer: str = "",
) -> bytes:
    """A .docx: paragraphs with their style's name, then a table. Word's own title is kept."""
    document = docx.Document()
    document.core_properties.title = "Microsoft Word - Document1.docx"
    for style, text in paragraphs:
        document.add_paragraph(text, style=style or None)
    if rows:
        table = document.add_table(0, len(rows[0]))
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    section = document.sections[0]
    if header:
        section.header.paragraphs[0].text = header
    if footer:
        section.footer.paragraphs[0].text = footer
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def open_document(paragraphs: Sequence[tuple[str, str]]) -> bytes:
    """An .odt: paragraphs, each a heading (`h`) or not (`p`)."""
    body = "".join(f"<text:{kind}>{escape(text)}</text:{kind}>" for kind, text in paragraphs)
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{_ODF}:office:1.0" '
        f'xmlns:text="{_ODF}:text:1.0"><office:body><office:text>{body}</office:text>'
        "</office:body></office:document-content>"
    )
    manifest = (
        f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
        "</manifest:manifest>"
    )
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": manifest.encode(),
        }
    )


def workbook(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """An .xlsx of sheets by name, whose cells are texts."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts: dict[str, tuple[str, str]] = {}
    listed, relations = "", ""
    for number, (name, rows) in enumerate(sheets.items(), 1):
        listed += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"/>'
        relations += _relation(number, "worksheet", f"worksheets/sheet{number}.xml")
        cells = "".join("<row>" + "".join(_cell(text) for text in row) + "</row>" for row in rows)
        sheet = f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>'
        parts[f"xl/worksheets/sheet{number}.xml"] = ("spreadsheetml.worksheet", sheet)
    book = f'<workbook xmlns="{main}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    parts["xl/workbook.xml"] = ("spreadsheetml.sheet.main", book)
    return _package(parts, "xl/workbook.xml", {"xl/_rels/workbook.xml.rels": relations})


def _cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def presentation(slides: Sequence[Sequence[str]], picture: bytes = b"") -> bytes:
    """A .pptx: the paragraphs of each slide, and on each a picture where one is given."""
    names = (
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        f'xmlns:r="{_OFFICE}"'
    )
    group = (
        '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    )
    empty = f"<p:cSld><p:spTree>{group}</p:spTree></p:cSld>"
    colours = " ".join(
        f'{name}="{name if name[0] in "afh" else to}"'
        for name, to in zip(
            ("bg1", "tx1", "bg2", "tx2", *(f"accent{n}" for n in range(1, 7)), "hlink", "folHlink"),
            ("lt1", "dk1", "lt2", "dk2", *[""] * 8),
            strict=True,
        )
    )
    parts = {
        "ppt/slideMasters/m.xml": (
            "presentationml.slideMaster",
            f"<p:sldMaster {names}>{empty}<p:clrMap {colours}/></p:sldMaster>",
        ),
        "ppt/slideLayouts/l.xml": (
            "presentationml.slideLayout",
            f"<p:sldLayout {names}>{empty}</p:sldLayout>",
        ),
    }
    relations = {
        "ppt/slideMasters/_rels/m.xml.rels": _relation(1, "slideLayout", "../slideLayouts/l.xml"),
        "ppt/slideLayouts/_rels/l.xml.rels": _relation(1, "slideMaster", "../slideMasters/m.xml"),
    }
    listed, own = "", _relation(1, "slideMaster", "slideMasters/m.xml")
    shown = (
        '<p:pic><p:nvPicPr><p:cNvPr id="9" name="i"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr>'
        '<p:blipFill><a:blip r:embed="r2"/></p:blipFill><p:spPr/></p:pic>'
        if picture
        else ""
    )
    for number, texts in enumerate(slides, 1):
        body = "".join(_PARAGRAPH.format(escape(text)) for text in texts)
        box = (
            '<p:sp><p:nvSpPr><p:cNvPr id="2" name="t"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
            f"<p:txBody><a:bodyPr/>{body}</p:txBody></p:sp>"
            if body
            else ""
        )
        slide = f"<p:cSld><p:spTree>{group}{box}{shown}</p:spTree></p:cSld>"
        parts[f"ppt/slides/s{number}.xml"] = (
            "presentationml.slide",
            f"<p:sld {names}>{slide}</p:sld>",
        )
        relations[f"ppt/slides/_rels/s{number}.xml.rels"] = _relation(
            1, "slideLayout", "../slideLayouts/l.xml"
        ) + (_relation(2, "image", "../media/i.png") if picture else "")
        own += _relation(number + 1, "slide", f"slides/s{number}.xml")
        listed += f'<p:sldId id="{255 + number}" r:id="r{number + 1}"/>'
    parts["ppt/presentation.xml"] = (
        "presentationml.presentation.main",
        f'<p:presentation {names}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="r1"/>'
        f'</p:sldMasterIdLst><p:sldIdLst>{listed}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/>'
        '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
    )
    relations["ppt/_rels/presentation.xml.rels"] = own
    more = {"ppt/media/i.png": picture} if picture else {}
    return _package(parts, "ppt/presentation.xml", relations, more)


def _package(
    parts: Mapping[str, tuple[str, str]],
    main: str,
    relations: Mapping[str, str],
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """An Office package: each part with its kind, and which part names which."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{_KINDS}.{kind}+xml"/>'
        for name, (kind, _) in parts.items()
    )
    types = (
        f'<?xml version="1.0"?><Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="png" ContentType="image/png"/>{overrides}</Types>'
    )
    named = {"_rels/.rels": _relation(1, "officeDocument", main), **relations}
    return zipped(
        {
            "[Content_Types].xml": types.encode(),
            **{name: _relations(listed) for name, listed in named.items()},
            **{name: content.encode() for name, (_, content) in parts.items()},
            **(more or {}),
        }
    )


def _relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _relations(listed: str) -> bytes:
    return (
        f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships">{listed}'
        "</Relationships>"
    ).encode()


def png() -> bytes:
    """A grey square of 16 pixels."""
    header = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes([n * 16] * 16) for n in range(16))
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
