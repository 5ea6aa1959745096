"""The child of `in_process`: bytes in, an answer out, until the line closes.

Run as a script of its own: it must start without importing what the parent did.
"""

import signal
import sys
from multiprocessing.connection import Connection

from iscc_tika import Extractor

_MAX_CHARACTERS = 20_000_000


def answer_files(line: Connection) -> None:
    """The child's whole life. Answers are (XHTML, metadata), or the reason for none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends us
    tika = Extractor().set_xml_output(True).set_extract_string_max_length(_MAX_CHARACTERS)
    line.send("ready")
    while True:
        try:
            content = line.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            answer: object = tika.extract_bytes_to_string(bytearray(content))
        except Exception as error:  # noqa: BLE001  whatever the library raises is this file's
            answer = str(error) or type(error).__name__
        line.send(answer)


if __name__ == "__main__":
    answer_files(Connection(int(sys.argv[1])))
