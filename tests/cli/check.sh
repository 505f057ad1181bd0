#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2089,SC2090  # the quotes are those of JSON and of other shells
# The command line, from outside. Each test is a sentence; the first that fails ends the run.
# Usage: check.sh IRONJAR
set -euo pipefail

ironjar=$1
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../bindings/cli" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset IRONJAR_PASSWORD
first=${IRONJAR_TEST_PASSWORD:-Zk3-first-password-that-is-long-enough-0001}
second=${IRONJAR_TEST_OTHER_PASSWORD:-Qm8-second-password-that-is-long-enough-002}
printf '1:%s\n' "$first" >one
printf '1:%s\n2:%s\n' "$first" "$second" >two
tests=0

fails() { echo "FAILED: $*" >&2; exit 1; }
test_that() { ((++tests)); sentence=$1; }
is() { [ "$1" = "$2" ] || fails "$sentence: \`$1\` is not \`$2\`"; }
holds() { [[ $1 == *"$2"* ]] || fails "$sentence: \`$2\` is not in \`$1\`"; }
lacks() { [[ $1 != *"$2"* ]] || fails "$sentence: \`$2\` is in \`$1\`"; }
# exits CODE COMMAND...: its output, both streams, is in $said; and where IRONJAR_TOLD has it (../checks/canary.sh).
exits() {
  local expected=$1 code=0
  shift
  said=$("$@" 2>&1) || code=$?
  [ -z "${IRONJAR_TOLD:-}" ] || printf 'cli %s\n' "$said" >>"$IRONJAR_TOLD"
  [ $code -eq "$expected" ] || fails "$sentence: \`$*\` exits with $code, not $expected: $said"
}
request() { printf '%s\n' "$@" | "$ironjar" jsonl; }

test_that "what is sealed opens as it stood, in both formats"
for format in native fe26; do
  json='{"z":1,"a":[1.0,"\u00e9"]}'
  is "$("$ironjar" seal --passwords one --format $format <<<"$json" | "$ironjar" unseal --passwords one)" "$json"
done

test_that "a password comes from the environment, under a name of one's own too"
seal=$(IRONJAR_PASSWORD=$first "$ironjar" seal <<<1)
is "$(MY_SECRET=$first "$ironjar" unseal --password-env MY_SECRET <<<"$seal")" 1

test_that "a password comes from stdin, and the input then from a file"
echo "$seal" >seal
is "$("$ironjar" unseal --passwords - --in seal <one)" 1
exits 2 "$ironjar" unseal --passwords - </dev/null
holds "$said" "--in FILE"
exits 2 "$ironjar" unseal --passwords - --in seal < <(printf '# one\n%s\n' "$first")
holds "$said" 'line 2 of the passwords on stdin is neither `id:password` nor `seal:id`'
lacks "$said" "$first"

test_that "a password is never an argument, and one that is given is not repeated on stderr, where logs keep it"
argument=no-password-of-anybody-and-long-enough-003
for arguments in "unseal --password $argument" "unseal --password=$argument" "unseal --secret $argument" "unseal $argument" \
  "unseal -p$argument" "unseal -p $argument" "$argument" "unseal --password-env $argument" "unseal --$argument"; do
  # shellcheck disable=SC2086
  exits 2 "$ironjar" $arguments </dev/null
  lacks "$said" $argument
done
exits 2 "$ironjar" unseal --password $argument </dev/null
holds "$said" '`--password` is not expected here'
holds "$said" "never from arguments"

test_that "V26 no value of any option is repeated, whichever is refused"
for option in --format --formats --ttl --clock-skew --purpose --context --in --passwords --password-env --paserk --show \
  --help --version --unknown; do
  for command in keygen seal unseal inspect rotate jsonl ""; do
    for arguments in "$option $argument" "$option=$argument" "$argument $option" "$option $argument $argument" "-x$argument"; do
      said=$(IRONJAR_PASSWORD=$first "$ironjar" $command $arguments </dev/null 2>&1) || true
      lacks "$said" $argument
    done
  done
done
short=hunter2-hunter2
for arguments in "unseal -p$short" "unseal --$short" "unseal --format=$short" "seal --format $short" "seal --format native,$short" \
  "seal --ttl $short" "-z$short" "--p$short" "unseal --formats fe26,$short"; do
  # shellcheck disable=SC2086
  exits 2 "$ironjar" $arguments </dev/null
  lacks "$said" hunter2
