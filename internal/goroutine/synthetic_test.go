// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// synthetic writes a goroutine text of about size bytes: 1,500 functions, 500 call sites, 24 to 40 visible frames a stack
// below hidden ones, most stacks distinct, a third of them with labels.
func synthetic(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	total := 0
	for record := 0; b.Len() < size; record++ {
		n := 1 + random.IntN(9)
		total += n
		fmt.Fprintf(&b, "%d @ 0x411a11 0x411b21", n)
		stack := make([]int, 24+random.IntN(17))
		for i := range stack {
			stack[i] = random.IntN(1500)
			stack[0] = record % 500
			fmt.Fprintf(&b, " %#x", 0x1000000+stack[i]*0x430+1)
		}
		b.WriteByte('\n')
		if record%3 == 0 {
			fmt.Fprintf(&b, "# labels: {\"request\":\"%d\"}\n", record)
		}
		for _, f := range stack {
			fmt.Fprintf(&b, "#\t%#x\tgithub.com/example/service/internal/part%d.(*Handler).serve%d+0x12\t\t/home/build/src/github.com/example/service/internal/part%d/handler.go:%d\n",
				0x1000000+f*0x430, f%40, f, f%40, f+10)
		}
		b.WriteByte('\n')
	}
	return append([]byte(fmt.Sprintf("goroutine profile: total %d\n", total)), b.Bytes()...)
}
