import Artifacts
import Basics
import Foundation

/// What samplers and trainer tell each other beside the batches: one JSON object in one frame.
///
///     {"hello":{"worker":{"name":"sampler-0","protocolVersion":1, …}}}      sampler → trainer, first
///     {"welcome":{"credit":4}}   {"refused":{"reason":"…"}}                 trainer → sampler, in answer
///     {"unknown":{}}   {"ticket":{"batches":[7,8]}}   {"stop":{"reason":"…"}}                trainer → sampler
///     {"ticket":{"batches":[7,8],"table":{"epoch":1,"fingerprint":"0123456789abcdef"}}}      trainer → sampler
///     {"tableRequest":{"fingerprint":"0123456789abcdef","offset":0}}      sampler → trainer, answered by a `TableChunk`
///     {"heartbeat":{"counters":{"batches":3,"busySeconds":1.5,"held":[8],"neighborhoods":900,"reused":720,"walkSteps":90000}}}
public enum ControlMessage: Codable, Equatable, Sendable {
    /// A sampler introduces itself and says from what it makes batches.
    case hello(worker: WorkerDescription)
    /// The sampler may work; `credit` tickets come at once.
    case welcome(credit: Int)
    /// Make these batches, their hard negatives from this table; none in answer to a heartbeat.
    case ticket(batches: [UInt64], table: TableName? = nil)
    /// Send a piece of this table, from this byte on.
    case tableRequest(fingerprint: String, offset: UInt64)
    /// The sampler is alive; counters since its start.
    case heartbeat(counters: SamplerCounters)
    /// The sampler does not fit this run and should end with an error.
    case refused(reason: String)
    /// The trainer does not know this worker, perhaps because it was started anew: say hello again.
    case unknown
    /// The work is done or is being stopped: end without an error.
    case stop(reason: String)

    /// Of this form of the conversation; trainer and samplers must have the same.
    public static let protocolVersion = 2
    /// Most bytes of a message.
    public static let byteCountMax = 1 << 16
    /// Most batches that a heartbeat names.
    public static let heldMax = 1024
    /// Most bytes of a text in a message.
    public static let textBytesMax = 1024

    /// The message as a frame.
    ///
    /// - Precondition: it keeps its own limits: see `decode`.
    public func encode() -> Frame {
        do {
            try validate()
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let bytes = try encoder.encode(self)
            precondition(bytes.count <= Self.byteCountMax, "ControlMessage: \(bytes.count) bytes")
            return Frame(copying: bytes)
        } catch {
            preconditionFailure("ControlMessage: cannot be sent: \(error)")
        }
    }

    /// Reads a message.
    ///
    /// - Throws: `MinibatchError.malformed` unless the frame is one of the messages, within 64 KiB, its texts at most
    ///   1,024 bytes without control characters, its numbers in range.
    public static func decode(_ frame: Frame) throws(MinibatchError) -> ControlMessage {
        guard frame.byteCount <= byteCountMax else {
            throw .malformed(
                field: "control message", expected: "at most \(byteCountMax) bytes", found: "\(frame.byteCount)")
        }
        let message: ControlMessage
        do {
            message = try unsafe BoundedJSON.decode(ControlMessage.self, from: Data(frame.bytes))
        } catch {
            throw .malformed(field: "control message", expected: "one of the messages in JSON", found: "other bytes")
        }
        try message.validate()
        return message
    }