done
exits 2 "$ironjar" seal --format "$short" </dev/null
holds "$said" "--format: is neither native nor fe26"
exits 2 "$ironjar" unseal --passwords "$argument" </dev/null
holds "$said" "--passwords"

test_that "V26 what others wrote is printed so that no terminal acts on it"
hostile='{"c1":"'$'\xc2\x9b''31m'$'\xc2\x9d''0;x","del":"'$'\x7f''","bidi":"'$'\u202e\u2066\u200f\u061c''","lines":"'$'\u2028\u2029\u0085''","bom":"'$'\ufeff''","e":"'$'\u00e9\u65e5\U0001f36a''"}'
escaped='{"c1":"\u009b31m\u009d0;x","del":"\u007f","bidi":"\u202e\u2066\u200f\u061c","lines":"\u2028\u2029\u0085","bom":"\ufeff","e":"'$'\u00e9\u65e5\U0001f36a''"}'
evil=$("$ironjar" seal --passwords one <<<"$hostile")
is "$("$ironjar" unseal --passwords one <<<"$evil")" "$escaped"
printable() { LC_ALL=C.UTF-8 grep -cP '[\x{00}-\x{08}\x{0b}-\x{1f}\x{7f}-\x{9f}\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}]' <<<"$1" || true; }
is "$(printable "$hostile")" 1
for arguments in "unseal" "inspect --show"; do
  # shellcheck disable=SC2086
  is "$(printable "$("$ironjar" $arguments --passwords one <<<"$evil" 2>&1)")" 0
done
is "$(printable "$(request '{"op":"unseal","passwords":{"1":"'"$first"'"},"seal":"'"$evil"'"}')")" 0
is "$(printable "$(request '{"op":"cookies","header":"a='$'\xc2\x9b''; '$'\u202e''=1"}')")" 0
is "$(request '{"op":"cookies","header":"'$'\u202e''=1"}')" '{"ok":true,"cookies":[["\u202e","1"]]}'
overwriting=$(printf '{"a":1,\r"b":2}' | "$ironjar" seal --passwords one)
is "$("$ironjar" unseal --passwords one <<<"$overwriting")" '{"a":1, "b":2}'
for text in $'\xc2\x9b31m' $'Fe26.2*\u202e*' $'ij1.\x1b[31m' $'\xff\xfe'; do
  exits 1 "$ironjar" inspect --passwords one <<<"$text"
  is "$(printable "$said")" 0
done
strange=$'dir\x1b[31m\u202e'
mkdir "$strange"
exits 2 "$ironjar" unseal --passwords one --in "$strange"
is "$(printable "$said")" 0
exits 2 "$ironjar" unseal --passwords "$strange"
is "$(printable "$said")" 0

test_that "V26 a password file that others can change is refused, with what to do"
cp one changeable
for mode in 0660 0664 0620 0666 0602; do
  chmod $mode changeable
  exits 2 "$ironjar" unseal --passwords changeable <<<"$seal"
  holds "$said" "chmod go-w"
done
for mode in 0644 0440 0400 0640; do
  chmod $mode changeable
  ln -sf changeable linked
  is "$("$ironjar" unseal --passwords linked <<<"$seal")" 1
done
exits 2 "$ironjar" unseal --passwords . <<<"$seal"
holds "$said" "not a regular file"

test_that "V08 a purpose or a context opens native seals alone, unless --formats lists more"
iron=$("$ironjar" seal --format fe26 --passwords one <<<'{"user":"ada"}')
for arguments in "--purpose magic-link" "--context ada" "--purpose session" "--formats native"; do
  for command in unseal inspect rotate; do
    # shellcheck disable=SC2086
    exits 1 "$ironjar" $command --passwords one $arguments <<<"$iron"
    holds "$said" "not enabled"
  done
