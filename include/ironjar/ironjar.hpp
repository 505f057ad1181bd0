// The whole core. Adapters are included one by one: <ironjar/httplib.hpp>.
#pragma once

#include <ironjar/challenges.hpp>
#include <ironjar/client_assertion.hpp>
#include <ironjar/cookie.hpp>
#include <ironjar/coordinator.hpp>
#include <ironjar/dpop.hpp>
#include <ironjar/envelope.hpp>
#include <ironjar/error.hpp>
#include <ironjar/fetch.hpp>
#include <ironjar/http.hpp>
#include <ironjar/http1.hpp>
#include <ironjar/id_token.hpp>
#include <ironjar/jwt.hpp>
#include <ironjar/login.hpp>
#include <ironjar/openid_provider.hpp>
#include <ironjar/passwords.hpp>
#include <ironjar/profiles.hpp>
#include <ironjar/refresh_service.hpp>
#include <ironjar/revocation.hpp>
#include <ironjar/seal.hpp>
#include <ironjar/session.hpp>
#include <ironjar/step_up.hpp>
#include <ironjar/tokens.hpp>
#include <ironjar/version.hpp>
#include <ironjar/web.hpp>
#include <ironjar/web/request_framing.hpp>
