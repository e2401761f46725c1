"""Command line: python -m tools.refserver init | serve | revoke | accept | forget | pending |
approve | listens | withdraw | replace | roll | reissue | rotate | migrate | check.
"""

import argparse
import queue
import signal
import sqlite3
import sys
from pathlib import Path

from ..address import split
from . import operator, rollover, vault
from .check import check
from .engine import Engine
from .enums import Operation
from .errors import KmipError
from .https import PATH
from .migration import migrate
from .notice_rows import NONE, PUTS
from .options import VERSIONS
from .pending_rows import WAITING
from .rollover import STEMS
from .server import CONNECTIONS, DEFAULT_PORT, Server
from .setup import init, reissue

_EXAMPLES = """examples:
  python -m tools.refserver init --dir state --name kmip.example --life 86400
  python -m tools.provision --state state --device meter-0001 --out meter-0001
  python -m tools.refserver serve --dir state --listen 127.0.0.1:5696 -v
  python -m tools.refserver serve --dir state --listen 127.0.0.1:0 --port-file port
  python -m tools.refserver serve --dir state --pending "re-certify=approve"
  python -m tools.refserver approve --dir state --device meter-0001
  python -m tools.refserver revoke --dir state --device meter-0001
  python -m tools.refserver listens --dir state --device meter-0001 --at 127.0.0.1:5697 --put replaced
  python -m tools.refserver replace --dir state --uid UID
  python -m tools.refserver roll --dir state meter-ca
  python -m tools.refserver roll --dir state server-ca     # bring its files to the meters, and then:
  python -m tools.refserver reissue --dir state
  python -m tools.refserver rotate --dir state             # a new store key
A server that runs takes new CAs and certificates at SIGHUP.
Key material and private keys lie encrypted under the store key: in state.key beside the folder (made by
init), in another file (--key-file), or in the environment variable KMIP_STORE_KEY (64 hexadecimal digits).
"""


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools.refserver", description="A strict KMIP server for tests.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("init", help="make a state folder: two CAs, an empty store")
    make.add_argument("--dir", required=True, help="the state folder")
    make.add_argument("--name", default="localhost",
                      help="the server's DNS name, beside localhost and 127.0.0.1")
    make.add_argument("--life", type=int, metavar="SECONDS",
                      help="life of the certificates it issues (default: a year)")
    make.add_argument("--subject", metavar="TEMPLATE",
                      help="a device's distinguished name (default: CN={device})")
    serve = commands.add_parser("serve", help="serve until interrupted")
    serve.add_argument("--dir", required=True, help="the state folder")
    serve.add_argument("--listen", default="127.0.0.1:%d" % DEFAULT_PORT, metavar="HOST:PORT",
                       help="default 127.0.0.1:%d; port 0 takes a free one" % DEFAULT_PORT)
    serve.add_argument("--https", metavar="HOST:PORT", help="serve KMIP over HTTPS there, too, at /kmip")
    serve.add_argument("--connections", type=int, default=CONNECTIONS, metavar="N",
                       help="serve so many at once, and no more (default: %(default)s)")
    serve.add_argument("--port-file", metavar="FILE", help="write the port there once it listens")
    serve.add_argument("--life", type=int, metavar="SECONDS", help="overrides the state folder's")
    serve.add_argument("--allow-sha1-requests", action="store_true", default=None,
                       help="accept certificate requests signed with SHA-1 (old test cases)")
    serve.add_argument("-v", "--verbose", action="count", default=0,
                       help="one line a request; twice: also hex and the decoded message,"
                            " key material always redacted")
    serve.add_argument("--newest", type=float, metavar="VERSION",
                       help="newest protocol version it speaks, up to 2.1 (default: 1.4)")
    serve.add_argument("--pending", action="append", default=[], metavar="OPERATION=RULE",
                       help="answer an operation Pending where the client offers to wait: always, delay"
                            " SECONDS, approve, forever, fail REASON, each also with demand (1.0 and 1.1"
                            " clients that do not offer it are refused) or uncancellable; may be repeated")
    listing = commands.add_parser("pending", help="list the asynchronous requests")
    listing.add_argument("--dir", required=True, help="the state folder")
    listing.add_argument("--device", help="only this device's")
    approve = commands.add_parser("approve", help="let requests that wait for an operator go on")
    approve.add_argument("--dir", required=True, help="the state folder")
    approve.add_argument("--device", help="those of this device")
    approve.add_argument("--correlation", metavar="HEX", help="the one with this correlation value")
    approve.add_argument("--refuse", action="store_true", help="have them fail with Permission Denied")
    listens = commands.add_parser("listens", help="where a device takes Notify and Put: its certificate has"
                                   " to serve a TLS server, too, which those from then on do")
    listens.add_argument("--dir", required=True, help="the state folder")
    listens.add_argument("--device", required=True, help="device id")
    listens.add_argument("--at", metavar="HOST:PORT", help="where it listens (left out: it does no longer)")
    listens.add_argument("--speaks", type=float, metavar="VERSION", default=1.2,
                         help="the protocol version it is told in (default: %(default)s)")
    listens.add_argument("--put", choices=PUTS, default=NONE, help="new objects that are put to it")
    listens.add_argument("--own", action="store_true", help="tell it of what its own requests change, too")
    withdraw = commands.add_parser("withdraw", help="Revoke an object for its owner")
    withdraw.add_argument("--compromised", action="store_true",
                          help="for Key Compromise (default: Cessation of Operation)")
    replace = commands.add_parser("replace", help="Re-certify a certificate, or Re-key a key, for its owner")
    for command in (withdraw, replace):
        command.add_argument("--dir", required=True, help="the state folder")
        command.add_argument("--uid", required=True, help="the object's Unique Identifier")
    roll = commands.add_parser("roll", help="give a CA a new key, signed by the old one")
    roll.add_argument("--dir", required=True, help="the state folder")
    roll.add_argument("ca", choices=STEMS)
    again = commands.add_parser("reissue", help="servers' certificates from the present server CA")
    again.add_argument("--dir", required=True, help="the state folder")
    rotate = commands.add_parser("rotate", help="a new store key; the old one opens the folder no more")
    rotate.add_argument("--dir", required=True, help="the state folder")
    rotate.add_argument("--new-key-file", metavar="FILE", help="where the new key is, or is to be made"
                        " (default: the old one's file)")
    for name, text in (("migrate", "encrypt a state folder of an earlier version"),
                       ("check", "look whether a state folder is whole, as serve does at its start")):
        commands.add_parser(name, help=text).add_argument("--dir", required=True, help="the state folder")
    for name, text in (("revoke", "refuse a device from now on"),
                       ("accept", "take a revoked device back"),
                       ("forget", "remove a device and all its objects")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--dir", required=True, help="the state folder")
        command.add_argument("--device", required=True, help="device id")
    for command in commands.choices.values():
        command.add_argument("--key-file", metavar="FILE",
                             help="the store key's file; - for standard input (default: see below)")
    return parser.parse_args(argv)


def _serve(arguments):
    host, port = split(arguments.listen)
    # Whether to go on, with everything read anew: a handler itself must not read, for the next signal
    # could fall in the middle of it and be overtaken by what the first one had read before.
    signals = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: signals.put(False))
    https = split(arguments.https) if arguments.https else None
    with Server(arguments.dir, host, port, https, arguments.verbose, life=arguments.life,
                key_file=arguments.key_file, max_connections=arguments.connections,
                newest=arguments.newest and round(arguments.newest * 10),
                allow_sha1_requests=arguments.allow_sha1_requests) as server:
        for rule in arguments.pending:
            operation, equals, text = rule.partition("=")
            if not equals:
                raise ValueError("--pending takes OPERATION=RULE, not %r" % rule)
            server.engine.pending.set(operation, text)
        signal.signal(signal.SIGHUP, lambda *_: signals.put(True))
        if arguments.port_file:
            part = Path(arguments.port_file + ".part")
            part.write_text("%d\n" % server.port)
            part.replace(arguments.port_file)
        print("listening on %s:%d" % (host, server.port), flush=True)
        if https is not None:
            print("listening on https://%s:%d%s" % (https[0], server.https_port, PATH), flush=True)
        while True:
            try:
                # In short waits: a signal on the way into a wait is only seen behind it.
                if not signals.get(timeout=0.5):
                    break
            except queue.Empty:
                continue
            _reload(server)


