// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// synthetic writes a heap text of about size bytes: stacks of a large service, 1,500 functions, 500 call sites, 24 to 40
// visible frames a stack and 4 hidden ones, many block sizes.
func synthetic(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("heap profile: 0: 0 [1: 1] @ heap/1048576\n")
	for record := 0; b.Len() < size; record++ {
		n, block := 1+random.IntN(9), 16<<random.IntN(18)
		fmt.Fprintf(&b, "%d: %d [%d: %d] @ 0x411a10 0x411b20 0x411c30 0x411d40", n, n*block, 2*n, 2*n*block)
		stack := make([]int, 24+random.IntN(17))
		for i := range stack {
			stack[i] = random.IntN(1500)
			stack[0] = record % 500
			fmt.Fprintf(&b, " %#x", 0x1000000+stack[i]*0x430+1)
		}
		b.WriteByte('\n')
		for _, f := range stack {
			fmt.Fprintf(&b, "#\t%#x\tgithub.com/example/service/internal/part%d.(*Handler).serve%d+0x12\t\t/home/build/src/github.com/example/service/internal/part%d/handler.go:%d\n",
				0x1000000+f*0x430, f%40, f, f%40, f+10)
		}
		b.WriteByte('\n')
	}
	b.WriteString(tail)
	return b.Bytes()
}
