"""smtp_server.py: a real mail server on loopback (aiosmtpd) that can be told to refuse, to wait and to hang up."""
import asyncio
import base64
import email
import email.header
import socket
import ssl
import sys
import threading

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's package, also where another python3 comes first
from aiosmtpd.controller import Controller  # noqa: E402  (after the path)
from aiosmtpd.smtp import AuthResult  # noqa: E402  (after the path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Taken:
    """One message that the server said 250 to."""

    def __init__(self, session, envelope):
        self.sender, self.recipients, self.secure = envelope.mail_from, envelope.rcpt_tos, session.ssl is not None
        self.name = getattr(session, "auth_data", None)
        self.raw = envelope.original_content
        self.message = email.message_from_bytes(self.raw)
        self.message_id = self.message["Message-ID"]

    def header(self, name):
        return str(email.header.make_header(email.header.decode_header(self.message[name] or "")))

    @property
    def body(self):
        return base64.b64decode(self.message.get_payload()).decode()


class Handler:
    def __init__(self, owner):
        self.owner = owner

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.owner.refused:
            return "550 5.1.1 <%s> is not known here" % address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        owner, to = self.owner, envelope.rcpt_tos[0]
        await asyncio.sleep(owner.delay)
        with owner.lock:
            what = owner.once.pop(to, "")
        if what == "cut":
            server.transport.abort()
            return "451 gone"
        if what:
            return what
        with owner.lock:
            owner.taken.append(Taken(session, envelope))
        await asyncio.sleep(owner.delay)  # whoever is killed now does not know that it arrived
        return "250 OK"


class SmtpServer:
    """`refused`: addresses that get a 550. `once`: address -> an answer to DATA given once, or "cut". `taken`: messages."""

    def __init__(self, delay=0.0, certificate=None, login=None, host="127.0.0.1"):
        self.host, self.port, self.delay, self.login = host, free_port(), delay, login
        self.refused, self.once, self.taken, self.lock = set(), {}, [], threading.Lock()
        self.certificate, self.controller = certificate, None

    def authenticate(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.login, handled=given == self.login, auth_data=given[0])

    def start(self):
        more = {}
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            more["tls_context"] = context
        if self.login:
            more.update(authenticator=self.authenticate, auth_required=True, auth_require_tls=bool(self.certificate))
        self.controller = Controller(Handler(self), hostname=self.host, port=self.port, **more)
        self.controller.start()

    def stop(self):
        if self.controller:
            self.controller.stop(no_assert=True)
        self.controller = None

    @property
    def url(self):
        return f"smtp://{self.host}:{self.port}"
