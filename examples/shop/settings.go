// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

type settings struct {
	addr      string
	pprof     string
	version   string
	most      int
	dumpEvery int
}

// parse reads the command line. Usage and complaints go to stderr.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "listen here for customers")
	flags.StringVar(&s.pprof, "pprof", "127.0.0.1:6060", "listen here for /debug/pprof; keep it on loopback or behind a network policy")
	flags.StringVar(&s.version, "version", "good", "good: bounded cache; bad: a cache that keeps everything and logs itself; lavish: good, with an audit trail that nobody reads")
	flags.IntVar(&s.most, "max-receipts", 50_000, "good: receipts held at most")
	flags.IntVar(&s.dumpEvery, "dump-every", 50_000, "bad: inserts between two dumps of the cache into the log")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("shop takes flags only (got %q)", flags.Args())
	}
	return s, s.validate()
}

func (s settings) validate() error {
	var errs []error
	if !slices.Contains([]string{"good", "bad", "lavish"}, s.version) {
		errs = append(errs, fmt.Errorf("--version must be good, bad or lavish (got %q)", s.version))
	}
	if s.most <= 0 {
		errs = append(errs, fmt.Errorf("--max-receipts must be positive (got %d)", s.most))
	}
	if s.dumpEvery <= 0 {
		errs = append(errs, fmt.Errorf("--dump-every must be positive (got %d)", s.dumpEvery))
	}
	return errors.Join(errs...)
}

func (s settings) newShop(log *slog.Logger) *shop {
	if s.version == "bad" {
		return &shop{version: s.version, receipts: NewOrderCache(log, s.dumpEvery), log: log}
	}
	made := &shop{version: s.version, receipts: NewBoundedCache(s.most), log: log}
	if s.version == "lavish" {
		made.audit = &auditTrail{log}
	}
	return made
}
