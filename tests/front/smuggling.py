#!/usr/bin/env python3
"""V01: request smuggling through real reverse proxies that keep their connections.

smuggling.py [--victims N] [--demo PROGRAM] [--beast PROGRAM] [--readme PROGRAM]

Starts the demo on both of its servers and README's first program, each behind nginx (with and without request
buffering) and haproxy, all on free ports of the loopback interface. Sends every vector of vectors.py with three
payloads: one whose end takes the next request as a header's value, one that takes it as a body, and a complete one.
After each, visitors fetch their own session through the same proxy, and each must get their own; a complete payload
would sign a further session out, which no proxy passes, and the program's log must not tell of that. The same directly, with a pause after the
head: a connection gives one answer.
N visitors in all for each program and proxy (default: 100). Prints a table; 0 only if all of it holds.
"""
import argparse
import os
import shutil
import signal
import sys
import threading

from programs import Demo, Processes, Readme, start_haproxy, start_nginx
from vectors import vectors
from wire import exchange

READ_BUFFER = 4096  # of httplib's: what it has read of an unread body is dropped, what follows is parsed


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
    parser.add_argument('--beast')
    parser.add_argument('--readme')
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    processes = Processes()
    try:
        targets = [Demo(processes, arguments.demo)] if arguments.demo else []
        targets += [Demo(processes, arguments.beast, 'beast')] if arguments.beast else []
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
