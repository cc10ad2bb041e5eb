// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// resolver answers every question for an A record with 127.0.0.1: RFC 1035 4.1.
func resolver(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = server.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for end < n && buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			question := buf[12 : end+5]
			answer := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
			if question[len(question)-3] == 1 { // A
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
			}
			_, _ = server.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// TestDial: a name passes CheckHost, and what it resolves to is refused when it is dialled.
func TestDial(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, test := range []struct {
		host  string
		allow string
		words string // of the error; empty: it connects
	}{
		{"rebound.example.", "", "destination 127.0.0.1 is denied: loopback"},
		{"rebound.example.", "127.0.0.0/8", ""},
		{"127.0.0.1", "", "loopback"},
		{"127.0.0.1", "127.0.0.1/32", ""},
		{"localhost", "", "loopback"},
		{"0x7f.1", "127.0.0.0/8", "unusual spelling"},
		{"", "127.0.0.0/8", "neither"},
	} {
		var allow []netip.Prefix
		if test.allow != "" {
			allow = append(allow, netip.MustParsePrefix(test.allow))
		}
		transport := &http.Transport{DialContext: New(Settings{Allow: allow}).DialContext(net.Dialer{Resolver: resolver(t)})}
		conn, err := transport.DialContext(t.Context(), "tcp", net.JoinHostPort(test.host, port))
		if test.words == "" {
			if err != nil {
				t.Errorf("%s: %v", test.host, err)
				continue
			}
			_ = conn.Close()
			continue
		}
		var denied *DeniedError
		if !errors.As(err, &denied) || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: got %v, want a *DeniedError of %s", test.host, err, test.words)
		}
		if test.host != "" { // through http.Client the type is kept as well
			_, err = (&http.Client{Transport: transport}).Get("http://" + net.JoinHostPort(test.host, port))
			if !errors.As(err, &denied) {
				t.Errorf("http.Client: got %v, want a *DeniedError", err)
			}
		}
	}
	if _, err := New(Settings{}).DialContext(net.Dialer{})(t.Context(), "tcp", "10.0.0.1"); err == nil {
		t.Error("an address without a port is dialled")
	}
}
