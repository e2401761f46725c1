"""Names for numbers, as the specification spells them; for people, not for the protocol.

    name("Result Reason", error.reason)          # "Permission Denied"
    number("State", "Active")                    # 2

The enumerations are those of the table below; attributes have theirs in attributes.py.
"""

# Group=first number|name|name ...; an empty name is a number without. Written by tools/names.py.
_TABLE = """
Operation=1|Create|Create Key Pair|Register|Re-key|Derive Key|Certify|Re-certify|Locate|Check|Get\
|Get Attributes|Get Attribute List|Add Attribute|Modify Attribute|Delete Attribute|Obtain Lease\
|Get Usage Allocation|Activate|Revoke|Destroy|Archive|Recover|Validate|Query|Cancel|Poll|Notify|Put\
|Re-key Key Pair|Discover Versions|Encrypt|Decrypt|Sign|Signature Verify|MAC|MAC Verify|RNG Retrieve\
|RNG Seed|Hash|Create Split Key|Join Split Key|Import|Export|Log|Login|Logout|Delegated Login\
|Adjust Attribute|Set Attribute|Set Endpoint Role|PKCS#11|Interop|Re-Provision|Set Defaults\
|Set Constraints|Get Constraints|Query Asynchronous Requests|Process|Ping
Object Type=1|Certificate|Symmetric Key|Public Key|Private Key|Split Key|Template|Secret Data\
|Opaque Object|PGP Key|Certificate Request
State=1|Pre-Active|Active|Deactivated|Compromised|Destroyed|Destroyed Compromised
Result Status=0|Success|Operation Failed|Operation Pending|Operation Undone
Result Reason=1|Item Not Found|Response Too Large|Authentication Not Successful|Invalid Message\
|Operation Not Supported|Missing Data|Invalid Field|Feature Not Supported\
|Operation Canceled By Requester|Cryptographic Failure|Illegal Operation|Permission Denied\
|Object archived|Index Out of Bounds|Application Namespace Not Supported\
|Key Format Type Not Supported|Key Compression Type Not Supported|Encoding Option Error\
|Key Value Not Present|Attestation Required|Attestation Failed|Sensitive|Not Extractable\
|Object Already Exists|Invalid Ticket|Usage Limit Exceeded|Numeric Range|Invalid Data Type\
|Read Only Attribute|Multi Valued Attribute|Unsupported Attribute|Attribute Instance Not Found\
|Attribute Not Found|Attribute Read Only|Attribute Single Valued|Bad Cryptographic Parameters\
|Bad Password|Codec Error||Illegal Object Type|Incompatible Cryptographic Usage Mask\
|Internal Server Error|Invalid Asynchronous Correlation Value|Invalid Attribute\
|Invalid Attribute Value|Invalid Correlation Value|Invalid CSR|Invalid Object Type|\
|Key Wrap Type Not Supported||Missing Initialization Vector|Non Unique Name Attribute\
|Object Destroyed|Object Not Found||Not Authorised|Server Limit Exceeded|Unknown Enumeration\
|Unknown Message Extension|Unknown Tag|Unsupported Cryptographic Parameters\
|Unsupported Protocol Version|Wrapping Object Archived|Wrapping Object Destroyed\
|Wrapping Object Not Found|Wrong Key Lifecycle State|Protection Storage Unavailable\
|PKCS#11 Codec Error|PKCS#11 Invalid Function|PKCS#11 Invalid Interface\
|Private Protection Storage Unavailable|Public Protection Storage Unavailable|Unknown Object Group\
|Constraint Violation|Duplicate Process Request
Result Reason=100|General Failure
Revocation Reason Code=1|Unspecified|Key Compromise|CA Compromise|Affiliation Changed|Superseded\
|Cessation of Operation|Privilege Withdrawn
Link Type=101|Certificate Link|Public Key Link|Private Key Link|Derivation Base Object Link\
|Derived Key Link|Replacement Object Link|Replaced Object Link|Parent Link|Child Link|Previous Link\
|Next Link|PKCS#12 Certificate Link|PKCS#12 Password Link|Wrapping Key Link
Name Type=1|Uninterpreted Text String|URI
Certificate Type=1|X.509|PGP
Secret Data Type=1|Password|Seed
Cryptographic Algorithm=1|DES|3DES|AES|RSA|DSA|ECDSA|HMAC-SHA1|HMAC-SHA224|HMAC-SHA256|HMAC-SHA384\
|HMAC-SHA512|HMAC-MD5|DH|ECDH|ECMQV|Blowfish|Camellia|CAST5|IDEA|MARS|RC2|RC4|RC5|SKIPJACK|Twofish|EC\
|One Time Pad|ChaCha20|Poly1305|ChaCha20Poly1305|SHA3-224|SHA3-256|SHA3-384|SHA3-512|HMAC-SHA3-224\
|HMAC-SHA3-256|HMAC-SHA3-384|HMAC-SHA3-512|SHAKE-128|SHAKE-256|ARIA|SEED|SM2|SM3|SM4\
|GOST R 34.10-2012|GOST R 34.11-2012|GOST R 34.13-2015|GOST 28147-89|XMSS|SPHINCS-256|McEliece\
|McEliece-6960119|McEliece-8192128|Ed25519|Ed448
Key Format Type=1|Raw|Opaque|PKCS#1|PKCS#8|X.509|ECPrivateKey|Transparent Symmetric Key\
|Transparent DSA Private Key|Transparent DSA Public Key|Transparent RSA Private Key\
|Transparent RSA Public Key|Transparent DH Private Key|Transparent DH Public Key\
|Transparent ECDSA Private Key|Transparent ECDSA Public Key|Transparent ECDH Private Key\
|Transparent ECDH Public Key|Transparent ECMQV Private Key|Transparent ECMQV Public Key\
|Transparent EC Private Key|Transparent EC Public Key|PKCS#12|PKCS#10
Usage Limits Unit=1|Byte|Object
Validity Indicator=1|Valid|Invalid|Unknown
Cancellation Result=1|Canceled|Unable to Cancel|Completed|Failed|Unavailable
Query Function=1|Query Operations|Query Objects|Query Server Information|Query Application Namespaces\
|Query Extension List|Query Extension Map|Query Attestation Types|Query RNGs|Query Validations\
|Query Profiles|Query Capabilities|Query Client Registration Methods|Query Defaults Information\
|Query Storage Protection Masks
"""


def name(group, number):
    """The name of a number of an enumeration, a str; None where there is none. Allocates up to 4 KB for a
    moment."""
    for first, names in _runs(group):
        at = number - first + 1
        if 0 < at < len(names) and names[at]:
            return names[at]
    return None


def number(group, name):
    """The number of a name; None where there is none. Allocates as name()."""
    for first, names in _runs(group):
        if name and name in names[1:]:
            return first - 1 + names.index(name, 1)
    return None


def _runs(group):
    # The lines of a group, each as (first number, [itself, names...]).
    group = "\n%s=" % group
    found = []
    at = _TABLE.find(group)
    while at >= 0:
        names = _TABLE[at + len(group) : _TABLE.find("\n", at + 1)].split("|")
        found.append((int(names[0], 16), names))
        at = _TABLE.find(group, at + 1)
    return found
