#include <ironjar.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  const char options[] = "{\"cookieName\": \"session\", \"passwords\": \"Hw6-password-of-this-test-and-no-site-0003\"}";
  ironjar_jar* jar = NULL;
  ironjar_session* session = NULL;
  ironjar_error error = IRONJAR_ERROR_INIT;
  char cookie[4096];
  size_t size = sizeof cookie, count = 0;
  const char data[] = "{\"user\": \"ada\"}";
  if (ironjar_jar_new(options, strlen(options), &jar, &error) != IRONJAR_OK ||
      ironjar_jar_open(jar, "", 0, IRONJAR_NOW, &session, &error) != IRONJAR_OK ||
      ironjar_session_set_data(session, data, strlen(data), &error) != IRONJAR_OK ||
      ironjar_session_commit(session, IRONJAR_NOW, &count, &error) != IRONJAR_OK ||
      ironjar_session_set_cookie(session, 0, cookie, &size, &error) != IRONJAR_OK) {
    fprintf(stderr, "%s: %s\n", ironjar_status_name(error.status), error.detail);
    return 1;
  }
  printf("Set-Cookie: %.*s\n", (int)size, cookie);
  ironjar_session_free(session);
  ironjar_jar_free(jar);
  return 0;
}
