"""What is imported for moments goes again, and what others hold stays."""

import sys

import identity
from identity import let_go, preload


def test_what_came_since_goes():
    from identity import rsa

    kept = set(sys.modules)
    kept.discard("identity.rsa")
    let_go(kept)
    try:
        assert "identity.rsa" not in sys.modules and not hasattr(identity, "rsa")
        from identity import rsa as again

        assert again is not rsa and again.numbers is not rsa.numbers
    finally:  # other tests hold it
        sys.modules["identity.rsa"] = identity.rsa = rsa


def test_what_was_there_stays():
    from identity import rsa

    let_go(set(sys.modules))
    assert sys.modules["identity.rsa"] is identity.rsa is rsa


def test_an_import_that_failed():
    kept = set(sys.modules)
    sys.modules["identity.half"] = identity
    let_go(kept)
    assert "identity.half" not in sys.modules


def test_preload_leaves_nothing():
    before = set(sys.modules)
    preload()
    assert not [name for name in set(sys.modules) - before if name.startswith("identity.")]
    assert "kmip_lite.batch" in sys.modules
