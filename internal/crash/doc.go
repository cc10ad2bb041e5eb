// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package crash finds the dumps of dying Go processes in their stderr, between the lines of everybody else who writes
// there: two goroutines in one map, memory that ran out, and the lesser ways to die.
//
//	fatal error: concurrent map read and map write
//
//	goroutine 1 [running]:
//	internal/runtime/maps.fatal({0x4d033d?, 0x1d7cfc6901e0?})
//		/usr/local/go/src/runtime/panic.go:1181 +0x18
//	main.(*cache).get(...)
//		/src/shop/cache.go:18
//
// The Recogniser works so:
//
//  1. Look at how each line begins (recogniser.go). Outside of a dump nothing else of the text is looked at.
//  2. A dump begins with one of the runtime's heads (head.go), at the start of a line. A head that only the runtime writes
//     is a crash by itself; a "panic: ", another "fatal error: " or a signal is one when its goroutine follows as the
//     runtime prints it, behind an empty line.
//  3. The first goroutine that is shown is the one that died (lines.go, stack.go). Its first frame that is not of the runtime
//     or of what stands between it and the program is the user frame; of a panic, the first such frame behind the panic
//     that came first. These are the call sites of package heap, but for sync, which is passed over whole: a mutex is
//     unlocked twice by its user.
//  4. The crash is delivered when that goroutine has ended, when nothing came for a second (Idle), or at the end of the
//     input (Flush). The other goroutines of the dump pass by, up to the first line that is of no dump.
//  5. What the dump cannot say is said in Crash.Notes.
//
// The runtime writes a dump in many small writes, as it writes gctrace, so lines of other threads can stand in it. A whole
// foreign line is passed over, up to 64 of them. A line of the dump that was torn is not mended: its frame has no function or
// no file, or is missing. Where that can be so before the user frame, a note says it. The message is the exception, because
// it tells the kind: where it was torn off its head it is found on a later line.
//
// A head in the middle of a line is never one: it is quoted, by JSON or by somebody who logs the stderr of another process.
// It could also stand behind a fragment without newline, such as a progress bar, and is lost then; but not behind a torn
// gctrace record, for both are printed under the runtime's print lock.
//
// Two goroutines can die at once, before Go 1.24 with two heads and two dumps in any order: they are one crash. In a stream of
// several processes, or of one that is started again, a second dump is another crash unless its goroutine was running in
// the first one.
//
// What cannot be seen: a process that the kernel killed for its memory, which leaves no dump; a panic under
// GOTRACEBACK=none; and whether a program has printed a panic, which it recovered, exactly as the runtime would.
//
// The formats were read in the print statements of runtime/panic.go, traceback.go, stack.go, mheap.go and signal_unix.go of
// Go 1.19 and 1.26.
package crash
