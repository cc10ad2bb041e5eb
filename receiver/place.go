// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"hash/fnv"
	"io"
	"time"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// place is a checkpoint in a file that can be known again, also when the file was renamed, copied or compressed since.
// Inode numbers are used again and a copy has another one, so bytes count too: the first ones, and the last ones that
// were read before the place. (The device number does not: it can change when a machine restarts.)
type place struct {
	Inode     uint64    `json:"inode,omitempty"`
	Head      uint64    `json:"head"` // hash of the first HeadBytes bytes
	HeadBytes int       `json:"head_bytes"`
	Mark      int64     `json:"mark,omitempty"` // offset before which NearBytes bytes have the hash Near
	Near      uint64    `json:"near,omitempty"`
	NearBytes int       `json:"near_bytes,omitempty"`
	After     string    `json:"after,omitempty"` // newest rotated file when this one was begun, if their names have dates
	Seen      time.Time `json:"seen,omitzero"`   // when it was read last
	Log       *cursor   `json:"log,omitempty"`   // of a log that the Kubernetes API hands out; then nothing above is set
	gctrace.Checkpoint
}

const (
	maxHead = 1024
	maxNear = 256
	telling = 64 // so many bytes of a log no other log has
)

func hash(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}

// valid is false of a place that this program cannot have written.
func (p *place) valid() bool {
	return p.HeadBytes >= 0 && p.HeadBytes <= maxHead && p.NearBytes >= 0 && p.NearBytes <= maxNear &&
		p.Offset >= 0 && p.Skip >= 0 && p.Mark >= int64(p.NearBytes) && p.Mark <= p.Offset && (p.Log == nil || p.Log.valid())
}

// in opens a plain file at the place, if it is in it: nil if not. A copy has another inode and is told by its bytes alone.
func (p *place) in(path string, copied bool) *opened {
	if p.HeadBytes < 1 || copied && !p.tells() {
		return nil
	}
	file, err := openRegular(path)
	if err != nil {
		return nil
	}
	o := &opened{file: file}
	info, err := file.Stat()
	if err != nil || info.Size() < p.Offset || (inode(info) != p.Inode) != copied || !p.matches(o) {
		o.Close()
		return nil
	}
	if _, err := file.Seek(p.Offset, io.SeekStart); err != nil {
		o.Close()
		return nil
	}
	return o
}

// tells is true where the bytes alone say which file it is.
func (p *place) tells() bool { return p.NearBytes >= telling || p.HeadBytes >= telling }

// matches compares the first bytes of a plain file and those before the mark.
func (p *place) matches(o *opened) bool {
	o.head = make([]byte, p.HeadBytes)
	if _, err := o.file.ReadAt(o.head, 0); err != nil || hash(o.head) != p.Head {
		return false
	}
	near := make([]byte, p.NearBytes)
	_, err := o.file.ReadAt(near, p.Mark-int64(p.NearBytes))
	return err == nil && (p.NearBytes == 0 || hash(near) == p.Near)
}

// inPacked opens a compressed file at the place, if it is in it: nil if not. Packing has changed the inode, so only the
// bytes tell.
func (p *place) inPacked(path string, limit int64) *opened {
	if p.HeadBytes < 1 || !p.tells() {
		return nil
	}
	head := p.headOf(path)
	if hash(head) != p.Head {
		return nil
	}
	o, err := openPacked(path, limit)
	if err != nil {
		return nil
	}
	if !p.skip(o) {
		o.Close()
		return nil
	}
	o.head = head
	return o
}

func (p *place) headOf(path string) []byte {
	o, err := openPacked(path, maxHead)
	if err != nil {
		return nil
	}
	defer o.Close()
	head := make([]byte, p.HeadBytes)
	n, _ := io.ReadFull(o, head) // a shorter one has another hash
	return head[:n]
}

// skip inflates up to the place and compares the bytes before the mark.
func (p *place) skip(o *opened) bool {
	near := make([]byte, p.NearBytes)
	if _, err := io.CopyN(io.Discard, o, p.Mark-int64(p.NearBytes)); err != nil {
		return false
	}
	if _, err := io.ReadFull(o, near); err != nil || p.NearBytes > 0 && hash(near) != p.Near {
		return false
	}
	_, err := io.CopyN(io.Discard, o, p.Offset-p.Mark)
	return err == nil
}

// among finds the file in which the place lies, newest first: one that was renamed, a copy, a compressed one.
func (p *place) among(all []rotatedFile, copied bool, limit int64) *opened {
	for _, look := range []func(r *rotatedFile) *opened{
		func(r *rotatedFile) *opened {
			if r.packed || copied {
				return nil
			}
			return p.in(r.path, false)
		},
		func(r *rotatedFile) *opened {
			if r.packed || r.date == "" && r.number < 0 {
				return nil
			}
			return p.in(r.path, true)
		},
		func(r *rotatedFile) *opened {
			if !r.packed {
				return nil
			}
			return p.inPacked(r.path, limit)
		},
	} {
		for i := len(all) - 1; i >= 0; i-- {
			if o := look(&all[i]); o != nil {
				o.date = all[i].date
				return o
			}
		}
	}
	return nil
}
