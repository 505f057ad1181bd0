// What the tests of the core have in common, precompiled.
#pragma once

#include "support/support.hpp"

#include <doctest/doctest.h>
#include <ironjar/testing/api.hpp>
#include <ironjar/testing/provider.hpp>
