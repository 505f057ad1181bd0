// The version of these headers. CMakeLists.txt reads it from here.
#pragma once

#define IRONJAR_VERSION_MAJOR 0
#define IRONJAR_VERSION_MINOR 1
#define IRONJAR_VERSION_PATCH 0
