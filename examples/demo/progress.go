// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// progress writes "what ", then a dot each tick until the returned function is called, which ends the line with the time it
// took. Plain text: it reads the same on a terminal and in a CI log.
func progress(out io.Writer, what string, tick time.Duration) (stop func(error)) {
	_, _ = fmt.Fprintf(out, "      %-28s ", what)
	began := time.Now()
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_, _ = fmt.Fprint(out, ".")
			case <-quit:
				return
			}
		}
	}()
	return func(err error) {
		close(quit)
		<-ended
		verdict := ""
		if err != nil {
			verdict = " failed"
		}
		_, _ = fmt.Fprintf(out, " %.1fs%s\n", time.Since(began).Seconds(), verdict)
	}
}
