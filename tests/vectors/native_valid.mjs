// Cases of seals that open.

import {
  base, bothKeys, day, filler, greeting, nestArrays, nestMixed, nestObjects, one, oneBlock, paserk,
  seeded, three, two, utf8Password,
} from './native_cases.mjs';
import { keyOf, maxTime } from './native_format.mjs';

const texts = {
  'object': greeting,
  'empty object': '{}',
  'empty array': '[]',
  'top-level array': '[1,"two",null,true,{"five":5}]',
  'top-level string': '"just a string"',
  'top-level empty string': '""',
  'top-level number': '7',
  'top-level zero': '0',
  'top-level negative number': '-12.5',
  'top-level true': 'true',
  'top-level false': 'false',
  'top-level null': 'null',
  'utf-8': '{"name":"Zoë Ångström","city":"Αθήνα","greeting":"こんにちは","abc":"שלום"}',
  'utf-8 keys': '{"ключ":"значение","鍵":"値","é":1,"e\u0301":2}',
  'emoji': '{"mood":"😀🎉","family":"👩‍👩‍👧‍👦","flag":"🇩🇪","😀":"key"}',
  'escaped emoji': String.raw`{"mood":"\ud83d\ude00","up":"\uD83C\uDF89"}`,
  'every short escape': String.raw`{"s":"\" \\ \/ \b \f \n \r \t"}`,
  'unicode escapes': String.raw`{"s":"\u0041\u00e9\u20AC\uffff","\u006b":1}`,
  'NUL in a value': String.raw`{"s":"a\u0000b\u0000"}`,
  'NUL in keys': String.raw`{"a\u0000":1,"a":2,"\u0000":3}`,
  'control characters': String.raw`{"s":"\u0001\u001f\u007f"}`,
  'delete and C1 characters unescaped': '{"s":"\u007f\u0080\u009f"}',
  'line separators unescaped': '{"s":"a\u2028b\u2029c"}',
  'byte order mark inside a string': '{"s":"\ufeffa\ufeff"}',
  'edges of the utf-8 lengths': '{"s":"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"}',
  'string that looks like JSON': String.raw`{"s":"{\"a\":1,\"a\":2}","t":"[[[[","u":"}]:,"}`,
  'backslashes before quotes': String.raw`{"a\\":"b\\\\","c\"":"\\\"","\\":"\\"}`,
  'whitespace inside': '{ "a" :\t[ 1 ,\n2 ] ,\r\n"b" : { } }',
  'key __proto__': '{"__proto__":{"admin":true},"a":1}',
  'key constructor': '{"constructor":{"prototype":{"admin":true}},"toString":1,"hasOwnProperty":2}',
  'empty key': '{"":1,"a":{"":{"":null}}}',
  'keys that differ by case': '{"a":1,"A":2}',
  'keys that look like numbers': '{"10":1,"9":2,"1":3,"01":4,"-1":5}',
  'same key in different objects': '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
  'same string as key and value': '{"a":"a","b":["a","b","a"]}',
  'largest safe integers': '[9007199254740991,-9007199254740991,9007199254740990]',
  'integers at word sizes': '[127,255,256,65536,2147483647,2147483648,-2147483648,4294967296]',
  'floats': '[0.1,-0.1,0.30000000000000004,3.141592653589793,123456.789,1.5]',
  'exponents': '[1e5,1E5,1e+5,25e-1,1.5e300,-2.5E-10,0e0]',
  'extreme floats': '[1.7976931348623157e308,2.2250738585072014e-308,5e-324]',
  'float with a whole value': '[1.0,100.00,-3.0]',
  'depth 63 of arrays': nestArrays(63),
  'depth 64 of arrays': nestArrays(64, '1'),
  'depth 64 of objects': nestObjects(64),
  'depth 64 mixed': nestMixed(64),
  'depth 64 twice, one after the other': `[${nestArrays(63)},${nestArrays(63)}]`,
  'many siblings': `[${Array(100).fill('[]').join(',')},${Array(100).fill('{}').join(',')}]`,
  'many keys': `{${Array.from({ length: 100 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
};

const textCases = Object.entries(texts).map(([name, json]) => ({ name, json }));

const sizeCases = [
  0, 1, 2, 3, 4, 5, 22, 23, 24, 63, 64, 65, 254, 255, 256, 1022, 1023, 1024, 2998, 2999, 3000,
].map((size) => ({ name: `text of ${size} characters`, json: `{"s":"${filler(size)}"}` }));

const timeCases = [
  { name: 'never expires', exp: 0 },
  { name: 'never expires, opened long after', exp: 0, now: base + 100 * 365 * day },
  { name: 'opened at exp', exp: base },
  { name: 'opened at exp + 1', exp: base - 1 },
  { name: 'opened at exp + 59', exp: base - 59 },
  { name: 'opened at iat', iat: base, start: base },
  { name: 'iat = now + 1', iat: base + 1 },
  { name: 'iat = now + 60', iat: base + 60 },
  { name: 'session began long before iat', start: base - 300 * day },
  {
    name: 'opened after 2038',
    now: 2200000000,
    iat: 2199999990,
    exp: 2200003600,
    start: 2150000000,
  },
  {
    name: 'opened after 2106',
    now: 4300000000,
    iat: 4299999990,
    exp: 4300003600,
    start: 4299999990,
  },
  { name: 'exp of the largest time', exp: maxTime },
  { name: 'iat and start of zero', iat: 0, start: 0 },
];

const keyCases = [
  { name: 'two passwords, sealed under the higher id', passwords: bothKeys, password: two },
  { name: 'two passwords, sealed under the lower id', passwords: bothKeys, password: one },
  {
    name: 'three passwords, sealed under the middle id',
    passwords: { 3: one, 7: three, 20: two },
    password: three,
  },
  { name: 'one password with a high id', passwords: { 255: one } },
  { name: 'password moved to another id', passwords: { 1: two, 2: one }, password: one },
  { name: 'utf-8 password', passwords: { 1: utf8Password } },
  { name: 'password of 32 characters', passwords: { 1: '0123456789abcdef0123456789ABCDEF' } },
  {
    name: 'password of 240 characters',
    passwords: { 1: 'long-password-'.repeat(18).slice(0, 240) },
  },
  {
    name: 'password of 64 hexadecimal digits',
    passwords: { 1: seeded('hex', 32).toString('hex') },
  },
  {
    name: 'password with spaces and quotes',
    passwords: { 1: ' "quoted" and \\ spaced password \t\n ' },
  },
  { name: 'password that has k4.local. inside', passwords: { 1: `x${paserk}` } },
  { name: 'PASERK password', passwords: { 1: paserk } },
  { name: 'PASERK password beside a text one', passwords: { 1: paserk, 2: one }, password: paserk },
  {
    name: 'PASERK of the key of a text password',
    password: one,
    passwords: { 1: 'k4.local.' + keyOf(one).toString('base64url') },
  },
];

const bindingCases = [
  { name: 'another purpose', purpose: 'magic-link' },
  { name: 'a context', context: 'tenant-42' },
  { name: 'purpose and context', purpose: 'csrf', context: 'https://example.com/path?q=1' },
  { name: 'purpose ab, context c', purpose: 'ab', context: 'c' },
  { name: 'purpose a, context bc', purpose: 'a', context: 'bc' },
  { name: 'utf-8 purpose and context', purpose: 'цель-目的', context: 'μ-😀-é-e\u0301' },
  { name: 'long purpose', purpose: filler(300) },
  { name: 'long context', context: filler(1000) },
  { name: 'context of 255 bytes', context: filler(255) },
  { name: 'context of 256 bytes', context: filler(256) },
  { name: 'NUL in purpose and context', purpose: 'a\0b', context: '\0' },
  { name: 'purpose that looks like a PAE piece', purpose: `a${oneBlock}b` },
  { name: 'context that looks like a PAE piece', context: `${oneBlock}b${oneBlock}c` },
  {
    name: 'context that looks like the whole PAE',
    context: '\u0004\0\0\0\0\0\0\0\u0003\0\0\0\0\0\0\0ij1',
  },
  { name: 'context that looks like a seal', context: 'ij1.AAAA' },
  { name: 'spaces and line ends in the context', context: ' a\r\n\tb ' },
];

export const validCases = [...textCases, ...sizeCases, ...timeCases, ...keyCases, ...bindingCases];
