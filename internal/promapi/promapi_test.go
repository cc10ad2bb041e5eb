// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const vectorOf1 = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"1"]}]}}`

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func client(t *testing.T, address string, s Settings) *Client {
	t.Helper()
	c, err := New(address, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantKind(t *testing.T, err error, kind Kind, text string) {
	t.Helper()
	var typed *Error
	if !errors.As(err, &typed) {
		t.Fatalf("error %v is not an *Error", err)
	}
	if typed.Kind != kind || !strings.Contains(err.Error(), text) {
		t.Fatalf("error is %q of kind %s, want kind %s and text %q", err, typed.Kind, kind, text)
	}
}

func TestQuestionsOnTheWire(t *testing.T) {
	var got []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = append(got, fmt.Sprintf("%s %s %s tenant=%s", r.Method, r.URL.Path, r.PostForm.Encode(), r.Header.Get("X-Scope-OrgID")))
		if strings.HasSuffix(r.URL.Path, "range") {
			_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
			return
		}
		_, _ = io.WriteString(w, vectorOf1)
	})
	c := client(t, server.URL+"/prometheus/", Settings{Timeout: 5 * time.Second, Headers: map[string]string{"x-scope-orgid": "team-a"}})
	answer, err := c.Query(t.Context(), `up{a="b"}`, time.UnixMilli(1500))
	if err != nil {
		t.Fatal(err)
	}
	want := Answer{Series: []Series{{Labels: map[string]string{"a": "b"}, Points: []Point{{At: 1000, Value: 1}}}}}
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Error(diff)
	}
	if _, err := c.QueryRange(t.Context(), "up", time.Unix(1, 0), time.Unix(61, 0), 15*time.Second); err != nil {
		t.Fatal(err)
	}
	wantWire := []string{
		"POST /prometheus/api/v1/query query=up%7Ba%3D%22b%22%7D&time=1.500&timeout=5 tenant=team-a",
		"POST /prometheus/api/v1/query_range end=61.000&query=up&start=1.000&step=15&timeout=5 tenant=team-a",
	}
	if diff := cmp.Diff(wantWire, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFailureHasItsKind(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		kind    Kind
		text    string
	}{
		"html":           {answer(200, "<html>sign in</html>"), KindGarbage, "not the JSON of Prometheus' API"},
		"empty":          {answer(200, ""), KindGarbage, "in the middle"},
		"cut":            {answer(200, vectorOf1[:60]), KindGarbage, "in the middle"},
		"trailing":       {answer(200, vectorOf1+"{}"), KindGarbage, "goes on after"},
		"500 html":       {answer(500, "<h1>oops</h1>\n"), KindHTTPStatus, `http_status 500: body starts with "<h1>oops</h1>"`},
		"404":            {answer(404, "404 page not found\n"), KindHTTPStatus, "404 page not found"},
		"401 empty":      {answer(401, ""), KindHTTPStatus, "http_status 401: empty body"},
		"bad data":       {answer(400, `{"status":"error","errorType":"bad_data","error":"parse error: x"}`), KindQuery, "bad_data: parse error: x"},
		"execution":      {answer(422, `{"status":"error","errorType":"execution","error":"too many samples"}`), KindQuery, "execution: too many samples"},
		"internal":       {answer(500, `{"status":"error","errorType":"internal","error":"disk"}`), KindHTTPStatus, "500: internal: disk"},
		"error with 200": {answer(200, `{"status":"error","errorType":"execution","error":"boom"}`), KindQuery, "execution: boom"},
		"too large":      {answer(200, strings.Repeat(" ", 5000)+vectorOf1), KindTooLarge, "larger than 4096 bytes"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusTemporaryRedirect)
		}, KindHTTPStatus, "307: the store redirects"},
		"hang": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, KindTimeout, "deadline exceeded"},
		"hang in the body": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, vectorOf1[:20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, KindTimeout, "reading the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // Only then does net/http notice that the client left.
				tt.handler(w, r)
			}))
			defer server.Close()
			timeout := 5 * time.Second
			if tt.kind == KindTimeout {
				timeout = 50 * time.Millisecond
			}
			_, err := client(t, server.URL, Settings{Timeout: timeout, MaxBodyBytes: 4096}).Query(t.Context(), "up", time.Now())
			wantKind(t, err, tt.kind, tt.text)
		})
	}
	t.Run("refused", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		_, err := client(t, server.URL, Settings{}).Query(t.Context(), "up", time.Now())
		wantKind(t, err, KindRefused, "refused")
	})
}

// roundTrip is a store without a network, for a test with a clock of its own.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func respond(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func TestRetryAfterWithinTheDeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []*http.Response
		asked   int
		waited  time.Duration
		fails   bool
	}{
		"seconds":            {[]*http.Response{respond(429, "", "Retry-After", "7"), respond(200, vectorOf1)}, 2, 7 * time.Second, false},
		"date":               {[]*http.Response{respond(503, "", "Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT"), respond(200, vectorOf1)}, 2, 9 * time.Second, false},
		"none":               {[]*http.Response{respond(503, ""), respond(200, vectorOf1)}, 2, time.Second, false},
		"past the deadline":  {[]*http.Response{respond(503, "", "Retry-After", "30"), respond(200, vectorOf1)}, 1, 0, true},
		"not for ever":       {[]*http.Response{respond(429, ""), respond(429, ""), respond(429, ""), respond(429, ""), respond(200, vectorOf1)}, 4, 3 * time.Second, true},
		"not for a 500":      {[]*http.Response{respond(500, "", "Retry-After", "1"), respond(200, vectorOf1)}, 1, 0, true},
		"not a negative one": {[]*http.Response{respond(503, "", "Retry-After", "-5"), respond(200, vectorOf1)}, 2, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := client(t, "http://store", Settings{Transport: roundTrip(func(*http.Request) *http.Response {
					asked++
					return tt.answers[asked-1]
				})})
				start := time.Now()
				_, err := c.Query(t.Context(), "up", start)
				if asked != tt.asked || time.Since(start) != tt.waited || (err != nil) != tt.fails {
					t.Errorf("asked %d times over %s, error %v; want %d times over %s, error %t", asked, time.Since(start), err, tt.asked, tt.waited, tt.fails)
				}
			})
		})
	}
}

func TestTokenFileIsReadForEveryRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var got []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, vectorOf1)
	})
	c := client(t, server.URL, Settings{BearerTokenFile: file})
	for _, token := range []string{"first", "second\n"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Query(t.Context(), "up", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"Bearer first", "Bearer second"}, got); diff != "" {
		t.Error(diff)
	}
	for name, content := range map[string]string{"empty": " \n", "two lines": "a\nb", "long": strings.Repeat("x", maxTokenBytes+1)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := c.Query(t.Context(), "up", time.Now())
		if err == nil {
			t.Errorf("%s token was used", name)
			continue
		}
		wantKind(t, err, KindRefused, "must hold one line")
	}
	if len(got) != 2 {
		t.Errorf("requests were sent without a token: %q", got)
	}
}

func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	var leaked atomic.Int64
	other := serve(t, func(http.ResponseWriter, *http.Request) { leaked.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL+"/api/v1/query")
			w.WriteHeader(status)
		})
		_, err := client(t, server.URL, Settings{Headers: map[string]string{"X-Scope-OrgID": "canary"}}).Query(t.Context(), "up", time.Now())
		wantKind(t, err, KindHTTPStatus, "the store redirects")
	}
	if leaked.Load() != 0 {
		t.Errorf("%d requests followed a redirect", leaked.Load())
	}
}

// TestNoErrorHoldsACredential lets a store echo everything it was sent.
func TestNoErrorHoldsACredential(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("canary-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		text := strings.ReplaceAll(fmt.Sprint(r.Header, user, password), `"`, "")
		switch r.FormValue("query") {
		case "status":
			w.WriteHeader(500)
			_, _ = io.WriteString(w, text)
		case "query":
			_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"execution","error":%q}`, text)
		case "warning":
			_, _ = fmt.Fprintf(w, `{"status":"success","warnings":[%q],"data":{"resultType":"vector","result":[]}}`, text)
		case "garbage":
			_, _ = fmt.Fprintf(w, `{"status":%q}`, text)
		}
	}
	server := serve(t, echo)
	address := strings.Replace(server.URL, "://", "://canary-user:canary-password@", 1)
	for name, s := range map[string]Settings{
		address:    {},
		server.URL: {BearerTokenFile: file, Headers: map[string]string{"X-Scope-OrgID": "canary-header"}},
	} {
		c := client(t, name, s)
		for _, query := range []string{"status", "query", "warning", "garbage"} {
			answer, err := c.Query(t.Context(), query, time.Now())
			printed := fmt.Sprintf("%s %v %+v %q", c.Address(), err, err, answer.Warnings)
			if strings.Contains(printed, "canary") || !strings.Contains(printed, redacted) && s.BearerTokenFile == "" {
				t.Errorf("query %s prints %s", query, printed)
			}
			if strings.Contains(printed, "Y2FuYXJ5") { // base64 of canary
				t.Errorf("query %s prints the basic credentials: %s", query, printed)
			}
		}
	}
	_, err := client(t, "http://canary-user:canary-password@127.0.0.1:1", Settings{}).Query(t.Context(), "up", time.Now())
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("refused connection prints %v", err)
	}
}

func TestNewSaysWhatWouldBeRight(t *testing.T) {
	for name, tt := range map[string]struct {
		address string
		s       Settings
		text    string
	}{
		"no scheme":       {"127.0.0.1:9464", Settings{}, "is not a URL"},
		"word":            {"prometheus", Settings{}, "must start with http:// or https://"},
		"other scheme":    {"file:///etc/passwd", Settings{}, `got scheme "file"`},
		"no host":         {"http://", Settings{}, "has no host"},
		"bad with secret": {"http://u:canary@h:port", Settings{}, "is not a URL"},
		"query":           {"http://h/?token=canary", Settings{}, "no query"},
		"with the path":   {"http://h/api/v1/query", Settings{}, "must end before /api/v1"},
		"header name":     {"http://h", Settings{Headers: map[string]string{"a b": "c"}}, "not a valid HTTP header"},
		"header value":    {"http://h", Settings{Headers: map[string]string{"a": "canary\r\nx: y"}}, "not a valid HTTP header"},
		"own header":      {"http://h", Settings{Headers: map[string]string{"host": "x"}}, "Host is set by the client"},
		"two ways":        {"http://u:canary@h", Settings{BearerTokenFile: "f"}, "give only one of"},
	} {
		_, err := New(tt.address, tt.s)
		if err == nil || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v, want %q", name, err, tt.text)
		}
	}
}
