/*
 * ironjar's C interface: seals, and sessions in cookies. One stable ABI for every language; compiles as C11 and C++.
 *
 * Every function that can fail returns an ironjar_status. Nothing is thrown, nothing allocated here is handed out but
 * the opaque handles, and each handle goes back to its own `_free`. Text is a pointer with a length, may hold NULs, and
 * is never terminated; a pointer may be null when its length is 0. Over a megabyte it is IRONJAR_TOO_LARGE.
 *
 * Text comes out into the caller's buffer: `*size` is the room on the way in and the text's length on the way out. With
 * too little room the status is IRONJAR_BUFFER_TOO_SMALL, `*size` says what is needed, and the buffer is not touched;
 * with room for nothing it may be null. After any other failure `*size` is 0.
 *
 * Times are unix milliseconds and passed in: IRONJAR_NOW takes the system's clock. Options are JSON objects, and a
 * member that is not known is refused; so is a password that holds U+FFFD, as it was no text. Sealers and jars may be
 * used by any number of threads at once; a session belongs to one thread at a time. A handle that was freed, or is of
 * another kind, is IRONJAR_INVALID_ARGUMENT as far as that can be seen: it is a bug to be found, not a case to rely on.
 */
#ifndef IRONJAR_H
#define IRONJAR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define IRONJAR_API __attribute__((visibility("default")))
#else
#define IRONJAR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t ironjar_status;

enum {
  IRONJAR_OK = 0,
  /* What came from outside. */
  IRONJAR_MALFORMED = 1,      /* not of the expected shape; data that cannot be sealed */
  IRONJAR_UNSUPPORTED = 2,    /* well-formed, but in a format that is not enabled */
  IRONJAR_UNKNOWN_KEY = 3,    /* sealed under a password that is not among ours */
  IRONJAR_TAMPERED = 4,       /* does not verify */
  IRONJAR_EXPIRED = 5,        /* was good once */
  IRONJAR_NOT_YET_VALID = 6,  /* sealed ahead of this clock */
  IRONJAR_TOO_LARGE = 7,      /* over a size limit */
  IRONJAR_NOT_ALLOWED = 11,   /* written to after it was destroyed */
  /* The caller's, or the machine's. */
  IRONJAR_BUFFER_TOO_SMALL = 100,
  IRONJAR_INVALID_ARGUMENT = 101, /* a programmer's error; the detail says what to change */
  IRONJAR_OUT_OF_MEMORY = 102,
  IRONJAR_MACHINE = 103 /* no entropy, or a library underneath refuses what must work */
};

enum {
  IRONJAR_NOW = -1,             /* in place of a time: the system's clock */
  IRONJAR_MAX_SEAL_SIZE = 65536 /* no seal is longer, and no sealed JSON is as long as its seal */
};

/* What to log about a failure. `size` is set by the caller, so that either side may be older than the other. */
typedef struct ironjar_error {
  uint32_t size;         /* sizeof(ironjar_error); too small for a detail, and the call does nothing at all */
  ironjar_status status; /* what the function returned */
  char detail[248];      /* what was seen, terminated; never a secret or a plaintext */
} ironjar_error;

#define IRONJAR_ERROR_INIT \
  { sizeof(ironjar_error), IRONJAR_OK, {0} }

/* The library's version, "0.1.0". Static storage. */
IRONJAR_API const char* ironjar_version(void);
/* A status as one word ("expired", "bufferTooSmall"; "unknown" for what is none). Static storage. */
IRONJAR_API const char* ironjar_status_name(ironjar_status status);

/* ---- seals: JSON to a text that is safe in a cookie or a URL, and back ---- */

typedef struct ironjar_sealer ironjar_sealer;

/*
 * Options: `passwords` (one text, or texts by id as {"1": "…"}; required), `sealUnder` (the id of the one that seals;
 * the highest), `formats` (of "native" and "fe26": the first seals, all open; ["native"]), `ttl` (seconds, 0: for ever;
 * 1209600), `clockSkew` (seconds; 60), `purpose` ("session"), `context` (""), `fe26Iterations` ([1]).
 */
IRONJAR_API ironjar_status ironjar_sealer_new(const char* options, size_t options_size, ironjar_sealer** sealer,
                                              ironjar_error* error);
IRONJAR_API ironjar_status ironjar_sealer_free(ironjar_sealer* sealer);

/* Seals a JSON text as it stands, byte for byte. Every call makes another seal, of the same length for one second. */
IRONJAR_API ironjar_status ironjar_seal_data(const ironjar_sealer* sealer, const char* json, size_t json_size,
                                             int64_t now_ms, char* seal, size_t* seal_size, ironjar_error* error);
/* The JSON text that was sealed. A buffer as large as the seal is large enough. */
IRONJAR_API ironjar_status ironjar_unseal_data(const ironjar_sealer* sealer, const char* seal, size_t seal_size,
                                               int64_t now_ms, char* json, size_t* json_size, ironjar_error* error);

/* ---- sessions: a Cookie header in, Set-Cookie values out ---- */

typedef struct ironjar_jar ironjar_jar;
typedef struct ironjar_session ironjar_session;

