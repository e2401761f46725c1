"""The texts of TTLVError, by number. Read when such an error is made; a board may leave this file out,
and has the numbers then."""

_TEXTS = (
    "a structure is still open|message does not fit into the buffer, it would end|nested too deep|"
    "no structure is open|number out of range|wrong or unknown type|item cut short|no KMIP tag|"
    "wrong length for its type|length runs past the end|bytes behind the message|padding is not zero|"
    "Boolean is neither 0 nor 1|answer to another request|text is not UTF-8|value does not fit into "
    "the target|empty message|no item, or too many items|answer to another operation|unknown Result Status|"
    "answer in another protocol version|critical extension that is not understood|not a KMIP answer|"
    "answer longer than the buffer|no protocol version in common|not a field of this KMIP version|"
    "KMIP 1.0 needs a certificate request|nothing to allocate|object of a type that is not known|"
    "answer to another item|batch count is not the number of items|success without an operation"
)


def text(number):
    """The text of an error, or for a tag that its item is missing. Allocates all of them for a moment."""
    if number >= 0x420000:
        return "no item %06X" % number
    return _TEXTS.split("|")[number]
