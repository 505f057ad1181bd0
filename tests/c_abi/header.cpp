// The header alone, as C++ sees it.
#include <ironjar.h>

static_assert(sizeof(ironjar_status) == 4 && sizeof(ironjar_error) == 256, "sizes are part of the ABI");

int main() { return ironjar_status_name(IRONJAR_OK)[0] == 'o' ? 0 : 1; }
