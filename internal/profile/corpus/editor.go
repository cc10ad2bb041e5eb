// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// editor talks to gopls in the Language Server Protocol.
type editor struct {
	s    *session
	conn net.Conn

	mu      sync.Mutex
	next    int
	answers map[int]chan error
}

type message struct {
	ID     *json.RawMessage `json:"id,omitempty"`
	Method string           `json:"method,omitempty"`
	Params json.RawMessage  `json:"params,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// useGopls opens package heap of this module and goes through its files: in each it asks for outline, colours, hints, and at some places for
// what is there, where it is used and what may follow; it types a line; then it closes the file.
func useGopls(s *session) {
	e := &editor{s: s, answers: map[int]chan error{}}
	root, err := os.Getwd()
	if err == nil {
		e.conn, err = new(net.Dialer).DialContext(s.ctx, "tcp", "127.0.0.1:14389")
	}
	if err != nil {
		s.note(err)
		return
	}
	go func() { s.note(e.listen()) }() // until the command ends
	at := func(path string) string { return "file://" + filepath.ToSlash(filepath.Join(root, path)) }
	s.note(e.call("initialize", fmt.Sprintf(`{"processId":null,"rootUri":%q,"capabilities":{"workspace":{"configuration":true,"workspaceFolders":true},"textDocument":{"hover":{},"completion":{},"semanticTokens":{"requests":{"full":true},"tokenTypes":["function"],"tokenModifiers":[],"formats":["relative"]}}},
"workspaceFolders":[{"uri":%[1]q,"name":"heapgate"}],"initializationOptions":{"semanticTokens":true,"expandWorkspaceToModule":false,"hints":{"parameterNames":true}}}`, at("internal/heap"))))
	s.note(e.send(`{"jsonrpc":"2.0","method":"initialized","params":{}}`))
	files, _ := filepath.Glob("internal/heap/*.go")
	s.user(20*time.Millisecond, func(i int) error { return e.visit(files[i*7%len(files)], at(files[i*7%len(files)])) })
	s.user(3*time.Second, func(i int) error {
		return e.call("workspace/symbol", fmt.Sprintf(`{"query":%q}`, []string{"Reader", "newBuild", "config", "heap.Parse"}[i%4]))
	})
}

func (e *editor) visit(file, uri string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	quoted, _ := json.Marshal(string(text))
	err = e.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":%q,"languageId":"go","version":1,"text":%s}}}`, uri, quoted))
	for _, method := range []string{"documentSymbol", "semanticTokens/full", "foldingRange", "documentLink", "codeLens", "formatting"} {
		err = errors.Join(err, e.call("textDocument/"+method, fmt.Sprintf(`{"textDocument":{"uri":%q},"options":{}}`, uri)))
	}
	lines := strings.Split(string(text), "\n")
	err = errors.Join(err, e.call("textDocument/inlayHint", fmt.Sprintf(`{"textDocument":{"uri":%q},"range":{"start":{"line":0,"character":0},"end":{"line":%d,"character":0}}}`, uri, len(lines)-1)))
	for line := 10; line < len(lines); line += 1 + len(lines)/6 {
		dot := max(strings.LastIndexByte(lines[line], '.'), 0)
		place := fmt.Sprintf(`{"textDocument":{"uri":%q},"position":{"line":%d,"character":%d},"context":{"includeDeclaration":true}}`, uri, line, min(dot+1, len(lines[line])))
		for _, method := range []string{"hover", "definition", "completion", "signatureHelp", "documentHighlight", "references", "implementation"} {
			_ = e.call("textDocument/"+method, place) // nothing may be there
		}
	}
	err = errors.Join(err, e.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":%q,"version":2},"contentChanges":[{"range":{"start":{"line":%d,"character":0},"end":{"line":%[2]d,"character":0}},"text":"// typed\n"}]}}`, uri, len(lines)-1)))
	err = errors.Join(err, e.call("textDocument/diagnostic", fmt.Sprintf(`{"textDocument":{"uri":%q}}`, uri)))
	return errors.Join(err, e.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didClose","params":{"textDocument":{"uri":%q}}}`, uri)))
}

func (e *editor) send(body string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := fmt.Fprintf(e.conn, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

// call asks and waits for the answer, also when the time is over: gopls is to be at rest then. Nothing new is asked.
func (e *editor) call(method, params string) error {
	if e.s.ctx.Err() != nil {
		return nil
	}
	answer := make(chan error, 1)
	e.mu.Lock()
	e.next++
	id := e.next
	e.answers[id] = answer
	e.mu.Unlock()
	if err := e.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("%s: no answer", method)
	}
}

// listen hands out answers, and answers what gopls asks: it has no settings of its own.
func (e *editor) listen() error {
	r := textproto.NewReader(bufio.NewReader(e.conn))
	for {
		head, err := r.ReadMIMEHeader()
		if err != nil {
			return err
		}
		size, _ := strconv.Atoi(head.Get("Content-Length"))
		body := make([]byte, size)
		if _, err := io.ReadFull(r.R, body); err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			return err
		}
		switch {
		case m.ID != nil && m.Method == "workspace/configuration":
			err = e.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":[null]}`, *m.ID))
		case m.ID != nil && m.Method != "":
			err = e.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":null}`, *m.ID))
		case m.ID != nil:
			var id int
			_ = json.Unmarshal(*m.ID, &id)
			e.mu.Lock()
			answer := e.answers[id]
			delete(e.answers, id)
			e.mu.Unlock()
			if answer == nil {
				return fmt.Errorf("an answer to %d, which was not asked", id)
			}
			if m.Error != nil {
				answer <- errors.New(m.Error.Message)
			} else {
				answer <- nil
			}
		}
		if err != nil {
			return err
		}
	}
}
