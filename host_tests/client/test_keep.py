"""Every object and every attribute that a client may set, on the reference server, from CPython and both Unix
ports (test_pykmip.py has what PyKMIP takes of them)."""

import keep
import pytest

from tools.provision import provision
from tools.refserver import Server, init

VERSIONS = (10, 12, 14, 21)
# How many checks each part has at least.
LEAST = {"objects": 22, "attributes": 40, "wrapping": 9, "changes": 12}


def hexed(data):
    return {"hex": data.hex()}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refserver")
    init(folder / "state")
    with Server(folder / "state", newest=21) as running:
        running.folder = folder
        yield running


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("part", LEAST)
def test_there_and_back(runtime, server, material, part, version):
    device = "%s-%s-%d" % (part, runtime.name, version)
    folder = server.folder / device
    provision(server.folder / "state", device, folder)
    der = {name: hexed((folder / (name + ".der")).read_bytes()) for name in ("cert", "key", "server_ca")}
    results = runtime.run({
        "port": server.port, "name": "localhost", "anchors": [der["server_ca"]], "cert": der["cert"],
        "key": der["key"], "version": version, "buf": 8192, "part": part, "id": device,
        "material": dict(material, certificate=der["cert"]),
    }, script=keep)
    assert [result for result in results if result[1] is not None] == []
    assert len(results) > LEAST[part], results
