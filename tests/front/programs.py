"""What runs: the demo and README's first program, nginx and haproxy in front of them."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from wire import field, request


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


def on_free_port(start):
    """Somebody may take a port between its choice and its use: then another one is tried."""
    for _ in range(2):
        try:
            return start(free_port())
        except SystemExit as why:
            print(why, file=sys.stderr)
    return start(free_port())


def listens(port):
    try:
        socket.create_connection(('localhost', port), 1).close()
        return True
    except OSError:
        return False


class Demo:
    path = '/api/auth/status'
    forbidden = '/api/auth/logout'  # what no proxy passes, so that whatever comes of it was smuggled

    def __init__(self, processes, program, name='demo'):
        self.name = name
        self.processes = processes
        process = processes.start(name, [program, '0'], SESSION_PASSWORD=os.urandom(24).hex())
        processes.wait_for(lambda: '\napi ' in processes.read(f'{name}.out'), process, name)
        self.port = int(processes.read(f'{name}.out').split('\n')[0].rsplit(':', 1)[1])

    def visitor(self):
        _, head, _ = request(self.port, 'GET', '/login')
        first = field(head, 'Set-Cookie').split(';')[0]
        provider = field(head, 'Location').removeprefix('http://')
        host, _, path = provider.partition('/')
        _, head, _ = request(int(host.rsplit(':', 1)[1]), 'GET', '/' + path)
        back = '/' + field(head, 'Location').split('/', 3)[3]
        status, head, _ = request(self.port, 'GET', back, first)
        assert status == 303, f'no login: {status}'
        cookie = re.search(r'__Host-demo=[^;]+', head).group()
        session = json.loads(request(self.port, 'GET', '/session', cookie)[2])
        assert session['signedIn'], 'no login'
        return cookie, session['sessionId']

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
        return self.processes.read(f'{self.name}.log').count('event=logged_out')


class Readme:
    name = 'README'
    path = '/me'
    forbidden = '/none'

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
    return on_free_port(lambda port: nginx_at(port, processes, target, name, buffering))


def nginx_at(port, processes, target, name, buffering):
    folder = f'{processes.folder}/{target.name}-{name}'
    os.makedirs(folder, exist_ok=True)
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
    location = {target.forbidden} {{ return 403; }}
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
    return on_free_port(lambda port: haproxy_at(port, processes, target))


def haproxy_at(port, processes, target):
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
  http-request deny if {{ path {target.forbidden} }}
  default_backend app
backend app
  server one 127.0.0.1:{target.port} pool-max-conn 4
''')
    process = processes.start(key, ['haproxy', '-db', '-f', path])
    processes.wait_for(lambda: listens(port), process, key)
    return port
