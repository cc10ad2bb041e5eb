// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"os"
	"path/filepath"
	"sync"
)

// catalogue is every image of the box. The flags that make a shop good or bad are part of the image, so each has its own digest.
func catalogue(programs map[string]string) map[string]Image {
	shop := func(version string) Image {
		return Image{Repository: "registry.local/shop", Tag: version, Program: programs["shop"],
			Entrypoint: []string{"/shop", "--addr", "0.0.0.0:8080", "--pprof", "0.0.0.0:6060", "--version", version}}
	}
	return map[string]Image{
		"pause":              {Repository: "registry.local/pause", Tag: "e2e", Program: programs["pause"], Entrypoint: []string{"/pause"}},
		"heapgate":           {Repository: "ghcr.io/heapgate/heapgate", Tag: "v0.1.0", Program: programs["heapgate"], Entrypoint: []string{"/heapgate"}},
		"heapgate-collector": {Repository: "ghcr.io/heapgate/heapgate-collector", Tag: "v0.1.0", Program: programs["heapgate-collector"], Entrypoint: []string{"/heapgate-collector"}},
		"shop-good":          shop("good"),
		"shop-bad":           shop("bad"),
		"shop-lavish":        shop("lavish"),
		"load":               {Repository: "registry.local/load", Tag: "e2e", Program: programs["load"], Entrypoint: []string{"/load"}},
	}
}

// makeImages writes NAME.tar of every image into dir.
func makeImages(programs map[string]string, dir string) (map[string]Image, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	images := catalogue(programs)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for name, image := range catalogue(programs) {
		group.Go(func() {
			err := image.archive(filepath.Join(dir, name+".tar"))
			mu.Lock()
			defer mu.Unlock()
			images[name] = image
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait()
	return images, failed
}
