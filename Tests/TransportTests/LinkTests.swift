import Basics
import Foundation
import Synchronization
import TestSupport
import Testing
import Transport

/// Endpoints of both kinds, to bind to.
enum Way: String, CaseIterable {
    case ipc, tcp

    func endpoint(in directory: TemporaryDirectory) -> String {
        self == .ipc ? "ipc://" + directory.file("s.ipc") : "tcp://127.0.0.1:*"
    }
}

/// A frame of bytes that depend on `seed` and place.
func patternFrame(byteCount: Int, seed: Int) -> Frame {
    let frame = Frame(byteCount: byteCount)
    for index in 0..<byteCount { frame.bytes[index] = UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8 &+ seed) }
    return frame
}

func sameBytes(_ a: Frame, _ b: Frame) -> Bool {
    a.byteCount == b.byteCount
        && (a.byteCount == 0 || memcmp(a.bytes.baseAddress!, b.bytes.baseAddress!, a.byteCount) == 0)
}

@Suite struct LinkTests {
    @Test(
        "a message arrives whole and unchanged, whatever its frames' number and size", arguments: Way.allCases,
        [
            [0], [1], [100], [1 << 20], [32 << 20], [64, 0, 1 << 20], Array(repeating: 100, count: 40),
            [33, 8191, 8192, 0],
        ])
    func roundTrip(way: Way, sizes: [Int]) throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let pull = try PullLink(context, bind: way.endpoint(in: directory))
        let push = try PushLink(context, connect: pull.endpoint)
        let sent = sizes.enumerated().map { patternFrame(byteCount: $1, seed: $0) }
        for _ in 0..<2 {
            #expect(try push.send(sent, timeoutMilliseconds: 5000))
            let received = try #require(try pull.receive(timeoutMilliseconds: 5000))
            #expect(received.map(\.byteCount) == sizes)
            #expect(zip(sent, received).allSatisfy(sameBytes))
        }
        #expect(try pull.receive(timeoutMilliseconds: 0) == nil)
    }

    @Test("a sent frame lives until its message is delivered, and is released exactly once")
    func sendingKeepsTheFrame() throws {
        let directory = try TemporaryDirectory()
        let endpoint = "ipc://" + directory.file("s.ipc")
        let context = TransportContext()
        let push = try PushLink(context, connect: endpoint)
        let counter = Counter()
        #expect(
            try push.send(
                [counter.frame(byteCount: 1 << 20), counter.frame(byteCount: 3)], timeoutMilliseconds: 100))
        // Nobody holds the frames here any more, and nobody listens there yet: the library needs their bytes.
        #expect(counter.value == 0)
        let pull = try PullLink(context, bind: endpoint)
        let received = try #require(try pull.receive(timeoutMilliseconds: 5000))
        #expect(received.map(\.byteCount) == [1 << 20, 3])
        #expect(eventually { counter.value == 2 })
        push.close()
        pull.close()
        context.close()
        #expect(counter.value == 2)
    }

    @Test("a frame that could not be sent is released by its owner alone")
    func unsentFrame() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let push = try PushLink(context, connect: "ipc://" + directory.file("s.ipc"), highWaterMark: 1)
        #expect(try push.send([Frame(byteCount: 1)], timeoutMilliseconds: 0))
        let counter = Counter()
        do {
            let frame = counter.frame(byteCount: 100)
            #expect(try !push.send([frame], timeoutMilliseconds: 0))
            #expect(counter.value == 0)
            withExtendedLifetime(frame) {}
        }
        #expect(counter.value == 1)
        push.close(lingerMilliseconds: 0)
    }

    @Test("a frame's bytes are not copied on their way out: the message holds the frame's own memory")
    func sendingDoesNotCopy() throws {
        let directory = try TemporaryDirectory()
        let endpoint = "ipc://" + directory.file("s.ipc")
        let context = TransportContext()
        let push = try PushLink(context, connect: endpoint)
        let frame = patternFrame(byteCount: 1 << 20, seed: 0)
        #expect(try push.send([frame], timeoutMilliseconds: 100))
        // Against the rule that sent bytes do not change; only so can a copy be told from the original.
        for index in 0..<frame.byteCount { frame.bytes[index] = 77 }
        let pull = try PullLink(context, bind: endpoint)
        let received = try #require(try pull.receive(timeoutMilliseconds: 5000))
        let isWhole = withExtendedLifetime(received) { received[0].bytes.allSatisfy { $0 == 77 } }
        #expect(isWhole)
    }

    @Test("received frames stay as they are while others come and go")
    func receivedFramesStay() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let pull = try PullLink(context, bind: "ipc://" + directory.file("s.ipc"))
        let push = try PushLink(context, connect: pull.endpoint)
        var kept: [[Frame]] = []
        for round in 0..<50 {
            let message = [patternFrame(byteCount: 20, seed: round), patternFrame(byteCount: 100_000, seed: round)]
            #expect(try push.send(message, timeoutMilliseconds: 5000))
            kept.append(try #require(try pull.receive(timeoutMilliseconds: 5000)))
        }
        pull.close()
        push.close()
        context.close()
        for (round, message) in kept.enumerated() {
            #expect(sameBytes(message[0], patternFrame(byteCount: 20, seed: round)))
            #expect(sameBytes(message[1], patternFrame(byteCount: 100_000, seed: round)))
        }
    }

    @Test("without room a send gives up in time, and nothing of it arrives later")
    func highWaterMark() throws {
        let directory = try TemporaryDirectory()
        let endpoint = "ipc://" + directory.file("s.ipc")
        let context = TransportContext()
        let push = try PushLink(context, connect: endpoint, highWaterMark: 3)
        for number in 0..<3 {
            #expect(try push.send([Frame(copying: [UInt8(number)]), Frame(copying: [9])], timeoutMilliseconds: 0))
        }
        #expect(try !push.send([Frame(copying: [3]), Frame(copying: [9])], timeoutMilliseconds: 20))
        let pull = try PullLink(context, bind: endpoint)
        for number in 0..<3 {
            let message = try #require(try pull.receive(timeoutMilliseconds: 5000))
            #expect(message.map { Array($0.bytes) } == [[UInt8(number)], [9]])
        }
        #expect(try pull.receive(timeoutMilliseconds: 50) == nil)
    }

    @Test("a message beyond the limits is dropped whole and named, and the next one arrives")
    func limits() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let limits = MessageLimits(framesMax: 3, messageBytesMax: 1000)
        let pull = try PullLink(context, bind: "ipc://" + directory.file("s.ipc"), limits: limits)
        let push = try PushLink(context, connect: pull.endpoint)
        func frames(_ sizes: [Int]) -> [Frame] { sizes.map { patternFrame(byteCount: $0, seed: 1) } }
        #expect(try push.send(frames([1, 2, 3, 4, 5]), timeoutMilliseconds: 1000))
        #expect(
            throws: TransportError.messageTooLarge(endpoint: pull.endpoint, what: "frames", count: 5, countMax: 3)
        ) { try pull.receive(timeoutMilliseconds: 5000) }
        #expect(try push.send(frames([600, 401]), timeoutMilliseconds: 1000))
        #expect(
            throws: TransportError.messageTooLarge(endpoint: pull.endpoint, what: "bytes", count: 1001, countMax: 1000)
        ) { try pull.receive(timeoutMilliseconds: 5000) }
        #expect(try push.send(frames([600, 400]), timeoutMilliseconds: 1000))
        #expect(try pull.receive(timeoutMilliseconds: 5000)?.map(\.byteCount) == [600, 400])
    }

    @Test(
        "when the receiver starts anew at the same endpoint, the sender finds it and goes on", arguments: Way.allCases)
    func restart(way: Way) throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let first = try PullLink(context, bind: way.endpoint(in: directory))
        let endpoint = first.endpoint
        let push = try PushLink(context, connect: endpoint)
        #expect(try push.send([Frame(copying: [1])], timeoutMilliseconds: 1000))
        #expect(try first.receive(timeoutMilliseconds: 5000)?.count == 1)
        first.close()
        // The old one lets go of the address on the I/O thread.
        var second: PullLink?
        #expect(
            eventually {
                second = try? PullLink(context, bind: endpoint)
                return second != nil
            })
        // What was under way may be lost; a message after that is not.
        #expect(
            try eventually {
                _ = try push.send([Frame(copying: [2])], timeoutMilliseconds: 10)
                return try second?.receive(timeoutMilliseconds: 10) != nil
            })
    }

    @Test("closing with messages that nobody takes ends within the linger time")
    func linger() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let push = try PushLink(context, connect: "ipc://" + directory.file("s.ipc"))
        let counter = Counter()
        #expect(try push.send([counter.frame(byteCount: 1000)], timeoutMilliseconds: 100))
        push.close(lingerMilliseconds: 200)
        let start = ContinuousClock.now
        context.close()
        #expect(.now - start < .seconds(2))
        #expect(counter.value == 1)
    }

    @Test("what was sent before a close still arrives")
    func closeDelivers() throws {
        let directory = try TemporaryDirectory()
        let context = TransportContext()
        let pull = try PullLink(context, bind: "ipc://" + directory.file("s.ipc"), highWaterMark: 100)
        do {
            let push = try PushLink(context, connect: pull.endpoint, highWaterMark: 100)
            for number in 0..<20 {
                #expect(
                    try push.send([patternFrame(byteCount: 1 << 20, seed: number)], timeoutMilliseconds: 1000))
            }
        }
        for number in 0..<20 {
            let message = try #require(try pull.receive(timeoutMilliseconds: 5000))
            #expect(sameBytes(message[0], patternFrame(byteCount: 1 << 20, seed: number)))
        }
    }

    @Test("a use after close and a context closed too early trap")
    func misuse() async {
        await #expect(processExitsWith: .failure) {
            let context = TransportContext()
            let push = try PushLink(context, connect: "tcp://127.0.0.1:1")
            push.close()
            _ = try push.send([Frame(byteCount: 1)], timeoutMilliseconds: 0)
        }
        await #expect(processExitsWith: .failure) {
            let context = TransportContext()
            let push = try PushLink(context, connect: "tcp://127.0.0.1:1")
            context.close()
            withExtendedLifetime(push) {}
        }
    }
}

/// Counts how often frames were let go.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .acquiring) }
    func increment() { count.add(1, ordering: .acquiringAndReleasing) }

    /// A frame of zeros that counts its release.
    func frame(byteCount: Int) -> Frame {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        nonisolated(unsafe) let owned = memory
        return Frame(adopting: memory) {
            self.increment()
            owned.deallocate()
        }
    }
}
