// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// everySet keeps each value that was ever written: a crash may leave any of them.
type everySet struct {
	memory
	all [][]byte
}

func (m *everySet) Set(ctx context.Context, key string, value []byte) error {
	m.all = append(m.all, append([]byte(nil), value...))
	return m.memory.Set(ctx, key, value)
}

// Whichever write of the offsets was the last before the collector died: whoever goes on with it comes to the same sums.
func TestEveryWriteIsAPlaceToGoOnFrom(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			l := &logger{t: t, path: filepath.Join(t.TempDir(), "0.log")}
			if seed%2 == 1 {
				l.wrap = cri
			}
			kept := &everySet{memory: *newMemory()}
			r := &reader{kept: &kept.memory, path: l.path, set: func(f *followers) { f.offsets.client = kept; f.offsets.every = 300 * time.Millisecond }}
			write(t, l.path, l.wrapped("starting\n"), 0)
			r.start(t)
			var dumps, rotated int64
			for range 60 {
				switch n := random.IntN(10); {
				case n < 6:
					l.cycles(1 + random.IntN(20))
				case n < 7:
					write(t, l.path, l.wrapped(dump(int(dumps))), os.O_APPEND)
					dumps++
				case n < 8:
					write(t, l.path, l.wrapped("gc 7 @0.02"), os.O_APPEND) // torn: its rest never comes
					write(t, l.path, l.wrapped("level=info msg=x\n"), os.O_APPEND)
				default:
					rotated++
					l.kubelet(fmt.Sprintf("20261121-06%04d", rotated))
				}
				time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
			}
			time.Sleep(time.Minute)
			want, crashes, _ := r.told()
			r.stop(t, true)
			if want.cycles != int64(l.next) || crashes[crash.MapWrites] != dumps {
				t.Fatalf("seed %d: without a crash: cycle %d of %d, %d dumps of %d", seed, want.cycles, l.next, crashes[crash.MapWrites], dumps)
			}
			for i, value := range kept.all {
				var saved savedOffsets
				if err := json.Unmarshal(value, &saved); err != nil {
					t.Fatal(err)
				}
				if len(saved.Files) == 0 {
					continue // nothing was read yet: whoever comes then begins with the log that is there
				}
				again := &reader{kept: newMemory(), path: l.path}
				again.kept.value[offsetsKey] = value
				again.start(t)
				time.Sleep(10 * time.Second)
				got, crashes, _ := again.told()
				again.stop(t, true)
				if got.summed != want.summed || got.cycles != want.cycles || got.records[intact] != want.records[intact] || got.clock["mark"] != want.clock["mark"] || crashes[crash.MapWrites] != dumps {
					t.Errorf("seed %d, write %d of %d: %d cycles summed (%v records), %d dumps; want %d (%v), %d", seed, i, len(kept.all),
						got.summed, got.records, crashes[crash.MapWrites], want.summed, want.records, dumps)
				}
			}
		})
	}
}

func (l *logger) wrapped(text string) string {
	if l.wrap == nil {
		return text
	}
	return l.wrap(text)
}

// told is what the only file has said, and the crashes of its owner.
func (r *reader) told() (heardFile, crashCounts, bool) {
	heard := r.heard("p")
	crashes, _, ok := r.crashesOf("p")
	if len(heard) != 1 || !ok {
		return heardFile{}, nil, false
	}
	return heard[0], crashes, true
}

// childState is what the child process has heard.
type childState struct {
	Summed, Intact, Crashes int64
	First                   time.Time
}

const childVariable = "HEAPGATE_TEST_FOLLOW"

// TestFollowInAChild is a collector of its own, to be killed. It is skipped but there.
func TestFollowInAChild(t *testing.T) {
	folder := os.Getenv(childVariable)
	if folder == "" {
		t.Skip("is run by TestKilledCollectorGoesOn")
	}
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = filepath.Join(folder, "offsets")
	id := component.NewIDWithName(factory.Type(), "offsets")
	set := extensiontest.NewNopSettings(factory.Type())
	set.ID = id
	extension, err := factory.Create(t.Context(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := extension.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	settings := receivertest.NewNopSettings(NewFactory().Type())
	settings.ID = component.NewID(NewFactory().Type())
	telemetry, err := metadata.NewTelemetryBuilder(settings.TelemetrySettings)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := openOffsets(t.Context(), &id, host{map[component.ID]component.Component{id: extension}}, settings, 10, telemetry)
	if err != nil {
		t.Fatal(err)
	}
	kept.every = 5 * time.Millisecond
	f := newFollowers(10, zap.NewNop(), telemetry, kept)
	go f.keep(t.Context())
	f.start(t.Context(), fileKey{"p", filepath.Join(folder, "0.log")}, false)
	for { // until it is killed
		heard := f.heard("p")
		crashes, _, ok := f.crashesOf("p")
		if len(heard) == 1 && ok {
			text, _ := json.Marshal(childState{heard[0].summed, heard[0].records[intact], crashes[crash.MapWrites], heard[0].firstHeard})
			if os.WriteFile(filepath.Join(folder, "state.new"), text, 0o600) == nil {
				_ = os.Rename(filepath.Join(folder, "state.new"), filepath.Join(folder, "state"))
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A collector is killed again and again while the log grows and is rotated. Nothing is lost and nothing counted twice.
func TestKilledCollectorGoesOn(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "offsets"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := &logger{t: t, path: filepath.Join(folder, "0.log"), wrap: cri}
	random := rand.New(rand.NewPCG(1, 2))
	run := func() *exec.Cmd {
		child := exec.Command(os.Args[0], "-test.run=^TestFollowInAChild$")
		child.Env = append(os.Environ(), childVariable+"="+folder)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		return child
	}
	state := func() (s childState) {
		text, _ := os.ReadFile(filepath.Join(folder, "state"))
		_ = json.Unmarshal(text, &s)
		return s
	}
	await := func(holds func(childState) bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !holds(state()); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("heard %+v, want %d cycles", state(), l.next)
			}
		}
	}
	write(t, l.path, "", 0)
	var dumps, rotated int64
	var first time.Time
	const kills = 8
	for round := range kills {
		child := run()
		if round == 0 { // from here on there is something to go on from
			l.cycles(1)
			await(func(s childState) bool { return s.Summed == 1 })
			time.Sleep(200 * time.Millisecond)
			first = state().First
		}
		for range 5 + random.IntN(20) {
			l.cycles(1 + random.IntN(30))
			switch random.IntN(12) {
			case 0:
				rotated++
				l.kubelet(fmt.Sprintf("20261121-06%04d", rotated))
			case 1:
				write(t, l.path, l.wrap(dump(1)), os.O_APPEND)
				dumps++
			}
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		}
		_ = child.Process.Kill() // SIGKILL
		_ = child.Wait()
		l.cycles(3)
		if round%2 == 0 {
			for range 2 {
				rotated++
				l.kubelet(fmt.Sprintf("20261121-06%04d", rotated))
				l.cycles(2)
			}
		}
	}
	child := run()
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	want := childState{int64(l.next), int64(l.next), dumps, first}
	await(func(s childState) bool { return s.Summed >= want.Summed && s.Crashes >= dumps })
	time.Sleep(200 * time.Millisecond)
	if got := state(); got.Summed != want.Summed || got.Intact != want.Intact || got.Crashes != want.Crashes || !got.First.Equal(want.First) {
		t.Errorf("after %d kills: got %+v, want %+v", kills, got, want)
	}
}
