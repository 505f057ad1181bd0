// An identity provider and an API as one Transport: refresh tokens that work once, reuse that ends the login, and knobs
// for everything that goes wrong between.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <ironjar/ironjar.hpp>

namespace support {

class FakeProvider {
 public:
  static constexpr const char* api = "https://api.example";

  // A login's first tokens.
  ironjar::TokenSet login() {
    const std::lock_guard lock(mutex_);
    return issue(++logins_);
  }

  // What the API refuses from now on: every access token issued so far.
  void expireAccessTokens() {
    const std::lock_guard lock(mutex_);
    good_.clear();
  }

  // Answers to come from the token endpoint instead of its own, in order.
  void answerTokenCalls(std::vector<ironjar::Result<ironjar::Response>> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }

  // Token calls wait inside the provider until they are released.
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  void waitForTokenCalls(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tokenCalls_ >= count; });
  }

  void waitForRevocations(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return revocations_ >= count; });
  }

  int tokenCalls() const { return locked(tokenCalls_); }
  int reuses() const { return locked(reuses_); }
  int apiCalls() const { return locked(apiCalls_); }
  std::vector<ironjar::Request> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

  ironjar::Seconds expiresIn{3600};
  int revocationStatus = 200;
  bool alwaysRefuse = false;   // the API answers 401 to any token
  bool rotates = true;         // a refresh brings a new refresh token
  int apiStatus = 200;         // the API's answer to a good token
  ironjar::Headers challenge;  // sent with a 401

  ironjar::Transport transport() {
    return [this](const ironjar::Request& request, ironjar::Deadline deadline) {
      if (request.url == "https://id.example/token") return token(request, deadline);
      return request.url == "https://id.example/revoke" ? revoke() : serve(request);
    };
  }

 private:
  int locked(const int& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  ironjar::TokenSet issue(int login) {
    const std::string n = std::to_string(++issued_);
    good_["at-" + n] = login;
    refreshTokens_["rt-" + n] = login;
    current_[login] = "rt-" + n;
    return {.accessToken = "at-" + n, .refreshToken = "rt-" + n};
  }

  ironjar::Result<ironjar::Response> token(const ironjar::Request& request, ironjar::Deadline deadline) {
    std::unique_lock lock(mutex_);
    ++tokenCalls_;
    changed_.notify_all();
    if (!changed_.wait_until(lock, deadline, [this] { return !held_; })) return ironjar::fail(ironjar::Errc::timeout);
    if (!answers_.empty()) {
      auto answer = answers_.front();
      answers_.erase(answers_.begin());
      return answer;
    }
    const std::string presented = request.body.substr(request.body.find("refresh_token=", 20) + 14);
    const auto known = refreshTokens_.find(presented);
    if (known == refreshTokens_.end()) return dead();
    const int login = known->second;
    if (current_[login] != presented) {
      ++reuses_;
      current_.erase(login);
      return dead();
    }
    ironjar::TokenSet tokens = issue(login);
    if (!rotates) {
      current_[login] = presented;
      tokens.refreshToken.clear();
    }
    ironjar::Json body = {{"access_token", tokens.accessToken}, {"expires_in", expiresIn.count()}};
    if (rotates) body["refresh_token"] = tokens.refreshToken;
    return ironjar::Response{.status = 200, .body = body.dump()};
  }

  ironjar::Result<ironjar::Response> revoke() {
    const std::lock_guard lock(mutex_);
    ++revocations_;
    changed_.notify_all();
    return ironjar::Response{.status = revocationStatus};
  }

  static ironjar::Response dead() { return {.status = 400, .body = R"({"error":"invalid_grant"})"}; }

  ironjar::Result<ironjar::Response> serve(const ironjar::Request& request) {
    const std::lock_guard lock(mutex_);
    ++apiCalls_;
    seen_.push_back(request);
    const std::string bearer(ironjar::findHeader(request.headers, "Authorization").value_or(""));
    const auto who = good_.find(bearer.substr(std::min<std::size_t>(7, bearer.size())));
    if (alwaysRefuse || who == good_.end()) return ironjar::Response{.status = 401, .headers = challenge, .body = "no"};
    return ironjar::Response{.status = apiStatus, .body = "login " + std::to_string(who->second)};
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int logins_ = 0;
  int issued_ = 0;
  int tokenCalls_ = 0;
  int reuses_ = 0;
  int apiCalls_ = 0;
  int revocations_ = 0;
  std::map<std::string, int> good_;           // access token -> login
  std::map<std::string, int> refreshTokens_;  // every one ever issued -> login
  std::map<int, std::string> current_;        // login -> its one good refresh token
  std::vector<ironjar::Result<ironjar::Response>> answers_;
  std::vector<ironjar::Request> seen_;
};

// Failures are not backed off from, unless a test brings a coordinator of its own.
inline ironjar::FetchOptions fetchOptions(FakeProvider& provider) {
  ironjar::FetchOptions options = {
      .transport = provider.transport(),
      .allowedOrigins = {FakeProvider::api},
      .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = ironjar::basicAuth("web", "secret")}};
  options.coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.jitter = [] { return 0.0; }});
  return options;
}

}  // namespace support
