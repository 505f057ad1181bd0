#!/usr/bin/env python3
"""V01: request smuggling through real reverse proxies that keep their connections.

smuggling.py [--victims N] [--demo PROGRAM] [--readme PROGRAM]

Starts the demo and README's first program, each behind nginx (with and without request buffering) and haproxy, all on
free ports of the loopback interface. Sends every vector below with three payloads: one whose end takes the next
request as a header's value, one that takes it as a body, and a complete one. After each, visitors fetch their own
session through the same proxy, and each must get their own; a complete payload would sign a further session out, and
the program's log must not tell of that. The same directly, with a pause after the head: a connection gives one answer.
N visitors in all for each program and proxy (default: 100). Prints a table; 0 only if all of it holds.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

READ_BUFFER = 4096  # of httplib's: what it has read of an unread body is dropped, what follows is parsed
METHODS = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PROPFIND', 'TRACE', 'FOO']


def vectors():
    """(name, function of path and payload to (head, body)). The body is sent after a pause, or padded."""
    made = []

    def add(name, method, fields, body=lambda payload: payload, version='1.1'):
        def build(path, payload):
            content = body(payload)
            lines = fields.replace('{n}', str(len(content)))
            return (f'{method} {path} HTTP/{version}\r\nHost: localhost\r\n{lines}\r\n', content)

        made.append((name, build))

    def chunked(payload):
        return f'{len(payload):x}\r\n{payload}\r\n0\r\n\r\n'

    for method in METHODS:
        add(f'{method}, length', method, 'Content-Length: {n}\r\n')
        add(f'{method}, chunked', method, 'Transfer-Encoding: chunked\r\n', chunked)
    add('CL.CL, 0 first', 'GET', 'Content-Length: 0\r\nContent-Length: {n}\r\n')
    add('CL.CL, 0 last', 'GET', 'Content-Length: {n}\r\nContent-Length: 0\r\n')
    add('CL.TE', 'POST', 'Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n', lambda p: '0\r\n\r\n' + p)
    add('TE.CL', 'POST', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', chunked)
    add('TE.0', 'OPTIONS', 'Transfer-Encoding: chunked\r\n', chunked)
    for coding in ['identity', 'gzip, chunked', 'chunked, identity', 'xchunked', '\x0bchunked', 'chunked\r\n x']:
        add(f'TE {coding!r}', 'POST', f'Transfer-Encoding: {coding}\r\n', chunked)
        add(f'TE {coding!r}, length', 'POST', f'Transfer-Encoding: {coding}\r\nContent-Length: {{n}}\r\n', chunked)
    for length in ['%300', '%30', '0x30', '+5', '-0', '0,{n}', '{n} 0', '{n};x', '0\r\n {n}']:
        add(f'length {length!r}', 'POST', f'Content-Length: {length}\r\n')
    add('obs-fold', 'POST', 'X-A: b\r\n Content-Length: {n}\r\n')
    add('blank before the colon', 'POST', 'Content-Length : {n}\r\n')
    add('bare LF', 'POST', 'X-A: b\nContent-Length: {n}\r\n')
    add('bare LF after it', 'POST', 'Content-Length: {n}\nX-A: b\r\n')
    add('bare CR', 'POST', 'X-A: b\rContent-Length: {n}\r\n')
    add('chunk extension', 'POST', 'Transfer-Encoding: chunked\r\n', lambda p: '0;a=b\r\n\r\n' + p)
    add('chunk extension, LF', 'POST', 'Transfer-Encoding: chunked\r\n', lambda p: f'2;\n{len(p):x}\r\nab\r\n0\r\n\r\n' + p)
    add('trailer', 'POST', 'Transfer-Encoding: chunked\r\n', lambda p: '0\r\nX: y\r\n\r\n' + p)
    add('chunk 0x', 'POST', 'Transfer-Encoding: chunked\r\n', lambda p: f'0x{len(p):x}\r\n{p}\r\n0\r\n\r\n')
    add('Expect', 'GET', 'Expect: 100-continue\r\nContent-Length: {n}\r\n')
    add('Expect, twice', 'POST', 'Expect: 100-continue\r\nExpect: x\r\nContent-Length: {n}\r\n')
    add('pipelined', 'GET', '')
    add('HTTP/1.0 keep-alive', 'GET', 'Connection: Keep-Alive\r\nContent-Length: {n}\r\n', version='1.0')
    add('HTTP/1.0 chunked', 'POST', 'Connection: Keep-Alive\r\nTransfer-Encoding: chunked\r\n', chunked, version='1.0')
    add('a line of 8,190 bytes', 'POST', 'X-A: ' + 'a' * 8186 + '\r\nContent-Length: {n}\r\n')
    add('a control character', 'POST', 'X-A: a\x01b\r\nContent-Length: {n}\r\n')
    add('101 fields', 'POST', ''.join(f'X-{i}: a\r\n' for i in range(101)) + 'Content-Length: {n}\r\n')
    add('a range that is none', 'GET', 'Range: x\r\nContent-Length: {n}\r\n')
    add('a body over the limit', 'POST', 'Content-Length: {n}\r\n', lambda p: 'x' * (1 << 20) + p)
    add('compressed', 'POST', 'Content-Encoding: gzip\r\nContent-Length: {n}\r\n')
    return made


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


class Processes:
    """Started here, and ended whatever happens."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.started = []

    def start(self, name, command, **environment):
        log = open(f'{self.folder}/{name}.log', 'wb')
        out = open(f'{self.folder}/{name}.out', 'wb')
        # A group of its own: nginx has a worker.
        process = subprocess.Popen(command, stdout=out, stderr=log, env={**os.environ, **environment},
                                   start_new_session=True)
        self.started.append(process)
        return process

    def read(self, name):
        with open(f'{self.folder}/{name}', encoding='utf-8', errors='replace') as file:
            return file.read()

    def wait_for(self, what, process, name):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            result = what()
            if result:
                return result
            time.sleep(0.02)
        sys.exit(f'{name} did not start:\n{self.read(name + ".log")}')

    def stop(self):
        for process in self.started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(('localhost', port), 1).close()
        return True
    except OSError:
        return False


