// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/probe"
)

const inspectHeapLong = `Show which call sites of a Go process allocated how much, and which of them are growing maps.

URL is the process: http://HOST:PORT, or with a path the prefix of its pprof pages (/debug/pprof is meant where there is none). FILE is a
saved answer of /debug/pprof/heap?debug=1, - is stdin. Only this text form has the runtime's frames that tell a growing map from a value;
their names come from /debug/pprof/symbol, for a FILE from --symbols. Without --symbols the request to make is printed on stderr: it has
to be made of the same process, and the addresses in it are those of the text minus one.

Bytes and objects are unsampled and count from the start of the process; "in use" is as of the last completed GC. Classes: map_grow,
map_overflow (buckets of maps before Go 1.24), map_make (presizing), map_clone, map_box (keys and elements above 128 bytes), sync_map,
value (everything else), unknown (a name is missing). What serving the profile itself allocated is left out.`

const inspectHeapExample = `  heapgate inspect heap http://127.0.0.1:6060 -o table
  curl -s http://127.0.0.1:6060/debug/pprof/heap?debug=1 > heap.txt
  heapgate inspect heap heap.txt --symbols symbols.txt | jq '.sites[] | select(.class == "map_grow")'`

type inspectHeap struct {
	streams
	symbols string
	output  string
	timeout time.Duration
	top     int
}

func newInspectHeapCommand(io streams) *cobra.Command {
	c := &inspectHeap{streams: io}
	cmd := &cobra.Command{
		Use:     "heap URL|FILE|-",
		Short:   "Show a heap profile by call site and class",
		Long:    inspectHeapLong,
		Example: inspectHeapExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&c.symbols, "symbols", "", "a saved answer of /debug/pprof/symbol, for a FILE")
	cmd.Flags().StringVarP(&c.output, "output", "o", "json", "json or table")
	cmd.Flags().DurationVar(&c.timeout, "timeout", 10*time.Second, "of the visit of a URL")
	cmd.Flags().IntVar(&c.top, "top", 30, "how many sites a table shows, 0 for all")
	return cmd
}

// run gives code 1 where the input could not be read; a mistake in the command line is a plain error, which is 40.
func (c *inspectHeap) run(ctx context.Context, from string) error {
	base, err := c.check(from)
	if err != nil {
		return err
	}
	var snapshot heap.Snapshot
	if base != nil {
		snapshot, err = c.visit(ctx, base)
	} else {
		snapshot, err = c.readText(from)
	}
	if err == nil {
		err = c.print(snapshot)
	}
	if err != nil {
		return &exitError{exitFailure, err}
	}
	return nil
}

// check refuses wrong flags, and gives the URL where from is one.
func (c *inspectHeap) check(from string) (*url.URL, error) {
	switch {
	case c.output != "json" && c.output != "table":
		return nil, fmt.Errorf("--output must be json or table (got %q)", c.output)
	case c.timeout <= 0:
		return nil, fmt.Errorf("--timeout must be a positive duration (got %s)", c.timeout)
	case c.top < 0:
		return nil, fmt.Errorf("--top must be 0 or a positive number (got %d)", c.top)
	case !strings.Contains(from, "://"):
		if from == "-" && c.symbols == "-" {
			return nil, errors.New("only one of the text and --symbols can be stdin")
		}
		return nil, nil
	case c.symbols != "":
		return nil, errors.New("--symbols goes with a FILE; a URL is asked for them")
	}
	base, err := url.Parse(from)
	if err != nil {
		return nil, errors.New("the argument is neither a file nor a URL, want http://HOST:PORT")
	}
	return base, probe.CheckBase(base)
}

func (c *inspectHeap) visit(ctx context.Context, base *url.URL) (heap.Snapshot, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	prober := probe.New(&http.Client{Transport: transport}, probe.Settings{Timeout: c.timeout})
	observation, err := prober.Visit(ctx, base, new(probe.Memory))
	for _, partial := range observation.Partial {
		c.warn("%v", partial)
	}
	return observation.Heap, err
}

func (c *inspectHeap) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(c.err, "warning: "+format+"\n", args...)
}

func (c *inspectHeap) readText(file string) (heap.Snapshot, error) {
	text, err := readInput(c.in, file, heap.Parse)
	if err != nil {
		return heap.Snapshot{}, err
	}
	names := map[uint64]string{}
	if c.symbols != "" {
		if names, err = readInput(c.in, c.symbols, heap.ParseSymbols); err != nil {
			return heap.Snapshot{}, err
		}
	}
	ask := text.Unknown(nil)
	shift := c.askedRaw(names, ask)
	symbol := func(address uint64) (string, bool) { name, ok := names[address+shift]; return name, ok }
	if missing := text.Unknown(func(address uint64) bool { _, ok := symbol(address); return ok }); len(missing) > 0 {
		c.tellHowToAsk(missing)
	}
	return text.Snapshot(symbol), nil
}

// readInput parses a file, or stdin for "-".
func readInput[T any](stdin io.Reader, file string, parse func(io.Reader, heap.Limits) (T, error)) (parsed T, err error) {
	input := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return parsed, err
		}
		defer func() { _ = opened.Close() }()
		input = opened
	}
	if parsed, err = parse(input, heap.Limits{}); err != nil {
		return parsed, fmt.Errorf("%s: %w", file, err)
	}
	return parsed, nil
}

// askedRaw gives 1 where the symbols were asked with the addresses behind the '@', return addresses, instead of those
// minus one: where that explains more of the file. Single addresses fit both, because inlined frames stand side by side.
func (c *inspectHeap) askedRaw(names map[uint64]string, ask []uint64) uint64 {
	right, raw := 0, 0
	for _, address := range ask {
		if _, ok := names[address]; ok {
			right++
		}
		if _, ok := names[address+1]; ok {
			raw++
		}
	}
	if right >= raw {
		return 0
	}
	c.warn("the symbols are of return addresses: some may name the neighbour of an inlined call, and classes may be wrong; ask for the addresses minus one")
	return 1
}

// tellHowToAsk prints the requests that would name what is missing; GET, because Go's own mux refuses POST since 1.22.
func (c *inspectHeap) tellHowToAsk(missing []uint64) {
	const perRequest = 300 // keeps the URL below 8 kB
	_, _ = fmt.Fprintf(c.err, "%d runtime frames have no name. Ask the process that wrote the text, and give the answer with --symbols symbols.txt:\n", len(missing))
	to := ">"
	for len(missing) > 0 {
		n := min(perRequest, len(missing))
		words := make([]string, n)
		for i, address := range missing[:n] {
			words[i] = "0x" + strconv.FormatUint(address, 16)
		}
		_, _ = fmt.Fprintf(c.err, "  curl -s 'http://HOST:PORT/debug/pprof/symbol?%s' %s symbols.txt\n", strings.Join(words, "+"), to)
		missing, to = missing[n:], ">>"
	}
}

func (c *inspectHeap) print(s heap.Snapshot) error {
	for _, warning := range s.Warnings {
		c.warn("%s", warning)
	}
	if c.output == "table" {
		return writeHeapTable(c.out, s, c.top)
	}
	return json.NewEncoder(c.out).Encode(newHeapDocument(s))
}
