"""Faults that are put into files: in single bytes, and in what the bytes mean.

`damaged` knows gzip and zip, JSON, safetensors, protobuf, pickle and TOML by their contents, takes them apart half of
the time, damages one part and writes the rest around it as it has to be, so that what stands deeper is tried as well.
"""

import gzip
import io
import json
import re
import struct
import warnings
import zipfile
import zlib

EXTREMES = [0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1]
NUMBERS = [-(2**63), -1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 10**30, *EXTREMES]
DEEP = [3, 60, 1_000, 30_000]
"""How many things are put into each other."""
ODD_NAMES = [b"", b"\0", b"../../x", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"a\n\x1b[2J", b"=1+1", b"n" * 70_000]
"""Names that are empty, lead elsewhere, are no UTF-8, move the cursor, are formulas, or are very long."""
LONGEST = 200_000
"""Bytes above which nothing is put into a file any more: what is tried is what it says, not what it has."""


def damaged(content, rng):
    """A copy with faults: as a whole, in what it means, or in one to four places."""
    if rng.random() < 0.02:
        return rng.choice([b"", bytes(len(content)), b" " * len(content), content * 2, b"\xff" * len(content)])
    known = [meant for is_one, meant in MEANT if is_one(content)]
    if known and rng.random() < 0.6:
        try:
            return rng.choice(known)(content, rng)
        except (
            ValueError,
            LookupError,
            TypeError,
            ArithmeticError,
            RecursionError,
            EOFError,
            struct.error,
            zlib.error,
        ):
            pass  # it is none of these any more, as after an earlier fault
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        rng.choice(FAULTS)(data, place(data, rng), rng)
    return bytes(data)


def place(data, rng):
    return rng.randrange(max(1, min(len(data), rng.choice([40, 400, len(data)]))))


def flip(data, at, rng):
    if data:
        data[at] ^= 1 << rng.randrange(8)


def cut(data, at, rng):
    del data[at : at + rng.choice([1, 4, 100])]


def truncate(data, at, rng):
    if rng.random() < 0.3:
        del data[at:]


def insert(data, at, rng):
    data[at:at] = rng.randbytes(rng.randint(1, 8))


def append(data, _at, rng):
    data += rng.choice([b"\0", bytes(1000), rng.randbytes(9), bytes(data[:500])])


def overwrite_length(data, at, rng):
    """A number of 1, 2, 4 or 8 bytes, of either order, that is small, huge or negative."""
    width = rng.choice([1, 2, 4, 8])
    number = rng.choice([*EXTREMES, rng.getrandbits(64), len(data)]) % 2 ** (8 * width)
    data[at : at + width] = number.to_bytes(width, rng.choice(["little", "big"]))


def overwrite_number(data, at, rng):
    """A float that is none, or larger than others."""
    form = rng.choice(["<e", "<f", "<d"])
    data[at : at + struct.calcsize(form)] = struct.pack(form, rng.choice([float("nan"), float("-inf"), 6e4, -0.0]))


