"""Requests and answers as they stand on a connection."""
import socket
import time


def is_complete(received):
    """Whether this is at least one final answer as a whole, as far as Content-Length says so."""
    head, end, body = received.partition(b'\r\n\r\n')
    length = next((line[15:] for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')), None)
    return bool(end) and length is not None and len(body) >= int(length)


def exchange(port, pieces, patience=0.1, whole=True):
    """Sends the pieces with a pause between them; what comes until the end, until nothing comes for so long, or, unless
    the whole is wanted, until there is one answer."""
    received = b''
    with socket.create_connection(('localhost', port)) as client:
        client.settimeout(patience)
        try:
            for i, piece in enumerate(pieces):
                if i > 0:
                    time.sleep(0.02)
                client.sendall(piece.encode('latin-1'))
            while not (not whole and is_complete(received)) and (piece := client.recv(65536)):
                received += piece
        except OSError:
            pass
    return received.decode('latin-1')


def request(port, method, path, cookie='', extra='', body=''):
    """(status, fields as text, body) of an ordinary request."""
    text = f'{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
    text += f'Cookie: {cookie}\r\n' if cookie else ''
    text += f'Content-Length: {len(body)}\r\n' if body or method == 'POST' else ''
    head, _, content = exchange(port, [text + extra + '\r\n' + body], 10).partition('\r\n\r\n')
    return int(head[9:12] or 0) if head else 0, head, content


def field(head, name):
    for line in head.split('\r\n'):
        if line.lower().startswith(name.lower() + ':'):
            return line.split(':', 1)[1].strip()
    return ''
