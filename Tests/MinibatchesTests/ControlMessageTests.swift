import Basics
import Minibatches
import Testing

@Suite struct ControlMessageTests {
    private static let worker = WorkerDescription(
        graphFingerprint: 0xfeed, recipe: 7, name: "sampler-0", pid: 4711, host: "alpha", pinCount: 25_975,
        featureWidth: 128)

    private static let messages: [ControlMessage] = [
        .hello(worker: worker), .welcome(credit: 4), .ticket(batches: [0, 7, .max]), .ticket(batches: []),
        .ticket(batches: [3], table: TableName(epoch: 2, fingerprint: "0123456789abcdef")),
        .tableRequest(fingerprint: "0123456789abcdef", offset: .max),
        .heartbeat(counters: SamplerCounters(batches: 3, walkSteps: .max, busySeconds: 1.5)),
        .refused(reason: "another graph"), .stop(reason: "training is complete"),
    ]

    @Test("every message comes back as it was sent")
    func roundTrip() throws {
        for message in Self.messages { #expect(try ControlMessage.decode(message.encode()) == message) }
    }

    @Test("messages are the documented JSON")
    func json() {
        func text(_ message: ControlMessage) -> String { String(decoding: message.encode().array, as: UTF8.self) }
        #expect(text(.welcome(credit: 4)) == #"{"welcome":{"credit":4}}"#)
        #expect(text(.ticket(batches: [7, 8])) == #"{"ticket":{"batches":[7,8]}}"#)
        #expect(
            text(.ticket(batches: [7], table: TableName(epoch: 1, fingerprint: "0123456789abcdef")))
                == #"{"ticket":{"batches":[7],"table":{"epoch":1,"fingerprint":"0123456789abcdef"}}}"#)
        #expect(
            text(.tableRequest(fingerprint: "0123456789abcdef", offset: 5))
                == #"{"tableRequest":{"fingerprint":"0123456789abcdef","offset":5}}"#)
        #expect(text(.stop(reason: "done")) == #"{"stop":{"reason":"done"}}"#)
        #expect(
            text(.hello(worker: Self.worker))
                == #"{"hello":{"worker":{"featureWidth":128,"graphFingerprint":"000000000000feed","host":"alpha","#
                + #""name":"sampler-0","pid":4711,"pinCount":25975,"protocolVersion":2,"recipe":"0000000000000007"}}}"#)
        #expect(Self.worker.graphFingerprintValue == 0xfeed)
        #expect(Self.worker.recipeValue == 7)
    }

    @Test(
        "other bytes are an error",
        arguments: [
            "", "{", "[]", "null", #"{"hello":{}}"#, #"{"welcome":{"credit":0}}"#, #"{"welcome":{"credit":1025}}"#,
            #"{"welcome":{"credit":1.5}}"#, #"{"ticket":{"batches":[-1]}}"#, #"{"ticket":{"batches":[1e30]}}"#,
            #"{"ticket":{"batches":[1],"table":{"epoch":1,"fingerprint":"x"}}}"#,
            #"{"tableRequest":{"fingerprint":"0123456789ABCDEF","offset":0}}"#,
            #"{"stop":{"reason":"two\nlines"}}"#, #"{"leave":{}}"#, #"{"welcome":{"credit":1},"stop":{"reason":"x"}}"#,
            #"{"heartbeat":{"counters":{"batches":1,"walkSteps":1,"busySeconds":-1}}}"#,
            #"{"hello":{"worker":{"featureWidth":1,"graphFingerprint":"feed","host":"a","name":"b","pid":1,"#
                + #""pinCount":1,"protocolVersion":1,"recipe":"0000000000000007"}}}"#,
        ])
    func malformed(_ text: String) {
        let frame = Frame(copying: Array(text.utf8))
        let error = errorOf { () throws(MinibatchError) in try ControlMessage.decode(frame) }
        #expect(error.map { "\($0)".contains("malformed") } == true, "\(text)")
    }

    @Test("a message that is too long or nests without end is an error")
    func limits() {
        let long = #"{"stop":{"reason":""# + String(repeating: "x", count: 1025) + #""}}"#
        let tickets = #"{"ticket":{"batches":["# + String(repeating: "1,", count: 1024) + "1]}}"
        let huge = String(repeating: " ", count: 1 << 16) + #"{"welcome":{"credit":4}}"#
        let nested = String(repeating: "[", count: 60_000)
        for text in [long, tickets, huge, nested] {
            let frame = Frame(copying: Array(text.utf8))
            #expect(errorOf { () throws(MinibatchError) in try ControlMessage.decode(frame) } != nil)
        }
    }

    @Test("brackets without end are refused at every depth, the 513th too, where Foundation's decoder traps")
    func depth() {
        for open in ["[", "{\"a\":"] {
            for depth in 1...1100 {
                let frame = Frame(copying: Array(String(repeating: open, count: depth).utf8))
                #expect(errorOf { () throws(MinibatchError) in try ControlMessage.decode(frame) } != nil)
            }
        }
    }

    @Test("thousands of random changes never crash the reader, and what it reads it can send")
    func mutations() {
        var random = CounterBasedGenerator(seed: 5, purpose: 100, 2, 0)
        for _ in 0..<3000 {
            var bytes = Self.messages.randomElement(using: &random)!.encode().array
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let message = try? ControlMessage.decode(Frame(copying: bytes)) else { continue }
            _ = message.encode()
        }
    }
}