/*
 * Options: `cookieName` and `passwords` (required); `sealUnder`; `seal` (an object of a sealer's other options);
 * `cookie` (an object of `maxAge` in seconds, `domain`, `path`, `expires` in unix milliseconds, `httpOnly`, `secure`,
 * `partitioned`, `priority`: "low", "medium" or "high", `sameSite`: "lax", "strict", "none" or "unset");
 * `former` (a list of objects of `domain`, `path`, `partitioned`); `untilBrowserCloses`, `chunk`, `rolling` (booleans),
 * `maxCookieHeader` (bytes), `absoluteTtl` (seconds), `tokenNames` (an object of `accessToken`, `refreshToken`,
 * `expiresAt`, `scope`, `lifetime`, `subject`, `cookies`, `extra`, `dpopKey`, `resources`). Meanings and defaults are
 * those of the C++ SessionOptions.
 */
IRONJAR_API ironjar_status ironjar_jar_new(const char* options, size_t options_size, ironjar_jar** jar,
                                           ironjar_error* error);
IRONJAR_API ironjar_status ironjar_jar_free(ironjar_jar* jar);

/*
 * Total: whatever the header holds, up to a megabyte, there is a session; ironjar_session_info says why a cookie was
 * refused.
 */
IRONJAR_API ironjar_status ironjar_jar_open(const ironjar_jar* jar, const char* cookie_header, size_t cookie_header_size,
                                            int64_t now_ms, ironjar_session** session, ironjar_error* error);
/* May come before or after the jar's. */
IRONJAR_API ironjar_status ironjar_session_free(ironjar_session* session);

/* The session's data, a JSON object. */
IRONJAR_API ironjar_status ironjar_session_data(const ironjar_session* session, char* json, size_t* json_size,
                                                ironjar_error* error);
/* Puts another object in its place. The same object is no change. */
IRONJAR_API ironjar_status ironjar_session_set_data(ironjar_session* session, const char* json, size_t json_size,
                                                    ironjar_error* error);
/* A new and empty session in this one's place: call it at login. */
IRONJAR_API ironjar_status ironjar_session_replace(ironjar_session* session, int64_t now_ms, ironjar_error* error);
/* Signs out: the next commit deletes the cookies, and what is set afterwards is IRONJAR_NOT_ALLOWED. */
IRONJAR_API ironjar_status ironjar_session_destroy(ironjar_session* session, ironjar_error* error);
/*
 * A JSON object of `id`, `startedAt`, `expiresAt` (unix milliseconds or null), `changed`, `resealOnly` (the next commit
 * would seal it anew though nobody changed it: a slow response may leave that out), `destroyed`, and `rejection`: null,
 * or why a cookie that came was refused, as {"error": a status' name, "detail": text}.
 */
IRONJAR_API ironjar_status ironjar_session_info(const ironjar_session* session, char* json, size_t* json_size,
                                                ironjar_error* error);

/* Prepares the Set-Cookie values due, and says how many. They are kept until the next commit. Call it once. */
IRONJAR_API ironjar_status ironjar_session_commit(ironjar_session* session, int64_t now_ms, size_t* count,
                                                  ironjar_error* error);
IRONJAR_API ironjar_status ironjar_session_set_cookie(const ironjar_session* session, size_t index, char* value,
                                                      size_t* value_size, ironjar_error* error);

/* ---- cookies ---- */

/* Where a pair stands in the header that was parsed; what is empty stands at 0. */
typedef struct ironjar_cookie_pair {
  size_t name, name_size;
  size_t value, value_size;
} ironjar_cookie_pair;

/*
 * The pairs of a Cookie header, in order, duplicates included. Total. `*count` is the room in pairs on the way in and
 * the number there are on the way out; with too little room nothing is written, as with text.
 */
IRONJAR_API ironjar_status ironjar_parse_cookies(const char* cookie_header, size_t cookie_header_size,
                                                 ironjar_cookie_pair* pairs, size_t* count, ironjar_error* error);

/*
 * The value of one Set-Cookie field. Options: the members of a jar's `cookie`, and `promises` (true); with false, also
 * what browsers do not keep is written: SameSite=None and Partitioned without Secure, and a name whose prefix promises
 * more than the attributes hold. IRONJAR_MALFORMED for what a cookie cannot carry.
 */
IRONJAR_API ironjar_status ironjar_serialize_cookie(const char* name, size_t name_size, const char* value,
                                                    size_t value_size, const char* options, size_t options_size,
                                                    char* cookie, size_t* cookie_size, ironjar_error* error);

/*
 * How a jar would send a seal of `seal_size` bytes, for programs that seal and set cookies without one. Options:
 * `cookieName` (required), `ttl` (seconds that the seal opens for; 1209600), `attributesSize` (bytes of a Set-Cookie
 * value behind its `name=value`; 0), `chunk` (false), `maxCookieHeader` (bytes; no limit).
 *
 * A JSON object of `cookies` (the names to set: each takes `partSize` bytes of the seal, the last one the rest; none
 * for a seal that is empty or does not fit), `stale` (the names to delete where the browser has them), `maxAge`
 * (seconds); and, to explain what does not fit, `wholeSize` (bytes of the Set-Cookie value, were it one cookie),
 * `chunkOverhead` (bytes of a chunk's without its part) and `chunks` (how many it would take; 0 when the overhead
 * leaves no room).
 */
IRONJAR_API ironjar_status ironjar_split_seal(const char* options, size_t options_size, size_t seal_size, char* json,
                                              size_t* json_size, ironjar_error* error);

#ifdef __cplusplus
}
#endif

#endif
