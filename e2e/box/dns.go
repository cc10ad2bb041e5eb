// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const clusterDomain = "cluster.local"

// serveNames answers the names of Services on the node's address, as the cluster's name service does; everything else does not
// exist. The socket stays in the node's network namespace, whoever reads from it.
func (c *Cluster) serveNames() error {
	var socket net.PacketConn
	err := c.node.do(func() (err error) {
		socket, err = net.ListenPacket("udp", net.JoinHostPort(c.Address, "53"))
		return err
	})
	if err != nil {
		return err
	}
	go func() { // ends with the process, like every server of the box
		question := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(question)
			if err != nil {
				return
			}
			if answer := c.answer(question[:n]); answer != nil {
				_, _ = socket.WriteTo(answer, from) // a lost answer is asked for again
			}
		}
	}()
	return nil
}

// answer is nil for what is no question.
func (c *Cluster) answer(packet []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(packet)
	if err != nil || header.Response {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	address, known := c.lookUp(question.Name.String())
	reply := dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	builder := dnsmessage.NewBuilder(nil, reply)
	_ = builder.StartQuestions() // the order of these calls is right, so none fails
	_ = builder.Question(question)
	_ = builder.StartAnswers()
	if known && question.Type == dnsmessage.TypeA {
		_ = builder.AResource(dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}, dnsmessage.AResource{A: address.As4()})
	}
	answer, err := builder.Finish()
	if err != nil {
		return nil
	}
	return answer
}

// lookUp finds the address of NAME.NAMESPACE.svc.cluster.local.
func (c *Cluster) lookUp(name string) (netip.Addr, bool) {
	service, ok := strings.CutSuffix(strings.ToLower(name), ".svc."+clusterDomain+".")
	if !ok {
		return netip.Addr{}, false
	}
	service, namespace, ok := strings.Cut(service, ".")
	if !ok {
		return netip.Addr{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	found, err := c.Kube.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(found.Spec.ClusterIP)
	return address, err == nil && address.Is4()
}