class Demo:
    name = 'demo'
    path = '/api/auth/status'

    def __init__(self, processes, program):
        self.processes = processes
        process = processes.start('demo', [program, '0'], SESSION_PASSWORD=os.urandom(24).hex())
        processes.wait_for(lambda: '\napi ' in processes.read('demo.out'), process, 'demo')
        self.port = int(processes.read('demo.out').split('\n')[0].rsplit(':', 1)[1])

    def visitor(self):
        _, head, _ = request(self.port, 'GET', '/login')
        first = field(head, 'Set-Cookie').split(';')[0]
        provider = field(head, 'Location').removeprefix('http://')
        host, _, path = provider.partition('/')
        _, head, _ = request(int(host.rsplit(':', 1)[1]), 'GET', '/' + path)
        back = '/' + field(head, 'Location').split('/', 3)[3]
        status, head, _ = request(self.port, 'GET', back, first)
        assert status == 302, f'no login: {status}'
        cookie = field(head, 'Set-Cookie').split(';')[0]
        return cookie, json.loads(request(self.port, 'GET', '/session', cookie)[2])['sessionId']

    def visit(self, port, visitor):
        """None, or what came instead of the visitor's own session."""
        status, head, body = request(port, 'GET', '/session', visitor[0])
        if status == 200 and f'"{visitor[1]}"' in body:
            return None
        return f'{status} {body[:60]!r} {field(head, "Set-Cookie")[:30]}'

    def payloads(self, further):
        start = 'POST /api/auth/logout HTTP/1.1\r\nHost: localhost\r\nX-Requested-With: 1\r\n'
        yield 'header', start + 'Content-Length: 0\r\nX-Ignore: '
        yield 'body', ('POST /api/data/notes HTTP/1.1\r\nHost: localhost\r\nX-Requested-With: 1\r\n'
                       f'Cookie: {further[0]}\r\nContent-Length: 110\r\n\r\n')
        yield 'complete', start + f'Cookie: {further[0]}\r\nContent-Length: 0\r\n\r\n'

    def ran(self):
        return self.processes.read('demo.log').count('event=logged_out')


