// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/stacktext"
)

// libraries are the packages outside the standard library that are passed over on the way to the user's line, by the
// beginning of their path. Behind encoders and web frameworks stands whoever asked them to write something.
var libraries = []struct {
	path string
	mark stacktext.Mark
}{
	{"go.uber.org/zap", marksLogging},
	{"github.com/rs/zerolog", marksLogging},
	{"github.com/sirupsen/logrus", marksLogging},
	{"github.com/Sirupsen/logrus", marksLogging},
	{"k8s.io/klog", marksLogging},
	{"github.com/golang/glog", marksLogging},
	{"github.com/go-logr/", marksLogging},
	{"github.com/go-kit/log", marksLogging},
	{"github.com/go-kit/kit/log", marksLogging},
	{"github.com/hashicorp/go-hclog", marksLogging},
	{"github.com/apex/log", marksLogging},
	{"github.com/phuslu/log", marksLogging},
	{"github.com/inconshreveable/log15", marksLogging},
	{"github.com/charmbracelet/log", marksLogging},

	{"github.com/json-iterator/go", marksJSON},
	{"github.com/goccy/go-json", marksJSON},
	{"github.com/bytedance/sonic", marksJSON},
	{"github.com/segmentio/encoding/json", marksJSON},
	{"github.com/go-json-experiment/json", marksJSON},
	{"github.com/mailru/easyjson", marksJSON},
	{"github.com/buger/jsonparser", marksJSON},
	{"github.com/tidwall/gjson", marksJSON},
	{"github.com/tidwall/sjson", marksJSON},
	{"github.com/valyala/fastjson", marksJSON},
	{"sigs.k8s.io/json", marksJSON},

	{"github.com/modern-go/reflect2", 0},
	{"google.golang.org/protobuf", 0},
	{"google.golang.org/grpc/encoding", 0},
	{"github.com/golang/protobuf", 0},
	{"github.com/gogo/protobuf", 0},
	{"gopkg.in/yaml", 0},
	{"go.yaml.in/yaml", 0},
	{"sigs.k8s.io/yaml", 0},
	{"github.com/vmihailenco/msgpack", 0},
	{"github.com/ugorji/go/codec", 0},
	{"github.com/gin-gonic/gin", 0},
	{"github.com/labstack/echo", 0},
	{"github.com/gofiber/fiber", 0},
	{"github.com/go-chi/render", 0},
}

// mapWalkers are the functions of JSON libraries that walk a map.
var mapWalkers = map[string]bool{
	"github.com/json-iterator/go.(*mapEncoder).Encode": true, "github.com/json-iterator/go.(*sortKeysMapEncoder).Encode": true,
	"github.com/goccy/go-json/internal/encoder.NewMapContext": true,
}

// libraryMark is that of a function outside the standard library; 0 is the user's own.
func libraryMark(pkg, name string) stacktext.Mark {
	if strings.HasPrefix(pkg, "golang.org/x/") { // as good as the standard library
		return stacktext.Library | marksForeign
	}
	for i := range libraries {
		if l := &libraries[i]; strings.HasPrefix(pkg, l.path) && isWhole(pkg[len(l.path):], l.path) {
			mark := stacktext.Library | marksForeign | l.mark
			if l.mark != 0 {
				mark |= stacktext.Followed
			}
			if mapWalkers[name] {
				mark |= marksMapWalk
			}
			return mark
		}
	}
	return 0
}

// isWhole tells that a path does not go on in the middle of a name: zapcore is not zap, yaml.v3 is yaml.
func isWhole(rest, path string) bool {
	return rest == "" || rest[0] == '/' || rest[0] == '.' || rest[0] == '%' || strings.HasSuffix(path, "/")
}

// packageOf is the path of a function's package: what stands before the first point behind the last slash. Receivers and
// type arguments may have paths of their own.
func packageOf(name string) string {
	head := name
	if i := strings.IndexAny(name, "[("); i >= 0 {
		head = name[:i]
	}
	from := strings.LastIndexByte(head, '/') + 1
	if i := strings.IndexByte(head[from:], '.'); i >= 0 {
		return head[:from+i]
	}
	return head
}

// unvendored leaves out where a package is vendored. Some keep copies in third_party, without the host.
func unvendored(pkg string) string {
	if i := strings.LastIndex(pkg, "/vendor/"); i >= 0 {
		return pkg[i+len("/vendor/"):]
	}
	if i := strings.LastIndex(pkg, "/third_party/"); i >= 0 {
		return "github.com/" + strings.TrimPrefix(pkg[i+len("/third_party/"):], "github.com/")
	}
	return pkg
}

// markOfFile tells files of the standard library: below the src of a GOROOT, or without a folder before them in a program
// that was built with -trimpath; and what their package says. A text that has no file is believed by the name of the function.
func markOfFile(path string) stacktext.Mark {
	if path == "" {
		return stacktext.Standard
	}
	inside := path
	if strings.Contains(path, `\`) { // of Windows
		inside = strings.ReplaceAll(path, `\`, "/")
	}
	if i := strings.LastIndex(inside, "/src/"); i >= 0 {
		inside = inside[i+len("/src/"):]
	}
	if first, _, _ := strings.Cut(inside, "/"); !gofunc.Standard[first] {
		return 0
	}
	return stacktext.Standard | standardMark(inside[:strings.LastIndexByte(inside, '/')], "")
}
