"""What a request's header may hold beside what every request does (1.x section 7.2, 2.x section 8.2).

    header = Header(kmip)
    header.asynchronous = True
    header.credential = username("meter-0001", "secret")

Optional: the client works without this file.
"""

from micropython import const

from kmip_lite.ttlv import TTLVError

_STRUCTURE = const(1)
_ENUMERATION = const(5)
_BOOLEAN = const(6)
_TEXT_STRING = const(7)

_TAG_ASYNCHRONOUS_INDICATOR = const(0x420007)
_TAG_AUTHENTICATION = const(0x42000C)
_TAG_BATCH_ERROR_CONTINUATION_OPTION = const(0x42000E)
_TAG_CREDENTIAL = const(0x420023)
_TAG_CREDENTIAL_TYPE = const(0x420024)
_TAG_CREDENTIAL_VALUE = const(0x420025)
_TAG_USERNAME = const(0x420099)
_TAG_PASSWORD = const(0x4200A1)
_TAG_DEVICE_IDENTIFIER = const(0x4200A2)
_TAG_MACHINE_IDENTIFIER = const(0x4200A9)
_TAG_MEDIA_IDENTIFIER = const(0x4200AA)
_TAG_NETWORK_IDENTIFIER = const(0x4200AB)
_TAG_DEVICE_SERIAL_NUMBER = const(0x4200B0)
_TAG_CLIENT_CORRELATION_VALUE = const(0x420105)
_TAG_SERVER_CORRELATION_VALUE = const(0x420106)

_ASYNCHRONOUS_OPTIONAL = const(2)
_CREDENTIAL_USERNAME_AND_PASSWORD = const(1)
_CREDENTIAL_DEVICE = const(2)

# Numbers of errors.py.
_E_CORRELATION = const(13)
_E_FIELD = const(25)


class Header:
    """The optional fields of a client's requests, and of the answers to them.

    `asynchronous`: let the server answer Pending (KmipPending). `continuation`: what becomes of a batch
    when an item fails: 1 Continue, 2 Stop (which None means too), 3 Undo. `credential`: from username()
    or device(), or None; TLS is what authenticates, this only tells more. `client_correlation`: a
    text that the server logs and returns, KMIP 1.4 and later. `server_correlation`: the server's own,
    from its last answer that had one; `related`: such a value, to say that a request belongs to it.

    A field that the version does not know makes the request a TTLVError. Allocates itself, once, and
    the correlation values of each answer that has any.
    """

    def __init__(self, client):
        self.asynchronous = False
        self.continuation = self.credential = None
        self.client_correlation = self.server_correlation = self.related = None
        client._request.head = client._response.head = self

    def write(self, e, version, batch):
        """The fields between Maximum Response Size and Batch Order Option."""
        for tag, text in (
            (_TAG_CLIENT_CORRELATION_VALUE, self.client_correlation),
            (_TAG_SERVER_CORRELATION_VALUE, self.related),
        ):
            if text is not None:
                if version < 14:
                    e.fail(_E_FIELD)
                e.put(tag, _TEXT_STRING, text)
        if self.asynchronous:
            if version >= 20:
                e.put(_TAG_ASYNCHRONOUS_INDICATOR, _ENUMERATION, _ASYNCHRONOUS_OPTIONAL)
            else:
                e.put(_TAG_ASYNCHRONOUS_INDICATOR, _BOOLEAN, True)
        if self.credential is not None:
            if version < 11 and self.credential[0] == _CREDENTIAL_DEVICE:
                e.fail(_E_FIELD)
            e.begin(_TAG_AUTHENTICATION)
            e.begin(_TAG_CREDENTIAL)
            e.put(_TAG_CREDENTIAL_TYPE, _ENUMERATION, self.credential[0])
            e.put(_TAG_CREDENTIAL_VALUE, _STRUCTURE, self.credential[1])
            e.end()
            e.end()
        if batch and self.continuation is not None:
            e.put(_TAG_BATCH_ERROR_CONTINUATION_OPTION, _ENUMERATION, self.continuation)

    def read(self, d):
        """The fields between Time Stamp and Batch Count."""
        if d.find(_TAG_CLIENT_CORRELATION_VALUE, _TEXT_STRING) and d.value() != self.client_correlation:
            raise TTLVError(_E_CORRELATION, d.at)
        if d.find(_TAG_SERVER_CORRELATION_VALUE, _TEXT_STRING):
            self.server_correlation = d.value()


def username(name, password=None):
    """A credential of the type Username and Password."""
    fields = [(_TAG_USERNAME, _TEXT_STRING, name)]
    if password is not None:
        fields.append((_TAG_PASSWORD, _TEXT_STRING, password))
    return (_CREDENTIAL_USERNAME_AND_PASSWORD, fields)


def device(serial=None, password=None, device=None, network=None, machine=None, media=None):
    """A credential of the type Device (1.1 and later): Device Serial Number, Password, and the Device,
    Network, Machine and Media Identifier; at least one of them."""
    fields = []
    for tag, text in (
        (_TAG_DEVICE_SERIAL_NUMBER, serial),
        (_TAG_PASSWORD, password),
        (_TAG_DEVICE_IDENTIFIER, device),
        (_TAG_NETWORK_IDENTIFIER, network),
        (_TAG_MACHINE_IDENTIFIER, machine),
        (_TAG_MEDIA_IDENTIFIER, media),
    ):
        if text is not None:
            fields.append((tag, _TEXT_STRING, text))
    return (_CREDENTIAL_DEVICE, fields)