def _reload(server):
    try:
        server.reload()
        print("reloaded", flush=True)
    except (OSError, ValueError) as error:  # it goes on with what it has
        print("refserver: %s" % error, file=sys.stderr, flush=True)


def _device(arguments):
    command, device = arguments.command, arguments.device
    engine = _engine(arguments)
    try:
        if command == "forget":
            print("%s: %d objects removed" % (device, engine.forget_device(device)))
        else:
            engine.revoke_device(device, command == "revoke")
            print("%s: %s" % (device, "revoked" if command == "revoke" else "accepted"))
    finally:
        engine.close()


def _engine(arguments, **options):
    return Engine(arguments.dir, key_file=arguments.key_file, **options)


def _roll(arguments):
    engine = _engine(arguments)
    try:
        for path in rollover.roll(engine, arguments.ca):
            print(path)
    finally:
        engine.close()


def _check(arguments):
    engine = _engine(arguments)
    try:
        print("%s is whole: %d objects" % (arguments.dir, check(engine.store)))
    finally:
        engine.close()


def _listens(arguments):
    engine = _engine(arguments, newest=VERSIONS[0])  # what it serves is no matter here
    try:
        with engine.store.transaction(write=False) as transaction:
            if not transaction.common_names(arguments.device):
                raise ValueError("there is no device %r" % arguments.device)
        if arguments.at is None:
            engine.drop_endpoint(arguments.device)
            print("%s: listens no longer" % arguments.device)
            return
        engine.set_endpoint(arguments.device, *split(arguments.at), round(arguments.speaks * 10),
                            arguments.put, arguments.own)
        print("%s: listens at %s" % (arguments.device, arguments.at))
    finally:
        engine.close()