def nest(data, at, rng):
    """Repeat a piece, as brackets, marks and messages in messages are."""
    piece = data[at : at + rng.choice([1, 1, 2, 5, 30])]
    data[at:at] = bytes(piece) * min(rng.choice([2, 40, 2000]), 20_000 // max(1, len(piece)))


def declare(data, _at, rng):
    """Put another number in place of one written in digits."""
    found = list(re.finditer(rb"\d+", bytes(data[:4000])))
    if found:
        one = rng.choice(found)
        number = rng.choice([b"0", b"-1", b"1e9", b"nan", b"1.5", b"1" * 5000, *(str(n).encode() for n in EXTREMES)])
        data[one.start() : one.end()] = number


def rename(data, _at, rng):
    """Another text in place of one, with its length in front of it where it has one of 1, 2, 4 or 8 bytes."""
    found = list(re.finditer(rb"[A-Za-z_][\w.]{2,}", bytes(data[:4000])))
    if not found:
        return
    one, name = rng.choice(found), rng.choice(ODD_NAMES)
    start = one.start()
    for width in (8, 4, 2, 1):
        for order in ("little", "big"):
            if start >= width and int.from_bytes(data[start - width : start], order) == len(one[0]):
                name = name[: 2 ** (8 * width) - 1]
                data[start - width : one.end()] = len(name).to_bytes(width, order) + name
                return
    data[start : one.end()] = name


FAULTS = [
    *[flip, cut, truncate, insert, append, overwrite_length, overwrite_length, overwrite_number],
    *[nest, declare, rename],
]


def packed(content, rng):
    """A gzip file whose content is damaged, or whose stream is cut off, doubled, followed by more, or miscounted."""
    inside = gzip.decompress(content)
    kind = rng.randrange(8)
    if kind < 4:
        return gzip.compress(damaged(inside, rng), 1, mtime=0)
    if kind == 4:
        return content[: rng.randrange(2, len(content))]
    if kind == 5:
        return content + rng.choice([content, content[:9], bytes(50), rng.randbytes(30)])
    if kind == 6:
        return content[:-8] + struct.pack("<II", rng.getrandbits(32), rng.choice([0, len(inside), 2**32 - 1]))
    return gzip.compress(inside + rng.choice([bytes(30_000_000), b" " * 3_000_000, inside * 20]), 1, mtime=0)


def archived(content, rng):
    """A zip archive with one part damaged and every checksum right, or with faults in its list of parts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [(entry.filename, archive.read(entry), entry.compress_type) for entry in archive.infolist()]
    hit, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    name, part, packing = parts[hit]
    kind = rng.randrange(12)
    if kind < 5:
        parts[hit] = name, damaged(part, rng), packing
    elif kind == 5:
        parts[hit], parts[other] = (name, *parts[other][1:]), (parts[other][0], part, packing)
    elif kind == 6:
        parts.insert(rng.randrange(len(parts) + 1), (name, damaged(part, rng), packing))
    elif kind == 7:
        del parts[hit]
    elif kind == 8:
        odd = rng.choice(ODD_NAMES)[:65_000].decode("utf-8", "replace")
        parts[hit] = rng.choice([odd, name[: len(name) // 2] + odd, name + "/", parts[other][0]]), part, packing
    elif kind == 9:
        parts[hit] = name, part + bytes(rng.choice([1, 10_000_000])), zipfile.ZIP_DEFLATED
    whole = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(whole, "w") as archive:
        for each, inside, how in parts:
            archive.writestr(each or "x", inside, rng.choice([how] * 20 + [zipfile.ZIP_DEFLATED]))
    return forged(whole.getvalue(), rng) if kind > 9 else whole.getvalue()


def forged(content, rng):
    """An archive with a size, a checksum, a place, a flag or a letter of a name changed in one header of one part."""
    data = bytearray(content)
    mark, fields = rng.choice(
        [
            (b"PK\1\2", [(6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4), (46, 1)]),
            (b"PK\3\4", [(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 1)]),
            (b"PK\5\6", [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
        ]
    )
    start = rng.choice([found.start() for found in re.finditer(re.escape(mark), content)])
    for at, width in rng.sample(fields, rng.randint(1, 2)):
        was = int.from_bytes(data[start + at : start + at + width], "little")
        number = rng.choice([*EXTREMES, was + 1, was - 1, was * 2, rng.getrandbits(32)]) % 2 ** (8 * width)
        data[start + at : start + at + width] = number.to_bytes(width, "little")
    return bytes(data)


class Pairs(list):
    """An object of JSON as its pairs, so that a key can be there twice."""


def as_json(value):
    """JSON of what `json.loads` gives with `Pairs`; text that is given as `bytes` stays as it is."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, Pairs):
        return b"{" + b", ".join(as_json(key) + b": " + as_json(each) for key, each in value) + b"}"
    if isinstance(value, list):
        return b"[" + b", ".join(map(as_json, value)) + b"]"
    return json.dumps(value).encode()


def places_in(value, found):
    """Every list and object inside of a value with more than nothing in it."""
    if isinstance(value, list):
        found += [value] if value else []
        for each in value:
            places_in(each[1] if isinstance(value, Pairs) else each, found)
    return found


def stated(content, rng):
    """JSON with one to three of its values or keys replaced, doubled or left out, mostly in JSON within its texts."""
    value = json.loads(content, object_pairs_hook=Pairs)
    for _ in range(rng.randint(1, 3)):
        places = places_in(value, [])
        packed = [(inside, number) for inside in places for number in range(len(inside)) if is_packed(inside, number)]
        if packed and rng.random() < 0.7:
            inside, number = rng.choice(packed)
            key, text = inside[number]
            inside[number] = key, stated(text.encode(), rng).decode("utf-8", "replace")
        else:
            restate(rng.choice(places), rng)
    return as_json(value)


def is_packed(inside, number):
    return isinstance(inside, Pairs) and isinstance(inside[number][1], str) and inside[number][1][:1] in ("{", "[")


def restate(inside, rng):
    number, is_object, kind = rng.randrange(len(inside)), isinstance(inside, Pairs), rng.randrange(8)
    old = inside[number][1] if is_object else inside[number]
    if kind == 0:
        inside.append(inside[number])
    elif kind == 1:
        del inside[number]
    elif kind == 2 and is_object:
        inside[number] = (odd_text(rng), old)
    elif kind == 3 and is_object:
        inside.append((inside[number][0], odd_value(old, rng)))
    else:
        inside[number] = (inside[number][0], odd_value(old, rng)) if is_object else odd_value(old, rng)


def odd_value(old, rng):
    """Another value; half of the time of the same kind, so that what is checked later is reached."""
    if type(old) in (int, float) and rng.random() < 0.6:
        return rng.choice([0, -1, 1, 2**31, 2**63 - 1, 2**63, old + 1, max(old - 1, 0), -old, old / 3, old * 1000])
    if isinstance(old, str) and rng.random() < 0.5:
        return rng.choice(["", old * 2, old[:1], "I8", "F64", "../" + old, "\0", "n" * 70_000, "ä\n\x1b[2J"])
    depth = rng.choice(DEEP)
    plain = [rng.choice(NUMBERS), None, True, "", [], Pairs(), [old], str(old), old, [2**40, 2**40]]
    long = [[0] * rng.choice([1, 65, 30_000]), odd_text(rng), b"1" * 5000, b"1e999", b"NaN"]
    return rng.choice([*plain, *long, b"[" * depth + b"]" * depth, b'{"a":' * depth + b"0" + b"}" * depth])


def odd_text(rng):
    name = rng.choice(ODD_NAMES)
    return rng.choice(
        [b'"' + name + b'"', b'"\\ud800"', b'"\\u0000"', json.dumps(name.decode("utf-8", "replace")).encode()]
    )


def headed(content, rng):
    """A safetensors file with other numbers, or another header, its length in front of it right, or nearly."""
    length = int.from_bytes(content[:8], "little")
    header, numbers = content[8 : 8 + length], bytearray(content[8 + length :])
    if rng.random() < 0.4:
        for _ in range(rng.randint(1, 3)):
            rng.choice([flip, overwrite_length, overwrite_number])(
                numbers, rng.randrange(max(1, len(numbers) - 8)), rng
            )
        return content[: 8 + length] + bytes(numbers)
    header = stated(header, rng)
    return struct.pack("<Q", max(len(header) + rng.choice([0] * 8 + [1, -1]), 0)) + header + bytes(numbers)


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def read_varint(content, at):
    number = shift = 0
    while True:
        byte = content[at]
        number, shift, at = number | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return number, at


def fields_of(content):
    """The fields of a protobuf message, as tag and content; raises a `ValueError` where it is none."""
    at, found = 0, []
    while at < len(content):
        tag, at = read_varint(content, at)
        start = at
        if tag >> 3 == 0 or tag & 7 not in (0, 1, 2, 5):
            raise ValueError("no message")
        if tag & 7 == 2:
            length, start = read_varint(content, at)
            at = start + length
        elif tag & 7 == 0:
            _, at = read_varint(content, at)
        else:
            at += 8 if tag & 7 == 1 else 4
        if at > len(content):
            raise ValueError("no message")
        found.append((tag, content[start:at]))
    return found


def message(fields):
    return b"".join(varint(tag) + (varint(len(content)) if tag & 7 == 2 else b"") + content for tag, content in fields)


def messages(content, rng):
    """A protobuf message with one field, mostly one that is deeper, changed, doubled, moved or put into itself."""
    fields = fields_of(content)
    number = rng.randrange(len(fields))
    tag, inside = fields[number]
    kind = rng.randrange(12)
    if tag & 7 == 2 and kind < 7:
        try:
            fields[number] = tag, messages(inside, rng)
        except (ValueError, IndexError):  # bytes or a text
            fields[number] = tag, rng.choice([damaged(inside, rng), rng.choice(ODD_NAMES), b"1" * 5000])
    elif tag & 7 == 0 and kind < 7:
        fields[number] = tag, varint(rng.choice([*EXTREMES, 2**64 - 2]))
    elif kind == 7:
        fields.insert(rng.randrange(len(fields)), (tag, inside))
    elif kind == 8:
        del fields[number]
    elif kind == 9:
        fields[number] = rng.choice([tag ^ 8, tag ^ 2, tag + 16]), inside
    elif kind == 10:
        rng.shuffle(fields)
    else:
        for _ in range(rng.choice(DEEP) if len(inside) < 1000 else 3):
            inside = message([(tag | 2, inside)]) if len(inside) < LONGEST else inside
        fields[number] = tag | 2, inside
    return message(fields)


PICKLED = [
    *[b"\x85", b"]", b"}", b")", b"(", b"0", b"2", b".", b"e", b"u", b"\x81", b"R", b"Q", b"b", b"\x93"],
    *[
        b"(lp0\n",
        b"q\0h\0\x86",
        b"cos\nsystem\n",
        b"\x8d" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\x7f",
        b"\x8e" + b"\xff" * 8,
    ],
    *[
        b"I-1\n",
        b"I" + b"9" * 6000 + b"\n",
        b"F1e999\n",
        b"\x95" + b"\xff" * 8,
        b"X\xff\xff\xff\xff",
        b"X\2\0\0\0\xff\xfe",
    ],
    *[b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"G\x7f\xf8\0\0\0\0\0\0"],
]
"""Instructions of a pickle: those that nest, call, take from the memo, and announce."""


def pickled(content, rng):
    """A pickle with instructions put into it, once or many times."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 2)):
        at, piece = rng.randrange(2, len(data)), rng.choice(PICKLED)
        data[at : at + rng.choice([0, 0, 1, 2])] = piece * min(rng.choice([1, 1, *DEEP]), LONGEST // len(piece))
    return bytes(data)


def keyed(content, rng):
    """A TOML file with lines doubled, left out or swapped, or a value that is nested or odd."""
    lines = content.splitlines()
    number, depth = rng.randrange(len(lines)), rng.choice(DEEP)
    key, equals, _ = lines[number].partition(b"=")
    kind = rng.randrange(6)
    if kind == 0:
        lines.insert(rng.randrange(len(lines)), lines[number])
    elif kind == 1:
        del lines[number]
    elif kind == 2:
        rng.shuffle(lines)
    elif equals:
        odd = [
            b"[" * depth + b"]" * depth,
            b"{a=" * depth + b"0" + b"}" * depth,
            b"a." * depth + b"a = 1",
            b"-1",
            b"nan",
        ]
        odd += [
            b"inf",
            b"1e999",
            b"9" * 5000,
            b'"\\ud800"',
            b'"' + rng.choice(ODD_NAMES) + b'"',
            b"true",
            b"1979-05-27",
        ]
        lines[number] = key + b"= " + rng.choice(odd)
    else:
        lines[number] = rng.choice([b"[" + b"a." * depth + b"a]", b"[[a]]", b"[" + rng.choice(ODD_NAMES) + b"]"])
    return b"\n".join(lines)


def is_protobuf(content):
    try:
        return content[:1] not in (b"{", b"%", b"#", b"\0") and len(fields_of(content)) > 1
    except (ValueError, IndexError):
        return False


MEANT = [
    (lambda content: content[:2] == b"\x1f\x8b", packed),
    (lambda content: content[:4] == b"PK\3\4", archived),
    (lambda content: content[:1] in (b"{", b"["), stated),
    (lambda content: content[8:9] == b"{", headed),
    (is_protobuf, messages),
    (lambda content: content[:1] == b"\x80" and content[1:2] in b"\2\3\4\5" and len(content) > 3, pickled),
    (lambda content: re.match(rb"(#.*\n|\s)*\w+ *= |(#.*\n|\s)*\[", content) is not None, keyed),
]
"""What tells a kind of file by its content, and what damages it by its meaning."""
