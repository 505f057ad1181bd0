#!/usr/bin/env bash
# Writes each code block of the Markdown files to OUT/<place>-<folder>-<number>.<language>; <place> is the file's in the
# list, so that the blocks of the first file are the first by name. C++ that is no program of its own is put where it can
# be compiled: declarations into a file, statements into a function that has what the text speaks of.
# Fails when a header has no example. Usage: extract.sh ROOT OUT FILE... (FILE relative to ROOT)
set -euo pipefail

root=$1 out=$2
shift 2
prelude='#include <cstdlib>
#include <iostream>
#define IRONJAR_ACCEPT_HTTPLIB_BEFORE_0_44
#include <ironjar/curl.hpp>
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>
#include <ironjar/prometheus.hpp>
#include <ironjar/redis.hpp>
'
statements='void store(bool success, const ironjar::TokenSet& tokens);
void snippet(ironjar::Session& session, const ironjar::SessionJar& jar, std::string_view cookieHeader,
             const ironjar::Passwords& passwords, const ironjar::Fetcher& fetcher, httplib::Server& server,
             const ironjar::HardenedServer& site, const ironjar::WebRequest& request, ironjar::Response& response);
void snippet([[maybe_unused]] ironjar::Session& session, [[maybe_unused]] const ironjar::SessionJar& jar,
             [[maybe_unused]] std::string_view cookieHeader, [[maybe_unused]] const ironjar::Passwords& passwords,
             [[maybe_unused]] const ironjar::Fetcher& fetcher, [[maybe_unused]] httplib::Server& server,
             [[maybe_unused]] const ironjar::HardenedServer& site, [[maybe_unused]] const ironjar::WebRequest& request,
             [[maybe_unused]] ironjar::Response& response) {'
rm -rf "$out"
mkdir -p "$out"
headers=$out/headers
place=0
for file in "$@"; do
  place=$((place + 1))
  folder=$(dirname "$file")
  prefix=$(printf '%02d-%s' $place "${folder//\//-}")
  if [[ $file == *.hpp ]]; then
    example=$(sed -n '/^\/\/ Example:$/,/^#pragma once$/s/^\/\/   //p' "$root/$file")
    [ -n "$example" ] || { echo "$file has no example" >&2; exit 1; }
    printf 'namespace example%s {\n%s\n%s\n}\n}\n' $place "$statements" "$example" >>"$headers"
    continue
  fi
  awk -v prefix="$out/${prefix%-.}" '
    /^```[a-z]+$/ { language = substr($0, 4); file = sprintf("%s-%02d.%s", prefix, ++n, language); next }
    /^```/ { if (file) close(file); file = ""; next }
    file { print > file }
  ' "$root/$file"
done

asio='#include <ironjar/asio.hpp>  // which takes its time: where it is used alone
'
beast='#include <ironjar/beast.hpp>  // likewise
'
poco='#include <ironjar/poco.hpp>
#include <Poco/Net/HTTPRequestHandler.h>
'
for block in "$out"/*.cpp; do
  text=$(cat "$block")
  includes=$prelude
  [[ $text != *asio* ]] || includes+=$asio
  [[ $text != *[Bb]east* ]] || includes+=$beast
  [[ $text != *Poco::* ]] || includes+=$poco
  case $text in
    *'int main('*) sed -i 's/8080/std::atoi(std::getenv("PORT"))/' "$block" ;;
    *)
      name=$(basename "$block" .cpp)
      [[ $text == struct* ]] || text=$statements$'\n'$text$'\n}'
      printf '%snamespace block_%s {\n%s\n}\n' "$includes" "${name//-/_}" "$text" >"$block"
      ;;
  esac
done
{
  echo "$prelude$asio$beast$poco"
  printf '#include <ironjar/testing/%s.hpp>\n' api check_adapter check_transport httplib profiles
  cat "$headers"
} >"$out/headers.cpp"
rm "$headers"
