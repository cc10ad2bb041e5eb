// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Flags of a member's head.
const (
	hasChecksum = 1 << 1
	hasExtra    = 1 << 2
	hasName     = 1 << 3
	hasComment  = 1 << 4
)

const maxText = 512 // of a name or a comment, with its end; as compress/gzip has it

// head passes over a member's head, or ends at the body's end.
func (r *Reader) head() error {
	head := r.in[r.at:]
	if len(head) == 0 && r.at > 0 {
		r.state = ended
		return io.EOF
	}
	if len(head) < 10 {
		return errEnd
	}
	if !IsGzip(head) || head[2] != 8 {
		return r.corrupt("no member where one must begin")
	}
	flags, n := head[3], 10
	if flags&hasExtra != 0 {
		if len(head) < n+2 {
			return errEnd
		}
		n += 2 + int(binary.LittleEndian.Uint16(head[n:]))
	}
	for _, text := range [...]byte{hasName, hasComment} {
		if flags&text == 0 {
			continue
		}
		if n > len(head) {
			return errEnd
		}
		end := bytes.IndexByte(head[n:min(n+maxText, len(head))], 0)
		if end < 0 && len(head) < n+maxText {
			return errEnd
		}
		if end < 0 {
			return r.corrupt("a name that is too long")
		}
		n += end + 1
	}
	if n > len(head) {
		return errEnd
	}
	if flags&hasChecksum != 0 {
		if len(head) < n+2 {
			return errEnd
		}
		if binary.LittleEndian.Uint16(head[n:]) != uint16(crc32.ChecksumIEEE(head[:n])) {
			return r.corrupt("the head's checksum is wrong")
		}
		n += 2
	}
	r.at += n
	r.state, r.last = atBlock, false
	r.crc, r.size = 0, 0
	r.summed, r.member = r.pos, r.pos
	return nil
}
