// What ironjar holds itself to, of the ratios and medians of report.mjs; `as` says it in words, `unit` divides what was
// found.
const both = (make) => ['seal', 'unseal'].map(make);

export const bounds = [
  ...both((op) => ({ what: `native/${op}/128 text : floor`, most: 1.35 })),
  ...both((op) => ({ what: `native/${op}/1024 text : floor`, most: 1.2 })),
  ...both((op) => ({ what: `fe26/${op}/1024 text : floor`, most: 0.9 })),
  ...both((op) => ({ what: `iron-session : native/${op}/1024`, least: 100 })),
  ...both((op) => ({ what: `iron-session : fe26/${op}/1024`, least: 40 })),
  ...both((op) => ({ what: `sodium-native secretbox : native/${op}/1024`, least: 2 })),
  ...both((op) => ({ what: `gorilla/securecookie : native/${op}/1024`, least: 5 })),
  { what: 'native/seal/1024 two threads : one', least: 1.8 },
  { what: 'native/unseal/1024 two threads : one', least: 1.8 },
  { what: 'cookies/worst/8192', as: 'the worst Cookie header of 8 kB, µs', unit: 1000, most: 100 },
  { what: 'cookies 16k : 8k', as: 'the same, 16 kB : 8 kB', most: 2.3 },
  { what: 'base64url/encode/16384 bytes per µs', as: 'base64url to text, GB/s', unit: 1000, least: 2 },
  { what: 'base64url/decode/16384 bytes per µs', as: 'base64url to bytes, GB/s', unit: 1000, least: 1 },
  { what: 'base64url/encodeByTable/16384 bytes per µs', as: 'base64url to text without AVX2, GB/s', unit: 1000, least: 0.7 },
  { what: 'base64url/decodeByTable/16384 bytes per µs', as: 'base64url to bytes without AVX2, GB/s', unit: 1000, least: 0.7 },
  { what: 'http read-only : bare', least: 0.8 },
  { what: 'http read-write : bare', least: 0.65 },
  { what: 'http performFetch : pooled client', least: 0.95 },
];
