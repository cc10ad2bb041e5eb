// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"syscall"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	walPage       = 32 << 10 // the write-ahead log wants segments of whole pages
	maxWALSegment = 128 << 20
	minWALSegment = 1 << 20
)

// store is the open TSDB with what is needed to account for it and to give its directory back.
type store struct {
	db      *tsdb.DB
	tally   *tally
	release func()
}

// openStore opens or creates the TSDB in cfg.Directory and replays its write-ahead log.
func openStore(cfg *Config, logger *slog.Logger) (*store, error) {
	release, err := claim(cfg.Directory)
	if err != nil {
		return nil, err
	}
	s := &store{tally: newTally(), release: release}
	if s.db, err = tsdb.Open(cfg.Directory, logger, s.tally, tsdbOptions(cfg), nil); err != nil {
		release()
		return nil, openError(cfg.Directory, err)
	}
	if err := s.tally.check(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) close() error {
	defer s.release()
	return s.db.Close()
}

// bytes is what the store takes on disk.
func (s *store) bytes() int64 {
	n := s.db.Head().Size()
	for _, block := range s.db.Blocks() {
		n += block.Size()
	}
	return n
}

// tsdbOptions derives the TSDB's settings from the user's. Retention works by whole blocks, so a block spans a tenth of it, at
// most the TSDB's usual two hours; the segments of the write-ahead log are cut by size the same way.
func tsdbOptions(cfg *Config) *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = cfg.Retention.Time.Milliseconds()
	o.MaxBytes = int64(cfg.Retention.Size)
	o.MinBlockDuration = blockDuration(cfg.Retention.Time).Milliseconds()
	o.MaxBlockDuration = max(o.MinBlockDuration, o.RetentionDuration/10)
	o.WALSegmentSize = int(min(max(int64(cfg.Retention.Size)/16/walPage*walPage, minWALSegment), maxWALSegment))
	o.WALCompression = compression.Snappy
	o.OutOfOrderTimeWindow = cfg.OutOfOrderWindow.Milliseconds()
	return o
}

func blockDuration(retention time.Duration) time.Duration {
	return min(max((retention/10).Truncate(time.Minute), time.Minute), time.Duration(tsdb.DefaultBlockDuration)*time.Millisecond)
}

// openError says what to do about a directory that another process has.
func openError(directory string, err error) error {
	var path *fs.PathError
	if locked := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES); locked && !errors.As(err, &path) {
		return fmt.Errorf("directory must belong to one prometheus_tsdb exporter (got %q, which another process uses): %w", directory, err)
	}
	return fmt.Errorf("cannot open the store in %q: %w", directory, err)
}
