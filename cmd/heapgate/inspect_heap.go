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

With --base BEFORE, an earlier text of the same process, or with --for DURATION, which takes texts of a URL every so often, each site has
its change, the 95 % interval of that, and for growing maps a verdict: unbounded, warming, churn, request_scoped, settled or unknown, and
why. Two texts are one window, and one window is never enough for a verdict; --for takes more in between. A map is called unbounded if it
kept growing for half of the time or longer, by two doublings or more and in three windows or more, without a sign of slowing down: a
cache that fills steadily for that long looks the same, so let it take longer than the warm-up.

A FILE may be a protobuf profile (.pb.gz), which has no frame of the runtime: growing maps are then guessed from their block sizes, and
marked likely; what is only possible is class unknown.

Bytes and objects are unsampled and count from the start of the process; "in use" is as of the last completed GC. Classes: map_grow,
map_overflow (buckets of maps before Go 1.24), map_make (presizing), map_clone, map_box (keys and elements above 128 bytes), sync_map,
value (everything else), unknown (a name is missing). What serving the profile itself allocated is left out.`

const inspectHeapExample = `  heapgate inspect heap http://127.0.0.1:6060 -o table
  heapgate inspect heap http://127.0.0.1:6060 --for 10m -o markdown
  curl -s http://127.0.0.1:6060/debug/pprof/heap?debug=1 > heap.txt
  heapgate inspect heap later.txt --base heap.txt --symbols symbols.txt -o table
  heapgate inspect heap heap.txt --symbols symbols.txt | jq '.sites[] | select(.class == "map_grow")'`

type inspectHeap struct {
	streams
	symbols string
	base    string
	output  string
	timeout time.Duration
	lasting time.Duration // --for
	every   time.Duration
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
	cmd.Flags().StringVar(&c.base, "base", "", "an earlier text of the same process: show what changed since")
	cmd.Flags().DurationVar(&c.lasting, "for", 0, "watch a URL for so long, and show what changed")
	cmd.Flags().DurationVar(&c.every, "every", 0, "between two texts of --for; default an eighth of it, 15s at most")
	cmd.Flags().StringVarP(&c.output, "output", "o", "json", "json, table or markdown")
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
	if err := c.inspect(ctx, base, from); err != nil {
		return &exitError{exitFailure, err}
	}
	return nil
}

func (c *inspectHeap) inspect(ctx context.Context, base *url.URL, from string) error {
	var moments []heapMoment
	var err error
	switch {
	case c.lasting > 0:
		moments, err = c.watch(ctx, base)
	case base != nil:
		moments, err = one(c.visit(ctx, base))
	case c.base != "":
		moments, err = c.readBoth(from)
	default:
		moments, err = one(c.readFile(from))
	}
	if err != nil {
		return err
	}
	last := moments[len(moments)-1]
	for _, warning := range last.Warnings {
		c.warn("%s", warning)
	}
	if len(moments) == 1 {
		return c.print(last.Snapshot)
	}
	change, err := changeOf(moments, c.lasting)
	if err != nil {
		return err
	}
	return c.printChange(change)
}

func one(m heapMoment, err error) ([]heapMoment, error) { return []heapMoment{m}, err }

// check refuses wrong flags, and gives the URL where from is one.
func (c *inspectHeap) check(from string) (*url.URL, error) {
	switch {
	case c.output != "json" && c.output != "table" && c.output != "markdown":
		return nil, fmt.Errorf("--output must be json, table or markdown (got %q)", c.output)
	case c.timeout <= 0:
		return nil, fmt.Errorf("--timeout must be a positive duration (got %s)", c.timeout)
	case c.top < 0:
		return nil, fmt.Errorf("--top must be 0 or a positive number (got %d)", c.top)
	case c.lasting < 0 || c.every < 0:
		return nil, fmt.Errorf("--for and --every must be positive durations (got %s and %s)", c.lasting, c.every)
	case !strings.Contains(from, "://"):
		return nil, c.checkFiles(from)
	case c.base != "":
		return nil, errors.New("--base goes with a FILE; of a URL, --for takes both")
	case c.every > 0 && c.lasting < 2*c.every:
		return nil, fmt.Errorf("--for must be at least twice --every (got %s and %s)", c.lasting, c.every)
	case c.symbols != "":
		return nil, errors.New("--symbols goes with a FILE; a URL is asked for them")
	}
	base, err := url.Parse(from)
	if err != nil {
		return nil, errors.New("the argument is neither a file nor a URL, want http://HOST:PORT")
	}
	return base, probe.CheckBase(base)
}

func (c *inspectHeap) checkFiles(from string) error {
	stdin := 0
	for _, file := range []string{from, c.base, c.symbols} {
		if file == "-" {
			stdin++
		}
		if strings.Contains(file, "://") {
			return fmt.Errorf("--base and --symbols are files (got %q); of a URL, --for takes both texts", file)
		}
	}
	switch {
	case stdin > 1:
		return errors.New("only one of the text, --base and --symbols can be stdin")
	case c.lasting > 0 || c.every > 0:
		return errors.New("--for goes with a URL; of a FILE, --base is the text to compare with")
	}
	return nil
}

func (c *inspectHeap) visit(ctx context.Context, base *url.URL) (heapMoment, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	prober := probe.New(&http.Client{Transport: transport}, probe.Settings{Timeout: c.timeout})
	return c.ask(ctx, prober, base, new(probe.Memory))
}

func (c *inspectHeap) ask(ctx context.Context, prober *probe.Prober, base *url.URL, memory *probe.Memory) (heapMoment, error) {
	observation, err := prober.Visit(ctx, base, memory)
	for _, partial := range observation.Partial {
		c.warn("%v", partial)
	}
	return momentOf(observation.Heap), err
}

func (c *inspectHeap) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(c.err, "warning: "+format+"\n", args...)
}

// readBoth reads --base and the file, with the same symbols: they are of one process.
func (c *inspectHeap) readBoth(from string) ([]heapMoment, error) {
	names, err := c.readSymbols()
	if err != nil {
		return nil, err
	}
	before, err := c.readNamed(c.base, names)
	if err != nil {
		return nil, err
	}
	after, err := c.readNamed(from, names)
	return []heapMoment{before, after}, err
}

func (c *inspectHeap) readFile(from string) (heapMoment, error) {
	names, err := c.readSymbols()
	if err != nil {
		return heapMoment{}, err
	}
	return c.readNamed(from, names)
}

func (c *inspectHeap) readSymbols() (map[uint64]string, error) {
	if c.symbols == "" {
		return nil, nil
	}
	return readInput(c.in, c.symbols, heap.ParseSymbols)
}

// readNamed reads a heap text or a protobuf profile.
func (c *inspectHeap) readNamed(file string, names map[uint64]string) (heapMoment, error) {
	either, err := readInput(c.in, file, parseEither)
	if err != nil {
		return heapMoment{}, err
	}
	if either.text == nil {
		return either.moment, nil
	}
	text := either.text
	shift := c.askedRaw(names, text.Unknown(nil))
	symbol := func(address uint64) (string, bool) { name, ok := names[address+shift]; return name, ok }
	if missing := text.Unknown(func(address uint64) bool { _, ok := symbol(address); return ok }); len(missing) > 0 {
		c.tellHowToAsk(missing)
	}
	return momentOf(text.Snapshot(symbol)), nil
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

func (c *inspectHeap) print(s heap.Snapshot) error {
	if c.output == "json" {
		return json.NewEncoder(c.out).Encode(newHeapDocument(s))
	}
	return heapSheet(s, c.top).write(c.out, c.output)
}

func (c *inspectHeap) printChange(change heapChange) error {
	for _, warning := range change.Warnings {
		c.warn("%s", warning)
	}
	if c.output == "json" {
		return json.NewEncoder(c.out).Encode(change)
	}
	return change.sheet(c.top).write(c.out, c.output)
}
