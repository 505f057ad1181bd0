/* The header as C11 sees it, in a program of C: seals, opens, keeps a session. */
#include <ironjar.h>
#include <stdio.h>
#include <string.h>

static const char sealing[] = "{\"passwords\":\"Zk3-first-password-that-is-long-enough-0001\"}";
static const char keeping[] = "{\"cookieName\":\"sid\",\"passwords\":\"Zk3-first-password-that-is-long-enough-0001\"}";
static const char data[] = "{\"user\":\"ada\"}";

static int seals_and_opens(void) {
  ironjar_sealer* sealer = NULL;
  ironjar_error error = IRONJAR_ERROR_INIT;
  if (ironjar_sealer_new(sealing, strlen(sealing), &sealer, &error) != IRONJAR_OK) return puts(error.detail), 0;
  char seal[512];
  char json[512];
  size_t seal_size = sizeof seal;
  size_t json_size = sizeof json;
  const int done =
      ironjar_seal_data(sealer, data, strlen(data), IRONJAR_NOW, seal, &seal_size, &error) == IRONJAR_OK &&
      ironjar_unseal_data(sealer, seal, seal_size, IRONJAR_NOW, json, &json_size, &error) == IRONJAR_OK &&
      json_size == strlen(data) && memcmp(json, data, json_size) == 0;
  if (!done) puts(error.detail);
  ironjar_sealer_free(sealer);
  return done;
}

static int keeps_a_session(void) {
  ironjar_jar* jar = NULL;
  ironjar_session* session = NULL;
  ironjar_error error = IRONJAR_ERROR_INIT;
  char cookie[4096];
  size_t size = sizeof cookie;
  size_t count = 0;
  const int done = ironjar_jar_new(keeping, strlen(keeping), &jar, &error) == IRONJAR_OK &&
                   ironjar_jar_open(jar, "", 0, IRONJAR_NOW, &session, &error) == IRONJAR_OK &&
                   ironjar_session_set_data(session, data, strlen(data), &error) == IRONJAR_OK &&
                   ironjar_session_commit(session, IRONJAR_NOW, &count, &error) == IRONJAR_OK && count == 1 &&
                   ironjar_session_set_cookie(session, 0, cookie, &size, &error) == IRONJAR_OK &&
                   strncmp(cookie, "sid=ij1.", 8) == 0;
  if (!done) puts(error.detail);
  ironjar_session_free(session);
  ironjar_jar_free(jar);
  return done;
}

int main(void) { return seals_and_opens() && keeps_a_session() ? 0 : 1; }
