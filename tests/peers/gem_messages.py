"""Messages that secsgem has no class for, or sends otherwise than the standard lets a host send them."""
import sys

try:
    import secsgem.secs
except ImportError as e:
    sys.exit(f"missing Python package secsgem ({e}): pip install -r tests/peers/requirements.txt")


class S64F1(secsgem.secs.SecsStreamFunction):
    """A message of a stream that GEM has not."""

    _stream, _function, _data_format = 64, 1, None
    _to_host, _to_equipment, _has_reply, _is_reply_required, _is_multi_block = True, True, True, True, False


class S1F99(S64F1):
    """A function that GEM has not."""

    _stream, _function = 1, 99


class S2F31(S64F1):
    """Sets the clock; secsgem has no class for it."""

    _stream, _function = 2, 31

    def __init__(self, text):
        super().__init__()
        self.__dict__["text"] = text.encode()

    def encode(self):
        return bytes([0x41, len(self.text)]) + self.text


class S2F32(S64F1):
    """Its answer, which is looked at as bytes."""

    _stream, _function = 2, 32

    def decode(self, _data):
        pass


class S2F39(S64F1):
    """Asks for a long message; secsgem has no class for it: DATAID 7, and a length of four bytes."""

    _stream, _function = 2, 39

    def __init__(self, length):
        super().__init__()
        self.__dict__["length"] = length

    def encode(self):
        return b"\x01\x02\xb1\x04\0\0\0\x07\xb1\x04" + self.length.to_bytes(4, "big")


class S2F40(S2F32):
    """Its answer."""

    _stream, _function = 2, 40


class S10F5(S64F1):
    """Shows two lines; the same."""

    _stream, _function = 10, 5

    def encode(self):
        return b"\x01\x02\x21\x01\0\x01\x02\x41\x03one\x41\x03two"


class S10F6(S2F32):
    """Its answer."""

    _stream, _function = 10, 6


class S1F3(S64F1):
    """Asks for status variables with a text where a list should be."""

    _stream, _function = 1, 3

    def encode(self):
        return b"\x41\x03all"


class S5F3(secsgem.secs.functions.SecsS05F03):
    """Turns an alarm on or off. The reply is the sender's to ask for (SEMI E5), and secsgem does not."""

    _is_reply_required = True


class S10F3(secsgem.secs.functions.SecsS10F03):
    """Shows a text; the same."""

    _is_reply_required = True


class S2F21(S64F1):
    """A command by its name alone; secsgem asks for no reply."""

    _stream, _function = 2, 21

    def __init__(self, name):
        super().__init__()
        self.__dict__["name"] = name.encode()

    def encode(self):
        return bytes([0x41, len(self.name)]) + self.name


class S2F22(S2F32):
    """Its answer."""

    _stream, _function = 2, 22


class S2F49(S2F21):
    """An enhanced command without parameters; the same: DATAID 7, no OBJSPEC."""

    _stream, _function = 2, 49

    def encode(self):
        return b"\x01\x04\xb1\x04\0\0\0\x07\x41\0" + super().encode() + b"\x01\0"


class S2F50(S2F32):
    """Its answer."""

    _stream, _function = 2, 50
