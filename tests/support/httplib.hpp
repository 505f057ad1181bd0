// What the tests of the httplib adapter have in common, precompiled.
#pragma once

#include "support/support.hpp"

#include <doctest/doctest.h>
#include <httplib.h>
#include <ironjar/httplib.hpp>