class Readme:
    name = 'README'
    path = '/me'

    def __init__(self, processes, program):
        self.port = free_port()
        process = processes.start('readme', [program], SESSION_PASSWORD=os.urandom(24).hex(), PORT=str(self.port))
        processes.wait_for(lambda: listens(self.port), process, 'readme')

    def visitor(self):
        name = os.urandom(6).hex()
        form = 'Content-Type: application/x-www-form-urlencoded\r\nX-Requested-With: test\r\n'
        status, head, _ = request(self.port, 'POST', '/login', '', form, 'user=' + name)
        assert status == 200, f'no login: {status}'
        return field(head, 'Set-Cookie').split(';')[0], name

    def visit(self, port, visitor):
        status, head, body = request(port, 'GET', '/me', visitor[0])
        if status == 200 and body.strip() == visitor[1] and not field(head, 'Set-Cookie'):
            return None
        return f'{status} {body[:60]!r} {field(head, "Set-Cookie")[:30]}'

    def payloads(self, further):
        start = 'POST /login?user=mallory HTTP/1.1\r\nHost: localhost\r\nX-Requested-With: 1\r\n'
        yield 'header', start + 'Content-Length: 0\r\nX-Ignore: '
        yield 'body', start + f'Cookie: {further[0]}\r\nContent-Length: 110\r\n\r\n'
        yield 'complete', start + f'Cookie: {further[0]}\r\nContent-Length: 0\r\n\r\n'

    def ran(self):
        return 0


def start_nginx(processes, target, name, buffering):
    port = free_port()
    folder = f'{processes.folder}/{target.name}-{name}'
    os.mkdir(folder)
    temporary = ''.join(f'{kind}_temp_path {folder}/{kind};' for kind in
                        ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    with open(f'{folder}/conf', 'w', encoding='utf-8') as file:
        file.write(f'''daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; {temporary} client_max_body_size 8m; underscores_in_headers on; ignore_invalid_headers off;
  upstream app {{ server 127.0.0.1:{target.port}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering {buffering}; proxy_next_upstream off;
    }}
  }}
}}
''')
    key = f'{target.name}-{name}'
    process = processes.start(key, ['nginx', '-p', folder, '-e', f'{folder}/error.log', '-c', f'{folder}/conf'])
    processes.wait_for(lambda: listens(port), process, key)
    return port


def start_haproxy(processes, target):
    port = free_port()
    key = f'{target.name}-haproxy'
    path = f'{processes.folder}/{key}.cfg'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'''global
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 15s
  timeout server 15s
  http-reuse always
  option http-keep-alive
frontend front
  bind 127.0.0.1:{port}
  option accept-invalid-http-request
  default_backend app
backend app
  server one 127.0.0.1:{target.port} pool-max-conn 4
''')
    process = processes.start(key, ['haproxy', '-db', '-f', path])
    processes.wait_for(lambda: listens(port), process, key)
    return port


