"""Small photographs, written by hand: PNG, and JPEG of one grey value a block."""

import random
import struct
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height, depth=8, colour=2, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_of(rows, width, colour=2, extra=b""):
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 6)
    return SIGNATURE + header(width, len(rows), 8, colour) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def drawn(width=96, height=80, seed=0, shapes=40):
    """A PNG of rectangles one over another: edges at every scale, as photographs have them."""
    chance = random.Random(seed)
    rows = [bytearray(bytes((90 + (y * 60) // height, 120, 150 - (y * 70) // height)) * width) for y in range(height)]
    for _ in range(shapes):
        left, top = chance.randrange(width), chance.randrange(height)
        right, bottom = min(width, left + chance.randint(2, 30)), min(height, top + chance.randint(2, 30))
        line = bytes(chance.randrange(256) for _ in range(3)) * (right - left)
        for y in range(top, bottom):
            rows[y][left * 3:right * 3] = line
    return png_of(rows, width)


def flat(width, height, value=128):
    """A large PNG that takes little space and little time to write."""
    row = b"\0" + bytes((value, value // 2, 255 - value)) * width
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return SIGNATURE + header(width, height) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def size_of(png):
    return struct.unpack(">II", png[16:24])


def is_whole_png(data):
    """Signature, chunks with right checksums, an end, and nothing after it."""
    if not data.startswith(SIGNATURE):
        return False
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        check = data[at + 8 + length:at + 12 + length]
        if len(check) < 4 or struct.unpack(">I", check)[0] != zlib.crc32(kind + body):
            return False
        at += 12 + length
        if kind == b"IEND":
            return at == len(data)
    return False


def segment(marker, data):
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def exif(orientation):
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
    return segment(0xE1, b"Exif\0\0" + tiff)


def jpeg(width=96, height=80, seed=0, extra=b""):
    """A baseline JPEG in grey whose blocks have their mean alone (ITU T.81): twelve codes of four bits tell the length of
    the difference to the block before, one of one bit ends the block."""
    chance, bits, before = random.Random(seed), [], 0
    for _ in range(((width + 7) // 8) * ((height + 7) // 8)):
        value = chance.randint(-100, 100)
        difference, before = value - before, value
        size = abs(difference).bit_length()
        bits.append(f"{size:04b}")
        if size:
            bits.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
        bits.append("0")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    tables = segment(0xDB, b"\0" + b"\x08" * 64)
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
    huffman = segment(0xC4, b"\0" + bytes((0, 0, 0, 12) + (0, ) * 12) + bytes(range(12)))
    huffman += segment(0xC4, b"\x10" + bytes((1, ) + (0, ) * 15) + b"\0")
    return b"\xff\xd8" + extra + tables + frame + huffman + segment(0xDA, b"\x01\x01\0\0\x3f\0") + data + b"\xff\xd9"
