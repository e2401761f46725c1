"""A CA gets a new key (`python -m tools.refserver roll`), while what it issued before stays valid.

The new CA is signed by every earlier one. Such a cross-certificate is how a device comes to trust the new
key: it takes an anchor only as the certificate of a CA that an anchor of its own has signed.

    STEM.crt, STEM.key      the present CA; behind it in STEM.crt the earlier certificates, which go on
                            verifying what they issued
    STEM-1.key, ...         the keys of the first CA and so on, to sign the next new ones
    STEM-cross-1.der, ...   the present CA's certificate by the first CA, and so on

The meter CA's cross-certificates are Certificate objects as well. A Certificate that the new CA issues has a
Certificate Link (101: the parent in the chain, §3.35) to the one signed by the CA that the asker's own
certificate is from, since that is the anchor which the asker can be expected to hold. Every device may Get
them, for they hold nothing but what any TLS peer may see, and a device that could not read its issuer could
not go on; they belong to the server, nobody can change them, and Locate does not show them.

The servers' own certificates stay as they are until reissue(): devices need the new anchor first.
"""

from pathlib import Path

from cryptography import x509

from . import certificates, creation, ttlv
from .authority import METER_CA, SERVER_CA, Authority, write_private
from .context import Batch, Context
from .cryptoenums import CryptographicUsageMask as Mask
from .enums import ObjectType
from .message import Deferred
from .options import VERSIONS
from .policy import SERVER, Identity
from .tags import Tag as T

STEMS = (METER_CA, SERVER_CA)


def roll(engine, stem):
    """Give a CA of the engine's state folder a new key; the cross-certificates' paths, oldest CA first.

    A running Server has to reload().
    """
    if stem not in STEMS:
        raise ValueError("%r is neither %s" % (stem, " nor ".join(STEMS)))
    folder, now = engine.folder, engine.now()
    earlier = _all(folder, stem, engine.vault)
    name = certificates.common_names(earlier[0].certificate.subject)[0]
    fresh = Authority.new("%s %d" % (name, len(earlier) + 1), now)
    crosses = [each.cross_sign(fresh, now) for each in earlier]
    earlier[-1].save_key(folder / ("%s-%d.key" % (stem, len(earlier))), engine.vault)
    paths = []
    for number, cross in enumerate(crosses, 1):
        paths.append(_cross_path(folder, stem, number))
        write_private(paths[-1], certificates.der(cross))
    if stem == METER_CA:
        _publish(engine, crosses, now)
    fresh.save(folder, stem, engine.vault, [each.certificate for each in reversed(earlier)])
    engine.reload()
    return paths


def _all(folder, stem, vault):
    """Every CA that there was, the present one last."""
    chain = x509.load_pem_x509_certificates((folder / (stem + ".crt")).read_bytes())
    found = []
    for number, certificate in enumerate(reversed(chain), 1):
        path = folder / ("%s.key" % stem if number == len(chain) else "%s-%d.key" % (stem, number))
        found.append(Authority(certificate, vault.load_pem(path)))
    return found


def _cross_path(folder, stem, number):
    return Path(folder) / ("%s-cross-%d.der" % (stem, number))


def crosses(folder, stem):
    """The DER cross-certificates of the present CA, by the name of the CA that signed each."""
    found = {}
    for number in range(1, 1000):
        path = _cross_path(folder, stem, number)
        if not path.exists():
            break
        der = path.read_bytes()
        found[certificates.load(der).issuer] = der
    return found


def _publish(engine, made, now):
    """Certificate objects of the server's, for every device to Get."""
    context = Context(engine, Identity(SERVER, SERVER), Deferred(VERSIONS[0], False), Batch(), now)
    with engine.store.transaction() as context.txn:
        for certificate in made:
            der = certificates.der(certificate)
            managed = creation.new(context, ObjectType.CERTIFICATE, certificates.certificate_object(der))
            certificates.describe_certificate(managed, der)
            managed.set_value("Cryptographic Usage Mask", Mask.CERTIFICATE_SIGN | Mask.CRL_SIGN)
            managed.set("Activation Date", ttlv.date_time(T.ACTIVATION_DATE, now))
            creation.finish(context, managed, fresh=False)
            context.txn.index_certificate(certificates.fingerprint(der), managed.uid)