    private func validate() throws(MinibatchError) {
        switch self {
        case .hello(let worker):
            for (field, text) in [("name", worker.name), ("host", worker.host)] {
                try checkText(text, "worker \(field)")
            }
            for (field, digits) in [("graphFingerprint", worker.graphFingerprint), ("recipe", worker.recipe)] {
                try checkDigits(digits, field)
            }
            for (key, value) in worker.settings ?? [:] {
                try checkText(key, "settings")
                try checkText(value, "settings")
            }
            try checkRange(worker.pinCount, "pinCount", 0...Int(UInt32.max))
            try checkRange(worker.featureWidth, "featureWidth", 0...(1 << 20))
        case .welcome(let credit):
            try checkRange(credit, "credit", 1...1024)
        case .ticket(let batches, let table):
            try checkRange(batches.count, "batches of a ticket", 0...1024)
            if let table { try checkDigits(table.fingerprint, "fingerprint") }
        case .tableRequest(let fingerprint, _):
            try checkDigits(fingerprint, "fingerprint")
        case .heartbeat(let counters):
            guard counters.busySeconds.isFinite, counters.busySeconds >= 0 else {
                throw .malformed(field: "busySeconds", expected: "0 or more", found: "\(counters.busySeconds)")
            }
            try checkRange(counters.held?.count ?? 0, "held batches", 0...Self.heldMax)
        case .unknown:
            break
        case .refused(let reason), .stop(let reason):
            try checkText(reason, "reason")
        }
    }
}

/// Who a sampler is and from what it makes batches.
public struct WorkerDescription: Codable, Equatable, Sendable {
    public var protocolVersion: Int
    /// 16 hexadecimal digits.
    public var graphFingerprint: String
    /// 16 hexadecimal digits.
    public var recipe: String
    public var name: String
    public var pid: Int32
    public var host: String
    public var pinCount: Int
    /// Width of the graph's features; 0 when it has none.
    public var featureWidth: Int
    /// The settings that the recipe stands for, by dotted key, so that a difference can be named; nil: it does not say.
    public var settings: [String: String]?

    public init(
        graphFingerprint: UInt64, recipe: UInt64, name: String, pid: Int32, host: String, pinCount: Int,
        featureWidth: Int, settings: [String: String]? = nil, protocolVersion: Int = ControlMessage.protocolVersion
    ) {
        self.settings = settings
        self.protocolVersion = protocolVersion
        self.graphFingerprint = Checksum.hex(graphFingerprint)
        self.recipe = Checksum.hex(recipe)
        self.name = name
        self.pid = pid
        self.host = host
        self.pinCount = pinCount
        self.featureWidth = featureWidth
    }

    /// Whether a worker may be called so: 1 to 255 bytes, as many as an address of the sockets has, without control
    /// characters.
    public static func isName(_ name: String) -> Bool { (1...255).contains(name.utf8.count) && isPlain(name) }

    /// The numbers that the digits stand for.
    public var graphFingerprintValue: UInt64? { UInt64(graphFingerprint, radix: 16) }
    public var recipeValue: UInt64? { UInt64(recipe, radix: 16) }
}

/// A sampler's counters since its start, and what it holds.
public struct SamplerCounters: Codable, Equatable, Sendable {
    public var batches: UInt64
    /// Steps pin → board → pin.
    public var walkSteps: UInt64
    /// Time spent making batches, without waiting.
    public var busySeconds: Double
    /// Batches that it has been given and has yet to make or to send; nil: it does not say.
    public var held: [UInt64]?
    /// Neighbourhoods that its batches asked for; nil: it does not say.
    public var neighborhoods: UInt64?
    /// How many of them had been walked before.
    public var reused: UInt64?

    public init(batches: UInt64 = 0, walkSteps: UInt64 = 0, busySeconds: Double = 0, held: [UInt64]? = nil) {
        self.held = held
        self.batches = batches
        self.walkSteps = walkSteps
        self.busySeconds = busySeconds
    }
}

private func checkText(_ text: String, _ field: String) throws(MinibatchError) {
    guard text.utf8.count <= ControlMessage.textBytesMax, isPlain(text) else {
        throw .malformed(
            field: field, expected: "at most \(ControlMessage.textBytesMax) bytes of plain text", found: "another text")
    }
}

private func checkDigits(_ digits: String, _ field: String) throws(MinibatchError) {
    guard digits.utf8.count == 16, digits.utf8.allSatisfy(isLowerHexDigit) else {
        throw .malformed(field: field, expected: "16 hexadecimal digits", found: "another text")
    }
}

private func checkRange(_ value: Int, _ field: String, _ range: ClosedRange<Int>) throws(MinibatchError) {
    guard range.contains(value) else {
        throw .malformed(field: field, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
}

private func isLowerHexDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
