"""Files that need a password, told from their own bytes where Tika's answer does not tell."""

import io
import re
import zipfile

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR = 512
_WORD_FILE = b"\xec\xa5"
_WORD_ENCRYPTED = (11, 0x01)
"""[MS-DOC] 2.5.2, FibBase: the bit fEncrypted."""
_EXCEL_FILE = re.compile(rb"\x09\x08(?P<size>..)", re.DOTALL)
_EXCEL_ENCRYPTED = b"\x2f\x00"
"""[MS-XLS] 2.4.117: FilePass comes right after the beginning of the workbook."""
_7Z = b"7z\xbc\xaf\x27\x1c"
_7Z_AES = b"\x06\xf1\x07\x01"


def is_encrypted(content: bytes) -> bool:
    """Of OpenDocument, old Word and Excel, and 7z."""
    if content.startswith(_OLE):
        return _is_encrypted_office(content)
    if content.startswith(_7Z):
        return _7Z_AES in content
    return _is_encrypted_odf(content)


def _is_encrypted_odf(content: bytes) -> bool:
    """OpenDocument encrypts its parts one by one, and says so in its manifest."""
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as parts,
            parts.open("META-INF/manifest.xml") as manifest,
        ):
            return b"encryption-data" in manifest.read(1_000_000)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, ValueError):
        return False


def _is_encrypted_office(content: bytes) -> bool:
    """A stream begins at a sector; the first of Word and of Excel says what it is."""
    byte, bit = _WORD_ENCRYPTED
    for start in range(_SECTOR, len(content), _SECTOR):
        head = content[start : start + 32]
        if head.startswith(_WORD_FILE) and len(head) > byte:
            return bool(head[byte] & bit)
        if found := _EXCEL_FILE.match(head):
            record = 4 + int.from_bytes(found["size"], "little")
            return head[record : record + 2] == _EXCEL_ENCRYPTED
    return False
