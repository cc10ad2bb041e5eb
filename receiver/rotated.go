// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rotatedFile is what a rotation made of a log: NAME.1, NAME.2.gz (logrotate, docker), NAME-20260101 (logrotate with dateext),
// NAME.20260101-000000.gz (kubelet). Other neighbours, such as somebody's NAME.bak, belong to no sequence.
type rotatedFile struct {
	path   string
	packed bool
	date   string // empty: it has a number
	number int    // negative: it has neither
	info   fs.FileInfo
}

const (
	packedSuffix  = ".gz"
	maxNeighbours = 1000
)

var (
	numbered = regexp.MustCompile(`^[.-][0-9]{1,5}$`)
	dated    = regexp.MustCompile(`^[.-][0-9]{6,}[0-9TZ:._+-]*$`)
)

// neighbours lists the files beside a log whose names begin with its name. While one is being compressed it is there
// twice: the plain one counts, because the other one may not be whole yet.
func neighbours(path string) []rotatedFile {
	for range 10 {
		if all, still := lookBeside(path); still {
			return all
		}
	}
	return nil // they change all the time
}

// lookBeside is not still where a file was gone again before it could be looked at: under another name, it may have been missed.
func lookBeside(path string) (all []rotatedFile, still bool) {
	folder, name := filepath.Split(path)
	entries, _ := os.ReadDir(filepath.Clean(folder)) // not there: nothing was rotated
	found := map[string]rotatedFile{}
	for _, entry := range entries {
		suffix, ok := strings.CutPrefix(entry.Name(), name)
		if !ok || suffix == "" {
			continue
		}
		r := rotatedFile{path: filepath.Join(folder, entry.Name()), number: -1}
		suffix, r.packed = strings.CutSuffix(suffix, packedSuffix)
		switch {
		case numbered.MatchString(suffix):
			r.number, _ = strconv.Atoi(suffix[1:]) // five digits
		case dated.MatchString(suffix):
			r.date = suffix
		}
		if twin, twice := found[suffix]; twice && !twin.packed {
			continue
		}
		info, err := os.Stat(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			if entry.Type()&fs.ModeSymlink == 0 { // a link may lead nowhere for ever
				return nil, false
			}
			continue
		}
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		r.info = info
		if found[suffix] = r; len(found) == maxNeighbours {
			break
		}
	}
	return slices.Collect(maps.Values(found)), true
}

// rotations lists what rotations made of the log at a path, oldest first.
func rotations(path string) []rotatedFile {
	all := slices.DeleteFunc(neighbours(path), func(r rotatedFile) bool { return r.date == "" && r.number < 0 })
	slices.SortFunc(all, older)
	return all
}

// isRotation is true of a path that a rotation made of a log that is still there: a glob such as api.log* finds both.
func isRotation(path string) bool {
	base := strings.TrimSuffix(path, packedSuffix)
	if i := strings.LastIndexAny(base, ".-"); i > 0 {
		for ; i > 0; i = strings.LastIndexAny(base[:i], ".-") { // a date has both
			if numbered.MatchString(base[i:]) || dated.MatchString(base[i:]) {
				if _, err := os.Stat(base[:i]); err == nil {
					return true
				}
			}
		}
	}
	return base != path
}

// older sorts by age: dates grow, numbers fall. A log has one kind of names; of two kinds, numbers are taken for older.
func older(a, b rotatedFile) int {
	return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(b.number, a.number))
}

// newestDate is the date of the newest rotation, or empty.
func newestDate(all []rotatedFile) string {
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].date
}

// since leaves those that were rotated after a log was begun when `after` was the newest, and read last when `seen`. It is
// for a log that is itself not among them any more. Numbers move, so there the time of the last write must do.
func since(all []rotatedFile, after string, seen time.Time) []rotatedFile {
	return slices.DeleteFunc(slices.Clone(all), func(r rotatedFile) bool {
		if r.date != "" {
			return r.date <= after
		}
		return seen.IsZero() || !r.info.ModTime().After(seen)
	})
}
