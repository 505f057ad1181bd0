// gorilla/securecookie with AES-256 and HMAC-SHA256, JSON inside: a session's value to a cookie's text and back.
//
//	gorilla SESSIONS_DIR MILLISECONDS
//
// Prints one JSON object per measurement: {"peer", "op", "size", "ns", "elapsed"}, nanoseconds of processor time, all
// threads counted, and by the clock.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/gorilla/securecookie"
)

const name = "__Host-session"

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func spent() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func measure(enough time.Duration, work func()) (float64, float64) {
	begin := time.Now()
	start := spent()
	calls := 0
	for spent()-start < enough {
		for i := 0; i < 20; i++ {
			work()
		}
		calls += 20
	}
	used, elapsed := spent()-start, time.Since(begin)
	return float64(used.Nanoseconds()) / float64(calls), float64(elapsed.Nanoseconds()) / float64(calls)
}

func main() {
	milliseconds, err := strconv.Atoi(os.Args[2])
	must(err)
	enough := time.Duration(milliseconds) * time.Millisecond
	codec := securecookie.New(securecookie.GenerateRandomKey(32), securecookie.GenerateRandomKey(32))
	codec.SetSerializer(securecookie.JSONEncoder{})
	codec.MaxLength(0)
	for _, size := range []int{128, 1000, 1024, 3072} {
		text, err := os.ReadFile(filepath.Join(os.Args[1], strconv.Itoa(size)+".json"))
		must(err)
		var data map[string]interface{}
		must(json.Unmarshal(text, &data))
		sealed, err := codec.Encode(name, data)
		must(err)
		seal := func() {
			_, err := codec.Encode(name, data)
			must(err)
		}
		unseal := func() {
			var opened map[string]interface{}
			must(codec.Decode(name, sealed, &opened))
		}
		for op, work := range map[string]func(){"seal": seal, "unseal": unseal} {
			measure(enough, work)
			ns, elapsed := measure(enough, work)
			fmt.Printf("{\"peer\":\"gorilla/securecookie\",\"op\":%q,\"size\":%d,\"ns\":%f,\"elapsed\":%f}\n", op, size, ns, elapsed)
		}
	}
}
