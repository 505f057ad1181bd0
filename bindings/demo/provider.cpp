#include "provider.hpp"

#include <random>
#include <sstream>

#include <nlohmann/json.hpp>

namespace demo {
namespace {

constexpr std::chrono::seconds accessTokenLifetime{10};

void refuse(httplib::Response& response, const char* error) {
  response.status = 400;
  response.set_content(nlohmann::json{{"error", error}}.dump(), "application/json");
}

}  // namespace

std::string randomText() {
  std::random_device entropy;
  std::ostringstream text;
  for (int i = 0; i < 4; ++i) {
    text.width(8);
    text.fill('0');
    text << std::hex << entropy();
  }
  return text.str();
}

void Provider::mount(httplib::Server& server) {
  server.Get("/authorize", [this](const httplib::Request& in, httplib::Response& out) { authorize(in, out); });
  server.Post("/token", [this](const httplib::Request& in, httplib::Response& out) { token(in, out); });
}

std::optional<std::string> Provider::userOf(const std::string& accessToken) const {
  const std::lock_guard lock(mutex_);
  const auto entry = accessTokens_.find(accessToken);
  if (entry == accessTokens_.end()) return std::nullopt;
  const Login& login = logins_.at(entry->second);
  const bool good = login.alive && login.accessToken == accessToken && std::chrono::steady_clock::now() < login.expires;
  return good ? std::optional(login.user) : std::nullopt;
}

std::string Provider::stats() const {
  const std::lock_guard lock(mutex_);
  return nlohmann::json{{"logins", logins_.size()}, {"refreshes", refreshes_}, {"reuses", reuses_}}.dump();
}

// A real provider shows a login page here; this one knows only Ada and asks her nothing.
void Provider::authorize(const httplib::Request& request, httplib::Response& response) {
  const std::string code = randomText();
  {
    const std::lock_guard lock(mutex_);
    codes_[code] = "ada";
  }
  response.set_redirect(request.get_param_value("redirect_uri") + "?code=" + code +
                        "&state=" + request.get_param_value("state"));
}

void Provider::token(const httplib::Request& request, httplib::Response& response) {
  const auto client =
      httplib::make_basic_authentication_header("web", httplib::detail::encode_query_param(clientSecret));
  if (request.get_header_value("Authorization") != client.second) return refuse(response, "invalid_client");
  const std::lock_guard lock(mutex_);
  const std::string grant = request.get_param_value("grant_type");
  if (grant == "authorization_code") {
    const auto code = codes_.find(request.get_param_value("code"));
    if (code == codes_.end()) return refuse(response, "invalid_grant");
    const int id = static_cast<int>(logins_.size()) + 1;
    Login& login = logins_[id];
    login.user = code->second;
    codes_.erase(code);
    return issue(login, id, response);
  }
  if (grant != "refresh_token") return refuse(response, "unsupported_grant_type");
  const std::string presented = request.get_param_value("refresh_token");
  const auto known = refreshTokens_.find(presented);
  if (known == refreshTokens_.end()) return refuse(response, "invalid_grant");
  Login& login = logins_.at(known->second);
  if (login.refreshToken != presented) {
    ++reuses_;
    login.alive = false;
  }
  if (!login.alive) return refuse(response, "invalid_grant");
  ++refreshes_;
  issue(login, known->second, response);
}

void Provider::issue(Login& login, int loginId, httplib::Response& response) {
  login.accessToken = "at-" + randomText();
  login.refreshToken = "rt-" + randomText();
  login.expires = std::chrono::steady_clock::now() + accessTokenLifetime;
  accessTokens_[login.accessToken] = loginId;
  refreshTokens_[login.refreshToken] = loginId;
  const nlohmann::json answer = {{"access_token", login.accessToken},
                                 {"refresh_token", login.refreshToken},
                                 {"token_type", "Bearer"},
                                 {"expires_in", accessTokenLifetime.count()}};
  response.set_header("Cache-Control", "no-store");
  response.set_content(answer.dump(), "application/json");
}

}  // namespace demo
