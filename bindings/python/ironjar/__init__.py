"""Stateless sessions in authenticated-encrypted cookies.

A session goes from the Cookie header into a mapping, and back into Set-Cookie values; no server keeps it:

    jar = SessionJar("__Host-session", os.environ["SESSION_PASSWORD"])
    session = jar.open(environ.get("HTTP_COOKIE"))
    session["user"] = "ada"
    headers += [("Set-Cookie", value) for value in jar.commit(session)]

Needs the library libironjar_c.so.1, installed or named by the environment variable IRONJAR_LIBRARY.
"""

from ._errors import IronjarError
from ._seal import Format, Password, seal_data, unseal_data
from ._session import Rejection, Session, SessionJar

__all__ = [
    "Format",
    "IronjarError",
    "Password",
    "Rejection",
    "Session",
    "SessionJar",
    "seal_data",
    "unseal_data",
]
__version__ = "0.1.0"