def _operate(arguments):
    engine = _engine(arguments)
    try:
        if arguments.command == "withdraw":
            operator.withdraw(engine, arguments.uid, arguments.compromised)
            print("%s: revoked" % arguments.uid)
        else:
            print("%s: replaced by %s" % (arguments.uid, operator.replace(engine, arguments.uid)))
    finally:
        engine.close()


def _pending(arguments):
    engine = _engine(arguments)
    try:
        if arguments.command == "pending":
            for row in engine.pending.requests(arguments.device):
                print("%s %s %s %s" % (row.correlation.hex(), row.device, Operation(row.operation).name,
                                       row.status if row.status != WAITING else "waits: " + row.ready))
            return
        if not (arguments.device or arguments.correlation):
            raise ValueError("approve takes --device or --correlation")
        correlation = arguments.correlation and bytes.fromhex(arguments.correlation)
        count = engine.pending.approve(arguments.device, correlation, arguments.refuse)
        if not count:
            raise ValueError("nothing waits for an operator there")
        print("%d %s" % (count, "refused" if arguments.refuse else "approved"))
    finally:
        engine.close()


def main(argv=None):
    arguments = _arguments(argv)
    try:
        if arguments.command == "init":
            init(arguments.dir, arguments.name, arguments.life, arguments.subject,
                 key_file=arguments.key_file)
            print("made %s" % arguments.dir)
        elif arguments.command == "serve":
            _serve(arguments)
        elif arguments.command == "roll":
            _roll(arguments)
        elif arguments.command == "reissue":
            print("\n".join(reissue(arguments.dir, key_file=arguments.key_file)))
        elif arguments.command == "rotate":
            print("the store key is in %s" % vault.rotate(
                arguments.dir, arguments.key_file, arguments.new_key_file))
        elif arguments.command == "migrate":
            print("%d objects encrypted" % migrate(arguments.dir, arguments.key_file))
        elif arguments.command == "check":
            _check(arguments)
        elif arguments.command == "listens":
            _listens(arguments)
        elif arguments.command in ("withdraw", "replace"):
            _operate(arguments)
        elif arguments.command in ("pending", "approve"):
            _pending(arguments)
        else:
            _device(arguments)
    except (OSError, ValueError, KmipError, sqlite3.Error) as error:
        print("refserver: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
