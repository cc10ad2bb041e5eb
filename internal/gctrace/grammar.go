// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

// The grammar as a graph of tokens, one token a write(2) of the runtime. A gap of foreign text can stand before any of
// them. The nodes are numbered such that a token follows lower ones only. In Go 1.5 ... 1.25 "%" and ": " are one write; allowing a gap between them does no harm.

type node uint8

type token struct {
	kind kind
	text string // of a literal
	next []node // what may follow; at most one of them is a number
}

type kind uint8

const (
	literal kind = iota
	integer
	seconds // exactly three decimals
	millis  // fmtNSAsMS
)

const (
	nStart node = iota
	nGC
	nNumber
	nAtSign
	nAt
	nS
	nPercent
	nPercentSign
	nLeak
	nColon
	nClock1
	nPlus1
	nClock2
	nPlus2
	nClock3
	nMSClock
	nCPU1
	nCPUPlus1
	nCPU2
	nSlash1
	nCPU3
	nSlash2
	nCPU4
	nCPUPlus2
	nCPU5
	n15Plus3 // Go 1.5 from here
	n15Clock4
	n15Plus4
	n15Clock5
	n15MSClock
	n15CPU1
	n15CPUPlus1
	n15CPU2
	n15CPUPlus2
	n15CPU3
	n15CPUPlus3
	n15CPU4
	n15Slash1
	n15CPU5
	n15Slash2
	n15CPU6
	n15CPUPlus4
	n15CPU7 // to here
	nMSCPU
	nHeap1
	nArrow1
	nHeap2
	nArrow2
	nHeap3
	nMB
	nGoal
	nMBGoal
	nStacksOrProcs
	nMBStacks
	nGlobals
	nMBGlobals
	nProcs
	nP
	nForced
	nBlank // an empty line after foreign text after " P": the record's newline, if " (forced)" does not follow
	nodes
)

var grammar = [nodes]token{
	nStart:         {literal, "", []node{nGC}},
	nGC:            {literal, "gc ", []node{nNumber}},
	nNumber:        {integer, "", []node{nAtSign}},
	nAtSign:        {literal, " @", []node{nAt}},
	nAt:            {seconds, "", []node{nS}},
	nS:             {literal, "s ", []node{nPercent}},
	nPercent:       {integer, "", []node{nPercentSign}},
	nPercentSign:   {literal, "%", []node{nColon, nLeak}},
	nLeak:          {literal, leakCheck, []node{nColon}},
	nColon:         {literal, ": ", []node{nClock1}},
	nClock1:        {millis, "", []node{nPlus1}},
	nPlus1:         {literal, "+", []node{nClock2}},
	nClock2:        {millis, "", []node{nPlus2}},
	nPlus2:         {literal, "+", []node{nClock3}},
	nClock3:        {millis, "", []node{nMSClock, n15Plus3}},
	nMSClock:       {literal, " ms clock, ", []node{nCPU1}},
	nCPU1:          {millis, "", []node{nCPUPlus1}},
	nCPUPlus1:      {literal, "+", []node{nCPU2}},
	nCPU2:          {millis, "", []node{nSlash1}},
	nSlash1:        {literal, "/", []node{nCPU3}},
	nCPU3:          {millis, "", []node{nSlash2}},
	nSlash2:        {literal, "/", []node{nCPU4}},
	nCPU4:          {millis, "", []node{nCPUPlus2}},
	nCPUPlus2:      {literal, "+", []node{nCPU5}},
	nCPU5:          {millis, "", []node{nMSCPU}},
	nMSCPU:         {literal, " ms cpu, ", []node{nHeap1}},
	n15Plus3:       {literal, "+", []node{n15Clock4}},
	n15Clock4:      {millis, "", []node{n15Plus4}},
	n15Plus4:       {literal, "+", []node{n15Clock5}},
	n15Clock5:      {millis, "", []node{n15MSClock}},
	n15MSClock:     {literal, " ms clock, ", []node{n15CPU1}},
	n15CPU1:        {millis, "", []node{n15CPUPlus1}},
	n15CPUPlus1:    {literal, "+", []node{n15CPU2}},
	n15CPU2:        {millis, "", []node{n15CPUPlus2}},
	n15CPUPlus2:    {literal, "+", []node{n15CPU3}},
	n15CPU3:        {millis, "", []node{n15CPUPlus3}},
	n15CPUPlus3:    {literal, "+", []node{n15CPU4}},
	n15CPU4:        {millis, "", []node{n15Slash1}},
	n15Slash1:      {literal, "/", []node{n15CPU5}},
	n15CPU5:        {millis, "", []node{n15Slash2}},
	n15Slash2:      {literal, "/", []node{n15CPU6}},
	n15CPU6:        {millis, "", []node{n15CPUPlus4}},
	n15CPUPlus4:    {literal, "+", []node{n15CPU7}},
	n15CPU7:        {millis, "", []node{nMSCPU}},
	nHeap1:         {integer, "", []node{nArrow1}},
	nArrow1:        {literal, "->", []node{nHeap2}},
	nHeap2:         {integer, "", []node{nArrow2}},
	nArrow2:        {literal, "->", []node{nHeap3}},
	nHeap3:         {integer, "", []node{nMB}},
	nMB:            {literal, " MB, ", []node{nGoal}},
	nGoal:          {integer, "", []node{nMBGoal}},
	nMBGoal:        {literal, " MB goal, ", []node{nStacksOrProcs}},
	nStacksOrProcs: {integer, "", []node{nP, nMBStacks}},
	nMBStacks:      {literal, " MB stacks, ", []node{nGlobals}},
	nGlobals:       {integer, "", []node{nMBGlobals}},
	nMBGlobals:     {literal, " MB globals, ", []node{nProcs}},
	nProcs:         {integer, "", []node{nP}},
	nP:             {literal, " P", []node{nForced}},
	nForced:        {literal, forced, nil},
	nBlank:         {literal, "", []node{nForced}},
}

// cut reports whether b is one whole number of the kind, and its value: seconds and milliseconds in thousandths.
func (k kind) cut(b []byte) (v int64, ok bool) {
	var end int
	var x float64
	switch k {
	case seconds:
		x, end = readSeconds(b, 0)
		v = int64(x*1000 + 0.5)
	case millis:
		x, end = readMS(b, 0)
		v = int64(x*1000 + 0.5)
	default:
		v, end = readInteger(b, 0)
	}
	return v, end == len(b)
}
