// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// Visit asks one process. m is what the visit before left, and what this one leaves; it belongs to this target alone.
// An error is an *Error, and then m is as it was.
func (p *Prober) Visit(ctx context.Context, base *url.URL, m *Memory) (Observation, error) {
	if err := CheckBase(base); err != nil {
		return Observation{}, fail(base, 0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.Timeout)
	defer cancel()
	o := Observation{At: time.Now()}

	text, err := p.heapText(ctx, base)
	if err != nil {
		return Observation{}, err
	}
	o.Bytes = text.Bytes
	o.Restarted = m.meet(text)
	partial := func(err error) {
		if err != nil {
			o.Partial = append(o.Partial, err)
		}
	}
	partial(p.learn(ctx, base, text, m))
	o.Heap = text.Snapshot(m.symbol)
	if p.settings.Goroutines {
		o.Goroutines, err = p.goroutines(ctx, base)
		partial(err)
	}
	if p.settings.Vars {
		o.Vars, err = p.vars(ctx, base)
		partial(err)
	}
	o.Duration = time.Since(o.At)
	return o, nil
}

// CheckBase says what is wrong with the URL of a process: the pages need the query for themselves.
func CheckBase(base *url.URL) error {
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return fmt.Errorf("got scheme %q, want http or https", base.Scheme)
	case base.Host == "":
		return errors.New("the URL has no host, want http://HOST:PORT")
	case base.RawQuery != "" || base.Fragment != "":
		return errors.New("the URL has a query or a fragment, want only http://HOST:PORT and the prefix of the pprof pages")
	}
	return nil
}

func (p *Prober) heapText(ctx context.Context, base *url.URL) (text *heap.Text, err error) {
	limit := p.settings.MaxBodyBytes
	err = p.fetch(ctx, endpoint(base, "heap", "debug=1"), limit, func(body io.Reader) error {
		text, err = heap.Parse(body, heap.Limits{Bytes: limit})
		return err
	})
	return text, err
}

const (
	maxQuery  = 6 << 10 // bytes of addresses in one URL; servers and proxies take 8 KiB of request line
	maxAnswer = 2 << 20 // bytes of one answer to them
	maxHead   = 256     // bytes of the goroutine profile's first line
	maxVars   = 8 << 20 // bytes of /debug/vars, which a program may fill with its own
)

// learn asks for the names that m does not have. Where m would get too many, it forgets those it has.
func (p *Prober) learn(ctx context.Context, base *url.URL, text *heap.Text, m *Memory) error {
	ask, limit := text.Unknown(m.knows), p.settings.MaxSymbols
	if len(ask)+len(m.names) > limit {
		m.names = nil
		ask = text.Unknown(nil)
	}
	var tooMany error
	if len(ask) > limit {
		tooMany = fail(endpoint(base, "symbol", ""), 0, &heap.LimitError{What: "runtime frames without a name", Limit: int64(limit)})
		ask = ask[:limit]
	}
	for len(ask) > 0 {
		var query strings.Builder
		n := 0
		for ; n < len(ask) && query.Len() < maxQuery; n++ {
			if n > 0 {
				query.WriteByte('+')
			}
			query.WriteString("0x" + strconv.FormatUint(ask[n], 16))
		}
		err := p.fetch(ctx, endpoint(base, "symbol", query.String()), maxAnswer, func(body io.Reader) error {
			names, err := heap.ParseSymbols(body, heap.Limits{Bytes: maxAnswer})
			if err == nil {
				m.learn(ask[:n], names)
			}
			return err
		})
		if err != nil {
			return err
		}
		ask = ask[n:]
	}
	return tooMany
}

// goroutines reads the first line of the profile, `goroutine profile: total N`.
func (p *Prober) goroutines(ctx context.Context, base *url.URL) (count *int64, err error) {
	err = p.fetch(ctx, endpoint(base, "goroutine", "debug=1"), p.settings.MaxBodyBytes, func(body io.Reader) error {
		line, err := bufio.NewReaderSize(body, maxHead).ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		number, ok := bytes.CutPrefix(line, []byte("goroutine profile: total "))
		n, err := strconv.ParseInt(string(bytes.TrimSuffix(number, []byte("\n"))), 10, 64)
		if !ok || err != nil || n < 0 {
			return fmt.Errorf("got %.40q, want `goroutine profile: total N`", line)
		}
		count = &n
		return nil
	})
	return count, err
}

// vars reads /debug/vars, the page next to the pprof prefix. A process without it is in order.
func (p *Prober) vars(ctx context.Context, base *url.URL) (*Vars, error) {
	u := endpoint(base, "", "")
	u.Path = path.Join(path.Dir(path.Clean(u.Path)), "vars")
	var page struct {
		Cmdline  []string                      `json:"cmdline"`
		MemStats struct{ PauseTotalNs uint64 } `json:"memstats"`
	}
	err := p.fetch(ctx, u, maxVars, func(body io.Reader) error { return json.NewDecoder(body).Decode(&page) })
	var failure *Error
	if errors.As(err, &failure) && failure.Status == 404 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := &Vars{PauseTotalNs: page.MemStats.PauseTotalNs}
	if len(page.Cmdline) > 0 {
		v.Command = path.Base(page.Cmdline[0])
	}
	return v, nil
}
