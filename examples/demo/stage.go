// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// stage is everything that runs while the gate looks.
type stage struct {
	settings
	binaries
	family *family
	dir    string // temporary, of this run
	store  string // host:port
	out    io.Writer
	errOut io.Writer

	versions  []*version // good, bad
	collector *child
}

// version is one version of the shop and the load on it.
type version struct {
	name        string
	addr, pprof string // host:port
	digest      string
	load        *child
}

func newStage(s settings, b binaries, f *family, dir string, out, errOut io.Writer) (*stage, error) {
	addresses, err := freeAddresses(5)
	if err != nil {
		return nil, err
	}
	st := &stage{settings: s, binaries: b, family: f, dir: dir, store: addresses[4], out: out, errOut: errOut}
	for i, name := range []string{"good", "bad"} {
		digest, err := imageDigest(b.shop, name)
		if err != nil {
			return nil, err
		}
		st.versions = append(st.versions, &version{name: name, addr: addresses[2*i], pprof: addresses[2*i+1], digest: digest})
	}
	return st, nil
}

func (st *stage) say(format string, args ...any) { _, _ = fmt.Fprintf(st.out, format+"\n", args...) }

func (st *stage) file(name string) string { return filepath.Join(st.dir, name) }

func (v *version) gctrace() string { return "shop-" + v.name + ".stderr.log" }

// openShop starts one version and then its load.
func (st *stage) openShop(ctx context.Context, v *version) error {
	_, err := st.family.start(program{
		name:   "shop " + v.name,
		path:   st.shop,
		args:   []string{"--version", v.name, "--addr", v.addr, "--pprof", v.pprof},
		env:    []string{"GODEBUG=" + addSetting(os.Getenv("GODEBUG"), "gctrace=1")},
		stdout: st.file("shop-" + v.name + ".log"),
		stderr: st.file(v.gctrace()),
	})
	if err != nil {
		return err
	}
	if err := waitReady(ctx, st.out, "start shop "+v.name, "http://"+v.addr+"/healthz"); err != nil {
		return err
	}
	v.load, err = st.family.start(program{
		name:   "load on " + v.name,
		path:   st.load,
		args:   []string{"--url", "http://" + v.addr, "--rate", fmt.Sprint(st.rate), "--duration", "0"},
		stdout: st.file("load-" + v.name + ".log"),
	})
	return err
}

// addSetting adds one setting to a value of GODEBUG.
func addSetting(godebug, setting string) string {
	if godebug == "" {
		return setting
	}
	return godebug + "," + setting
}

// startCollector writes the collector's configuration, starts it and waits for its store.
func (st *stage) startCollector(ctx context.Context) error {
	config := collectorConfig{Directory: st.file("store"), Endpoint: st.store}
	for _, v := range st.versions {
		config.Targets = append(config.Targets, target{Version: v.name, URL: "http://" + v.pprof, Digest: v.digest, GCTrace: st.file(v.gctrace())})
	}
	path := st.file("collector.yaml")
	if err := writeConfig(path, config); err != nil {
		return err
	}
	var err error
	st.collector, err = st.family.start(program{
		name:   "heapgate-collector",
		path:   st.binaries.collector,
		args:   []string{"--config", path},
		stdout: st.file("collector.log"),
	})
	if err != nil {
		return err
	}
	return waitReady(ctx, st.out, "start collector and store", "http://"+st.store+"/-/ready")
}

func writeConfig(path string, config collectorConfig) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return config.write(f)
}
