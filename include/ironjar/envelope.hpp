// Typed values out of an API's answers, for APIs that put each into an envelope of their own, such as
// {"success": true, "message": "…", "data": …}.
//
// Example:
//   const ironjar::Request wanted{.url = "https://api.example.com/items"};
//   const auto items = ironjar::performFetch<std::vector<std::string>>(fetcher, session, wanted);
//   if (items) {
//     std::cout << items->size() << " items\n";
//   } else if (items.error().isRefusal()) {
//     std::cout << items.error().status << ": " << items.error().message << '\n';
//   } else {
//     response = ironjar::answerFor(items.error().error);  // the API has not answered, or the login is over
//   }
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <ironjar/conversion.hpp>
#include <ironjar/fetch.hpp>

namespace ironjar {

// Where its members are: JSON pointers (RFC 6901).
struct Envelope {
  std::string success = "/success";  // `true` or `false`; empty: the status alone says
  std::string message = "/message";  // why there is no value
  std::string data = "/data";        // the value; empty: the whole body is
};

// Why there is no value.
struct ApiError {
  // performFetch's; Errc::malformed: an answer that is no such envelope, or whose value is of another type. For a
  // refusal Errc::notAllowed.
  Error error;
  int status = 0;            // of a refusal, the API's: it has said that it will not; else 0
  std::string message = {};  // and what it says, up to 1 KiB: another program's text, to be escaped where it is shown

  [[nodiscard]] bool isRefusal() const { return status != 0; }
};

// A value, or why there is none; as Result.
template <class T>
class [[nodiscard]] ApiValue {
 public:
  ApiValue(T value) : state_(std::in_place_index<0>, std::move(value)) {}         // NOLINT: as Result
  ApiValue(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: as Result

  explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
  [[nodiscard]] const ApiError& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, ApiError> state_;
};

namespace detail {

// The value as JSON. A refusal: a status that is not 2xx, or a success that is false. JSON as sessions have it: at most
// 64 levels, no member twice.
[[nodiscard]] std::variant<Json, ApiError> openEnvelope(const Result<Response>& answer, const Envelope& envelope);

}  // namespace detail

// For an answer that is there already, of asyncFetch for instance. Throws std::invalid_argument for what is no JSON
// pointer in the envelope. T is what Session::get takes: numbers fit exactly, or it is Errc::malformed.
template <class T>
[[nodiscard]] ApiValue<T> valueIn(const Result<Response>& answer, const Envelope& envelope = {}) {
  std::variant<Json, ApiError> opened = detail::openEnvelope(answer, envelope);
  if (auto* error = std::get_if<ApiError>(&opened)) return std::move(*error);
  std::optional<T> value = detail::convertExactly<T>(std::get<Json>(opened));
  if (!value) return ApiError{fail(Errc::malformed, "an API's value of another type")};
  return *std::move(value);
}

// Fetcher::performFetch, and valueIn of its answer. Blocks as that does.
template <class T>
[[nodiscard]] ApiValue<T> performFetch(const Fetcher& fetcher, Session& session, Request request,
                                       const Envelope& envelope = {}) {
  return valueIn<T>(fetcher.performFetch(session, std::move(request)), envelope);
}

}  // namespace ironjar
