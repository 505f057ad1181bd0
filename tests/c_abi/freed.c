/* A04: uses a handle that was freed, or frees it twice, for AddressSanitizer to find. */
#include <ironjar.h>
#include <string.h>

int main(int argc, char** argv) {
  static const char options[] = "{\"passwords\":\"Zk3-first-password-that-is-long-enough-0001\"}";
  ironjar_sealer* sealer = NULL;
  char seal[512];
  size_t size = sizeof seal;
  if (ironjar_sealer_new(options, strlen(options), &sealer, NULL) != IRONJAR_OK) return 1;
  ironjar_sealer_free(sealer);
  if (argc == 2 && strcmp(argv[1], "use") == 0) {
    return ironjar_seal_data(sealer, "1", 1, IRONJAR_NOW, seal, &size, NULL) == IRONJAR_INVALID_ARGUMENT ? 0 : 1;
  }
  return ironjar_sealer_free(sealer) == IRONJAR_INVALID_ARGUMENT ? 0 : 1;
}
