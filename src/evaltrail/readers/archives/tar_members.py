"""The members of a tar stream, read forward only and with every length bounded.

Formats: v7, ustar (POSIX.1-1988), pax (POSIX.1-2001) and GNU. The library's reader takes a damaged header for the end,
and holds extension headers of any size in memory, which a hostile archive may use; here both are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from evaltrail.readers.archives.member import PIECE_BYTES, BrokenArchiveError, Member

Read = Callable[[int], bytes]
"""At most so many bytes from where the last ones ended; fewer only at the end."""

_BLOCK = 512
_MOST_EXTENSION_BYTES = 1_000_000
_MOST_EXTENSIONS = 16
_FILES = b"0\x007"
_WITHOUT_DATA: Mapping[bytes, str] = {
    b"1": "it is a link",
    b"2": "it is a link",
    b"3": "it is a device",
    b"4": "it is a device",
    b"5": "",
    b"6": "it is a pipe",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    name: bytes
    kind: bytes
    size: int
    modified_at: float
    has_holes: bool = False


def tar_members(read: Read) -> Iterator[Member]:
    """Each member; what is not taken of one is passed over. The stream is read to its end.

    Raises:
        BrokenArchiveError: a header is damaged, or the stream ends before the mark of the archive's end.
    """
    while (header := _next_header(read)) is not None:
        content = _content(read, header.size)
        yield _member(header, content)
        for _ in content:
            pass
        _exactly(read, -header.size % _BLOCK)
    while read(PIECE_BYTES):
        pass


def is_header(block: bytes) -> bool:
    """Whether a block of 512 bytes has the checksum of a member's header."""
    if len(block) < _BLOCK:
        return False
    try:
        said = _number(block[148:156])
    except BrokenArchiveError:
        return False
    counted = block[:148] + b" " * 8 + block[156:_BLOCK]
    unsigned = sum(counted)
    return said in {unsigned, unsigned - 256 * sum(each > 127 for each in counted)}


def _member(header: _Header, content: Iterator[bytes]) -> Member:
    name = header.name.decode("utf-8", "replace")
    is_file = header.kind in _FILES and not header.has_holes
    why_not = "" if is_file else _WITHOUT_DATA.get(header.kind, "it is no plain file")
    is_folder = header.kind == b"5" or (is_file and name.endswith("/"))
    return Member(name=name, pieces=content, is_folder=is_folder, why_not=why_not, modified_at=header.modified_at)


def _next_header(read: Read) -> _Header | None:
    """The header of the next member with what extension headers say of it, or None at the end."""
    told: dict[bytes, bytes] = {}
    for _ in range(_MOST_EXTENSIONS):
        block = _exactly(read, _BLOCK)
        if not any(block):
            return None
        if not is_header(block):
            raise BrokenArchiveError("a header in it is damaged")
        kind = block[156:157]
        if kind not in b"xXgLK":
            return _told(_header(block, kind, read), told)
        text = _extension(read, _number(block[124:136]))
        if kind == b"L":
            told.setdefault(b"path", text.partition(b"\0")[0])
        elif kind in b"xX":
            told.update(_records(text))
    raise BrokenArchiveError("a member has too many headers")


def _header(block: bytes, kind: bytes, read: Read) -> _Header:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    is_old_sparse = kind == b"S"
    goes_on = is_old_sparse and block[482] != 0
    while goes_on:
        goes_on = _exactly(read, _BLOCK)[504] != 0
    try:
        modified_at = float(_number(block[136:148]))
    except BrokenArchiveError:
        modified_at = 0.0
    return _Header(
        name=prefix + b"/" + name if prefix else name,
        kind=kind,
        size=0 if kind in _WITHOUT_DATA else _number(block[124:136]),
        modified_at=modified_at,
        has_holes=is_old_sparse,
    )


def _told(header: _Header, told: Mapping[bytes, bytes]) -> _Header:
    """The header with what its extension headers say instead."""
    size = header.size
    if b"size" in told and header.kind not in _WITHOUT_DATA:
        if not told[b"size"].isdigit() or len(told[b"size"]) > 20:
            raise BrokenArchiveError("the size of a member is damaged")
        size = int(told[b"size"])
    has_holes = header.has_holes or any(key.startswith(b"GNU.sparse.") for key in told)
    return replace(header, name=told.get(b"path", header.name), size=size, has_holes=has_holes)


def _extension(read: Read, size: int) -> bytes:
    if size > _MOST_EXTENSION_BYTES:
        raise BrokenArchiveError(f"a header in it says that it has {size:,} bytes")
    return _exactly(read, size + -size % _BLOCK)[:size]


def _records(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each record ``<length> <key>=<value>`` and a line's end."""
    start = 0
    while start < len(text):
        length, space, _ = text[start : start + 20].partition(b" ")
        if not space or not length.isdigit() or not len(length) + 1 < int(length) <= len(text) - start:
            raise BrokenArchiveError("an extension header in it is damaged")
        key, _, value = text[start + len(length) + 1 : start + int(length) - 1].partition(b"=")
        yield key, value
        start += int(length)


def _content(read: Read, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = _exactly(read, min(size, PIECE_BYTES))
        size -= len(piece)
        yield piece


def _exactly(read: Read, size: int) -> bytes:
    data = read(size)
    if len(data) < size:
        raise BrokenArchiveError("it ends too early")
    return data


def _number(field: bytes) -> int:
    """The number in a header's field: octal digits, or for great ones the bytes themselves."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    if digits and not (digits.isdigit() and b"8" not in digits and b"9" not in digits):
        raise BrokenArchiveError("a number in a header is damaged")
    return int(digits or b"0", 8)
