"""The command lines: refserver and provision."""

import json
import signal
import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from serverkit import ROOT, Wire, der_to_pem
from test_server_store import serve

from tools.provision import FILES, ProvisionError, provision
from tools.refserver import Engine, direct, init, ttlv
from tools.refserver.certificates import common_names
from tools.refserver.direct import Direct
from tools.refserver.enums import Operation
from tools.refserver.errors import KmipError
from tools.refserver.tags import Tag as T


def run(*arguments):
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, check=False)


def test_help_has_examples():
    for module in ("tools.refserver", "tools.provision"):
        done = run(module, "--help")
        assert done.returncode == 0
        assert "python -m %s" % module in done.stdout


def test_from_init_to_a_served_meter(tmp_path):
    state, out = str(tmp_path / "state"), str(tmp_path / "meter")
    assert run("tools.refserver", "init", "--dir", state, "--life", "30").returncode == 0
    again = run("tools.refserver", "init", "--dir", state)
    assert again.returncode == 1 and "already" in again.stderr
    done = run("tools.provision", "--state", state, "--device", "meter-0001", "--out", out,
               "--life", "600", "--usage-total", "5", "--usage-unit", "object")
    assert done.returncode == 0, done.stderr
    process, port = serve(state, tmp_path, "-v")
    config = json.loads((tmp_path / "meter" / "config.json").read_text())
    with Wire(port, der_to_pem(out)) as wire:
        direct.payload_of(wire.call(
            Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"])))
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output == "listening on 127.0.0.1:%d\n" % port
    assert errors.count("\n") == 1 and "meter-0001 [GET ok]" in errors
    # A revoked device; the folder goes on where it was.
    assert run("tools.refserver", "revoke", "--dir", state, "--device", "meter-0001").returncode == 0
    process, port = serve(state, tmp_path)
    with Wire(port, der_to_pem(out)) as wire:
        item = wire.call(Operation.QUERY, ttlv.enumeration(T.QUERY_FUNCTION, 1))
        assert item.find(T.RESULT_REASON).value == 3
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and errors == ""  # quiet by default


def test_clear_errors(tmp_path):
    missing = run("tools.refserver", "serve", "--dir", str(tmp_path / "nothing"))
    assert missing.returncode == 1 and "Traceback" not in missing.stderr
    init(tmp_path / "state")
    state = str(tmp_path / "state")
    for arguments, said in (
            (["--listen", "nonsense"], "HOST:PORT"), (["--listen", "127.0.0.1:99999"], "HOST:PORT"),
            (["--life", "0"], "life")):
        done = run("tools.refserver", "serve", "--dir", state, *arguments)
        assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
    done = run("tools.provision", "--state", state, "--device", "bad id", "--out",
               str(tmp_path / "out"))
    assert done.returncode == 1 and "device id" in done.stderr
    assert not (tmp_path / "out").exists()
    done = run("tools.refserver", "revoke", "--dir", state, "--device", "nobody")
    assert done.returncode == 1 and "nobody" in done.stderr


def test_what_provisioning_leaves(tmp_path):
    state, out = tmp_path / "state", tmp_path / "meter"
    init(state, name="kmip.example")
    config = provision(state, "meter-0001", out, life=77, usage_total=9, usage_unit="object",
                       key_bits=256, port=1234)
    assert {path.name for path in out.iterdir()} == set(FILES) - {"bootstrap"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in out.iterdir())
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert json.loads((out / "config.json").read_text()) == config
    assert config["server_name"] == "kmip.example" and config["port"] == 1234
    key = ser.load_der_private_key((out / "key.der").read_bytes(), None)
    certificate = x509.load_der_x509_certificate((out / "cert.der").read_bytes())
    request = x509.load_der_x509_csr((out / "csr.der").read_bytes())
    anchor = x509.load_der_x509_certificate((out / "meter_ca.der").read_bytes())
    server_anchor = x509.load_der_x509_certificate((out / "server_ca.der").read_bytes())
    certificate.verify_directly_issued_by(anchor)
    assert server_anchor.public_key() != anchor.public_key()
    assert key.public_key() == certificate.public_key() == request.public_key()
    assert request.is_signature_valid and request.subject == certificate.subject
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.total_seconds() == 77
    assert (out / "key.der").read_bytes() == key.private_bytes(
        ser.Encoding.DER, ser.PrivateFormat.TraditionalOpenSSL, ser.NoEncryption())
    engine = Engine(state)
    found = attributes(Direct(engine, engine.identify("meter-0001")), config["cert_uid"])
    assert found["Activation Date"] == int(certificate.not_valid_before_utc.timestamp())
    assert "Deactivation Date" not in found and found["State"] == 2
    found = attributes(Direct(engine, engine.identify("meter-0001")), config["key_uid"])
    assert found["Usage Limits"] == [9, 9, 2] and found["State"] == 2
    assert found["Cryptographic Length"] == 256 and found["Cryptographic Usage Mask"] == 0x84
    found = attributes(Direct(engine, engine.identify("meter-0001")), config["public_key_uid"])
    assert found["Link"] == [0x101, config["cert_uid"]]
    engine.close()


def attributes(caller, uid):
    found = {}
    for item in caller.call(Operation.GET_ATTRIBUTES,
                            ttlv.text(T.UNIQUE_IDENTIFIER, uid)).value[1:]:
        value = item.find(T.ATTRIBUTE_VALUE)
        found[item.find(T.ATTRIBUTE_NAME).value] = value.value if (
            value.type != ttlv.STRUCTURE) else [sub.value for sub in value.value]
    return found


def test_provisioning_again(tmp_path):
    state, out = tmp_path / "state", tmp_path / "meter"
    init(state)
    config = provision(state, "meter-0001", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert provision(state, "meter-0001", out) == config
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    with pytest.raises(ProvisionError, match="belongs to device meter-0001"):
        provision(state, "meter-0002", out)
    with pytest.raises(ProvisionError, match="forget --dir"):
        provision(state, "meter-0001", tmp_path / "elsewhere")
    other = tmp_path / "other"
    init(other)
    with pytest.raises(ProvisionError, match="another server state"):
        provision(other, "meter-0001", out)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "letter.txt").write_text("mine")
    with pytest.raises(ProvisionError, match=r"letter\.txt"):
        provision(state, "meter-0003", tmp_path / "strange")


def test_provisioning_that_was_cut_short_can_be_run_again(tmp_path, monkeypatch):
    state, out = tmp_path / "state", tmp_path / "meter"
    init(state)

    def stop(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr("tools.provision._register_key", stop)
    with pytest.raises(KeyboardInterrupt):
        provision(state, "meter-0001", out)
    monkeypatch.undo()
    assert not (out / "config.json").exists()
    with pytest.raises(ProvisionError, match="forget"):
        provision(state, "meter-0001", out)
    assert run("tools.refserver", "forget", "--dir", str(state), "--device",
               "meter-0001").returncode == 0
    assert provision(state, "meter-0001", out)["device"] == "meter-0001"


def test_a_bootstrap_identity_enrols_its_device(tmp_path):
    state, out = tmp_path / "state", tmp_path / "meter"
    init(state)
    config = provision(state, "meter-0001", out, bootstrap=True)
    assert "cert_uid" not in config and not (out / "key.der").exists()
    first = x509.load_der_x509_certificate((out / "bootstrap" / "cert.der").read_bytes())
    engine = Engine(state)
    (name,) = common_names(first.subject)
    identity = engine.identify(name)
    assert (identity.device, identity.role) == ("meter-0001", "bootstrap")
    with pytest.raises(KmipError, match="there is no object"):
        Direct(engine, identity).call(
            Operation.GET, ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"]))
    engine.close()


def test_an_operator_approves(tmp_path):
    state, out = str(tmp_path / "state"), str(tmp_path / "meter")
    init(state)
    config = provision(state, "meter-0001", out)
    uid = ttlv.text(T.UNIQUE_IDENTIFIER, config["key_uid"])
    process, port = serve(state, tmp_path, "-v", "--pending", "get=approve")
    approve = ("tools.refserver", "approve", "--dir", state, "--device", "meter-0001")
    with Wire(port, der_to_pem(out)) as wire:
        assert run(*approve).returncode == 1  # nothing waits
        request = direct.request(14, (Operation.GET, [uid]), asynchronous=True)
        item = ttlv.decode(wire.exchange(request)).find(T.BATCH_ITEM)
        correlation = item.find(T.ASYNCHRONOUS_CORRELATION_VALUE)
        listed = run("tools.refserver", "pending", "--dir", state)
        assert listed.stdout == "%s meter-0001 GET waits: approval\n" % correlation.value.hex()
        assert run(*approve, "--correlation", "zz").returncode == 1
        done = run(*approve, "--correlation", correlation.value.hex())
        assert (done.returncode, done.stdout) == (0, "1 approved\n")
        item = wire.call(Operation.POLL, correlation)
        assert item.find(T.OPERATION).value == Operation.GET
        direct.payload_of(item)
        item = ttlv.decode(wire.exchange(request)).find(T.BATCH_ITEM)
        assert run(*approve, "--refuse").stdout == "1 refused\n"
        item = wire.call(Operation.POLL, item.find(T.ASYNCHRONOUS_CORRELATION_VALUE))
        assert item.find(T.RESULT_REASON).value == 0xC  # Permission Denied
    process.send_signal(signal.SIGINT)
    lines = process.communicate(timeout=20)[1]
    assert lines.count("[GET pending]") == 2 and lines.count("[GET ok]") == 1
    listed = run("tools.refserver", "pending", "--dir", state, "--device", "meter-0001")
    assert listed.stdout.count("succeeded") == listed.stdout.count("failed") == 1
    assert "approve takes" in run("tools.refserver", "approve", "--dir", state).stderr
    wrong = run("tools.refserver", "serve", "--dir", state, "--listen", "127.0.0.1:0", "--pending", "get")
    assert wrong.returncode == 1 and "OPERATION=RULE" in wrong.stderr