done
is "$("$ironjar" unseal --passwords one --purpose magic-link --formats native,fe26 <<<"$iron")" '{"user":"ada"}'
is "$("$ironjar" unseal --passwords one <<<"${iron//'*'/%2A}")" '{"user":"ada"}'
exits 2 "$ironjar" seal --passwords one --format fe26 --purpose magic-link <<<1
holds "$said" "native seals only"
for formats in "" , native, fe27 "native fe26"; do exits 2 "$ironjar" unseal --passwords one --formats "$formats" <<<"$iron"; done
holds "$(request '{"op":"unseal","passwords":{"1":"'"$first"'"},"seal":"'"$iron"'"}')" '"error":"unsupported"'

test_that "the exit code is 1 for what does not verify, and nothing goes to stdout"
for text in "" foo "ij1.AAAA" "${seal}A" "${seal%?}"; do
  exits 1 "$ironjar" unseal --passwords one <<<"$text"
  is "$("$ironjar" unseal --passwords one <<<"$text" 2>/dev/null || true)" ""
done
IRONJAR_PASSWORD=$second exits 1 "$ironjar" unseal <<<"$seal"
holds "$said" "unknown password"

test_that "the exit code is 1 for what cannot be sealed"
for text in "" "{" '{"a":1,"a":2}' '"'$'\xff''"'; do exits 1 "$ironjar" seal --passwords one <<<"$text"; done

test_that "the exit code is 2 for mistakes in use"
exits 2 "$ironjar"
exits 2 "$ironjar" nonsense
for number in soon "" " 5" 5s 0x10 1e3 99999999999999999999; do
  exits 2 "$ironjar" seal --ttl "$number" --passwords one <<<1
  exits 2 "$ironjar" unseal --clock-skew "$number" --passwords one <<<"$seal"
done
exits 2 "$ironjar" seal --format fe27 --passwords one <<<1
exits 2 "$ironjar" seal --ttl -999999999999 --passwords one <<<1
exits 2 "$ironjar" unseal --passwords missing <<<"$seal"
exits 2 "$ironjar" unseal --passwords one --in missing
exits 2 "$ironjar" unseal <<<"$seal"
holds "$said" "set IRONJAR_PASSWORD"
IRONJAR_PASSWORD=short exits 2 "$ironjar" unseal <<<"$seal"
holds "$said" "too short"

test_that "the exit code is 2 when stdin cannot be read, or stdout not be written"
for command in seal unseal inspect rotate jsonl; do
  IRONJAR_PASSWORD=$first exits 2 sh -c '"$0" "$@" <&-' "$ironjar" $command
  IRONJAR_PASSWORD=$first exits 2 "$ironjar" $command </
  holds "$said" "stdin cannot be read"
done
exits 2 sh -c '"$0" "$@" <&-' "$ironjar" unseal --passwords - --in seal
exits 2 "$ironjar" unseal --passwords one --in /
for command in keygen --help --version "keygen --help"; do
  # shellcheck disable=SC2086
  exits 2 sh -c '"$0" "$@" >/dev/full' "$ironjar" $command
done

test_that "a seal opens for its purpose and context, and until its end"
bound=$("$ironjar" seal --passwords one --purpose magic-link --context ada <<<1)
is "$("$ironjar" unseal --passwords one --purpose magic-link --context ada <<<"$bound")" 1
exits 1 "$ironjar" unseal --passwords one --purpose magic-link <<<"$bound"
over=$("$ironjar" seal --passwords one --ttl -5 <<<1)
is "$("$ironjar" unseal --passwords one <<<"$over")" 1
exits 1 "$ironjar" unseal --passwords one --clock-skew 0 <<<"$over"
holds "$said" "expired"

test_that "keygen makes passwords, and PASERKs, that seal and never are the same"
for option in "" --paserk; do
  key=$("$ironjar" keygen $option)
  [ "$key" != "$("$ironjar" keygen $option)" ] || fails "$sentence"
  is "$(IRONJAR_PASSWORD=$key "$ironjar" seal <<<1 | IRONJAR_PASSWORD=$key "$ironjar" unseal)" 1
done
is "${#key}" 52

test_that "inspect tells what a seal is, and not what it holds"
secret=$("$ironjar" seal --passwords one --ttl 100 <<<'{"token":"hidden"}')
exits 0 "$ironjar" inspect --passwords one <<<"$secret"
for part in '"format": "native"' '"keyId": "' '"verifies": true' '"issued": "20' '"expires": "20' '"dataSize": 18' \
  "\"sealSize\": ${#secret}" '"sealingPassword": true'; do
  holds "$said" "$part"
done
lacks "$said" hidden
holds "$("$ironjar" inspect --passwords one --show <<<"$secret")" '"token": "hidden"'
exits 0 "$ironjar" inspect --passwords two <<<"$secret"
holds "$said" '"sealingPassword": false'

test_that "inspect tells what stands in clear without a password, and exits with 1"
exits 1 "$ironjar" inspect <<<"$secret"
holds "$said" '"verifies": null'
holds "$said" '"format": "native"'
exits 1 "$ironjar" inspect < <("$ironjar" seal --format fe26 --passwords two <<<1)
holds "$said" '"keyId": "2"'

test_that "inspect says of an expired seal that it verifies, and exits with 1"
exits 1 "$ironjar" inspect --passwords one --clock-skew 0 <<<"$over"
holds "$said" '"verifies": true'
holds "$said" '"error": "expired"'
holds "$said" '"dataSize": 1'

test_that "inspect takes anything for an answer"
for text in "" "Fe26.2*" "Fe26.2*$first*" "ij1." "ij1.%%%%%%%%%%%%%%%%" foo; do
  exits 1 "$ironjar" inspect --passwords one <<<"$text"
  holds "$said" '"verifies": false'
  lacks "$said" "$first"
done

test_that "rotate seals under the password that seals, until the same moment, as the same session"
for format in native fe26; do
  old=$("$ironjar" seal --passwords one --ttl 1000 --format $format <<<'{"a":1}')
  new=$("$ironjar" rotate --passwords two <<<"$old")
  printf '2:%s\n' "$second" >only-two
  is "$("$ironjar" unseal --passwords only-two <<<"$new")" '{"a":1}'
  for member in expires sessionId sessionStarted format; do
    is "$("$ironjar" inspect --passwords two <<<"$new" | grep "$member")" \
      "$("$ironjar" inspect --passwords two <<<"$old" | grep "$member")"
  done
done
if [ "$format" = fe26 ]; then is "$(cut -d '*' -f 6 <<<"$new")" "$(cut -d '*' -f 6 <<<"$old")"; fi
never=$("$ironjar" seal --passwords one --ttl 0 <<<1)
holds "$("$ironjar" rotate --passwords two <<<"$never" | "$ironjar" inspect --passwords two)" '"expires": "never"'
exits 1 "$ironjar" rotate --passwords one <<<"$over"

test_that "jsonl answers every line, in order, whatever it holds"
is "$(request '{"op":"cookies","header":"a=1; b=2; a=3"}')" '{"ok":true,"cookies":[["a","1"],["b","2"],["a","3"]]}'
now='"nowMs":1700000000000'
passwords='"passwords":{"1":"'$first'"}'
made=$(request '{"op":"seal","format":"native",'$passwords',"data":{"a":1},"ttl":60,"purpose":"session","context":"sid",'$now'}')
holds "$made" '{"ok":true,"seal":"ij1.'
text=$(sed -E 's/.*"seal":"([^"]*)".*/\1/' <<<"$made")
is "$(request '{"op":"unseal",'$passwords',"seal":"'"$text"'","context":"sid",'$now'}')" '{"ok":true,"data":{"a":1}}'
is "$(request '{"op":"unseal",'$passwords',"seal":"'"$text"'","context":"sid","nowMs":1700000120000}')" \
  '{"ok":false,"error":"expired","detail":"past its end"}'
is "$(request '{"op":"unseal",'$passwords',"seal":"'"$text"'","context":"other",'$now'}')" \
  '{"ok":false,"error":"tampered","detail":"the tag does not verify"}'
options='"options":{"cookieName":"sid",'$passwords'}'
cookie=$(request '{"op":"commit",'$options',"header":"","data":{"user":"ada"},'$now'}')
holds "$cookie" '{"ok":true,"setCookie":["sid=ij1.'
pair=$(sed -E 's/.*\["([^;]*);.*/\1/' <<<"$cookie")
is "$(request '{"op":"open",'$options',"header":"'"$pair"'",'$now'}')" '{"ok":true,"data":{"user":"ada"},"setCookie":[]}'
is "$(request '{"op":"commit",'$options',"header":"'"$pair"'","data":null,'$now'}')" \
  '{"ok":true,"setCookie":['"$(for name in sid sid.{0..3}; do printf '"%s=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax",' $name; done | sed 's/,$//')"']}'

test_that "jsonl calls everything else malformed and goes on to the next line"
long=$(head -c 1100000 /dev/zero | tr '\0' x)
mapfile -t answers < <(request "" '[]' '{' '1' '{"op":1}' '{"op":"steal"}' '{}' '{"op":"seal"}' \
  '{"op":"seal",'$passwords',"data":1,"tll":1}' '{"op":"cookies","header":1}' '{"op":"cookies","header":"","x":1}' \
  '{"op":"unseal",'$passwords',"seal":"x","nowMs":-1}' '{"op":"open","options":{"cookieName":"a b",'$passwords'},"header":""}' \
  '{"op":"commit",'$options',"header":"","data":[]}' '{"op":"seal","passwords":"short","data":1}' "$long" $'\xff' \
  '{"op":"cookies","header":"a=1"}')
is ${#answers[@]} 18
for answer in "${answers[@]:0:17}"; do holds "$answer" '{"ok":false,"error":"malformed","detail":"'; done
is "${answers[17]}" '{"ok":true,"cookies":[["a","1"]]}'
lacks "${answers[*]}" "$first"
is "$(printf '{"op":"cookies","header":"a=1"}' | "$ironjar" jsonl)" '{"ok":true,"cookies":[["a","1"]]}'

test_that "jsonl takes data of 64 levels, and says of more that it is too large"
nested() { printf '%*s1%*s' "$1" '' "$1" '' | sed 's/ *1/&/; s/ /[/g' | sed -E 's/1(\[*)$/1\n\1/' | tr -d '\n' |
  awk '{ at = index($0, "1"); tail = substr($0, at + 1); gsub(/\[/, "]", tail); print substr($0, 1, at) tail }'; }
holds "$(request '{"op":"seal",'$passwords',"data":'"$(nested 64)"'}')" '"ok":true'
holds "$(request '{"op":"seal",'$passwords',"data":'"$(nested 65)"'}')" '"error":"tooLarge"'
holds "$(request '{"op":"commit",'$options',"header":"","data":{"a":'"$(nested 64)"'}}')" '"error":"tooLarge"'
holds "$(request "$(nested 100000)")" '"error":"malformed"'

test_that "jsonl outlives any depth in any member"
deep=$(head -c 450000 /dev/zero | tr '\0' '[')$(head -c 450000 /dev/zero | tr '\0' ']')
for member in op data options header nowMs; do
  echo '{"op":"commit",'$options',"data":{},"header":"","'$member'":'"$deep}"
done >deep
for member in passwords format seal; do echo '{"op":"unseal",'$passwords',"seal":"","'$member'":'"$deep}"; done >>deep
is "$("$ironjar" jsonl <deep | grep -c '^{"ok":false,"error":"\(malformed\|tooLarge\)"')" 8

test_that "help has examples, and manual and completion name every command and option that help names"
holds "$("$ironjar" --help)" "Examples:"
named=$({ "$ironjar" --help; for c in keygen seal unseal inspect rotate jsonl; do "$ironjar" $c --help; done; } |
  sed -n '/^Options:/,/^Examples:/p' | grep -oE '^  (-h,)?(--[a-z-]+|[a-z]+)' | sed -E 's/^ *(-h,)?//' | sort -u)
is "$(wc -l <<<"$named")" 19
for name in $named; do
  holds "$(sed 's/\\-/-/g' "$source_dir/ironjar.1")" "$name"
  holds "$(cat "$source_dir/ironjar.bash")" "$name"
done

test_that "completion completes"
# shellcheck source=/dev/null
. "$source_dir/ironjar.bash"
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _ironjar
  echo "${COMPREPLY[*]}"
}
is "$(complete_words ironjar ro)" rotate
is "$(complete_words ironjar inspect --sh)" --show
is "$(complete_words ironjar seal --format f)" fe26
is "$(complete_words ironjar unseal --in onl)" only-two

if command -v man >/dev/null; then
  test_that "the manual page is well formed"
  is "$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$source_dir/ironjar.1" 2>&1 >/dev/null)" ""
fi

test_that "a reader that goes away ends the program quietly"
yes '{"op":"cookies","header":"a=1"}' | head -100000 | "$ironjar" jsonl | head -1 >/dev/null || true

echo "$tests tests passed"