class Run:
    """All vectors against one program behind one proxy."""

    def __init__(self, target, front, port, visits):
        self.target, self.front, self.port = target, front, port
        self.visitors = [target.visitor() for _ in range(4)]
        self.further = target.visitor()
        self.left = visits
        self.visits = 0
        self.attacks = 0
        self.wrong = []

    def visit(self, name):
        visitor = self.visitors[self.visits % len(self.visitors)]
        self.visits += 1
        problem = self.target.visit(self.port, visitor)
        if problem:
            self.wrong.append(f'{self.target.name}, {self.front}: after {name}: a visitor got {problem}')
            # A later vector's blame must not be this one's: let the proxy's connections become clean again.
            for _ in range(4):
                self.target.visit(self.port, visitor)

    def all(self):
        every = vectors()
        share, rest = divmod(max(self.left, len(every) * 3), len(every) * 3)
        for name, build in every:
            for kind, payload in self.target.payloads(self.further):
                head, body = build(self.target.path, payload)
                if 'chunked' not in name:
                    self.attack([self.aligned(build, payload)], f'{name} ({kind}, aligned)', 1)
                self.attack([head, body], f'{name} ({kind})', share + (1 if rest > 0 else 0))
                rest -= 1

    def attack(self, pieces, name, visits):
        self.attacks += 1
        exchange(self.port, pieces, whole=False)
        for _ in range(visits):
            self.visit(name)

    def aligned(self, build, payload):
        """For a proxy that sends head and body at once: the payload stands where httplib's second read begins."""
        added = len('app') - len('localhost') if self.front.startswith('nginx') else 0
        head, _ = build(self.target.path, 'x' * READ_BUFFER)
        content = 'x' * (-(len(head) + added) % READ_BUFFER) + payload
        return build(self.target.path, content)[0] + content


def direct(target, every, wrong):
    """Without a proxy: head, pause, body. Tells of vectors that got more than one answer."""
    further = target.visitor()
    for name, build in every:
        for kind, payload in target.payloads(further):
            if name == 'pipelined' or kind == 'body':
                continue
            head, body = build(target.path, payload)
            received = exchange(target.port, [head, body + '\r\n\r\n'])
            answers = received.count('HTTP/1.1 ') - received.count('HTTP/1.1 100 ')
            if answers > 1:
                wrong.append(f'{target.name}, directly: {name} ({kind}): {answers} answers on one connection')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--victims', type=int, default=100)
    parser.add_argument('--demo')
    parser.add_argument('--readme')
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    processes = Processes()
    try:
        targets = [Demo(processes, arguments.demo)] if arguments.demo else []
        targets += [Readme(processes, arguments.readme)] if arguments.readme else []
        if not targets or not shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin'):
            sys.exit('no program, or no nginx')
        os.environ['PATH'] += ':/usr/sbin'
        runs = []
        for target in targets:
            runs.append(Run(target, 'nginx', start_nginx(processes, target, 'nginx', 'on'), arguments.victims))
            runs.append(Run(target, 'nginx, unbuffered', start_nginx(processes, target, 'unbuffered', 'off'),
                            arguments.victims))
            if shutil.which('haproxy'):
                runs.append(Run(target, 'haproxy', start_haproxy(processes, target), arguments.victims))
        threads = [threading.Thread(target=run.all) for run in runs]
        answers = {target.name: [] for target in targets}
        for target in targets:
            for part in range(4):
                threads.append(threading.Thread(target=direct, args=(target, vectors()[part::4], answers[target.name])))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrong = [problem for run in runs for problem in run.wrong]
        print(f'{"program":8} {"front":18} {"attacks":>8} {"visits":>7} {"wrong":>6}')
        for run in runs:
            print(f'{run.target.name:8} {run.front:18} {run.attacks:8} {run.visits:7} {len(run.wrong):6}')
        for target in targets:
            print(f'{target.name:8} {"directly":18} {len(vectors()) * 2:8} {"":7} {len(answers[target.name]):6}')
            wrong += answers[target.name]
            if target.ran():
                wrong.append(f'{target.name}: a smuggled request ran {target.ran()} times')
        for problem in wrong[:40]:
            print(problem)
        sys.exit(f'FAILED: {len(wrong)}' if wrong else 0)
    finally:
        processes.stop()


main()
